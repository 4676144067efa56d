"""Blocks within Slack's limits, and the real slack_sdk client against a loopback server that has the same limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from logwatchd.alerting.slack import SlackSink
from logwatchd.alerting.slack_blocks import blocks_of, fallback_of, parts_of
from logwatchd.alerting.slack_text import SECTION_UNITS, fenced
from logwatchd.errors import LogwatchdError, PermanentError, RetryableError
from logwatchd.records import Analysis, Severity
from tests.alerting.at_work import in_time
from tests.alerting.builders import alert, message, steers_nothing
from tests.fakes import Drip, FakeSlack, Garbage, Hang, Reset, Status, Torn
from tests.fakes.server import Answer
from tests.fakes.slack import refusal_of

ANY = st.text(st.characters(exclude_categories=()), max_size=50)
PIECES = st.sampled_from(
    ["&", "<", ">", "`", "```", "*", "_", "~", "\n", "\x1b", "\u202e", "\U0001f525", "x", "<!channel>"]
)
NASTY = st.one_of(
    ANY,
    st.builds("".join, st.lists(PIECES, max_size=40)),
    st.builds(lambda piece, count: piece * count, PIECES, st.integers(0, 5000)),
)
WORDS = Analysis("The disk is full.", Severity.P2, "Look at `df -h`.", "claude-opus-4-6")


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as fake:
        yield fake


def texts(blocks: list[dict[str, Any]]) -> list[str]:
    found = [block["text"]["text"] for block in blocks if "text" in block]
    return found + [element["text"] for block in blocks for element in block.get("elements", [])]


@settings(deadline=None, max_examples=200)
@given(line=NASTY, example=NASTY, service=NASTY, path=NASTY, cause=NASTY, action=NASTY, analysed=st.booleans())
def test_blocks_keep_slacks_limits_whatever_the_line_holds(
    line: str, example: str, service: str, path: str, cause: str, action: str, analysed: bool
) -> None:
    made = alert(line, examples=(example,) * 3, service=service, path=path, pattern=line[:100])
    analysis = Analysis(cause, Severity.P1, action, service[:100]) if analysed else None
    blocks, text = blocks_of(message(made, analysis, 3)), fallback_of(message(made, analysis, 3))
    assert refusal_of({"text": text, "blocks": blocks}) is None
    assert refusal_of({"text": text}) is None
    for shown in [*texts(blocks)[1:], text]:
        bare = shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
        assert not set(bare) & set("&<>")
    for shown in texts(blocks)[1:]:
        assert shown.count("```") in (0, 2)
        assert steers_nothing(shown, keep="\n\t\u200b")
    json.dumps(blocks).encode()


@given(st.lists(NASTY, min_size=1, max_size=3), st.integers(60, SECTION_UNITS))
def test_a_fence_cannot_be_closed_from_within(lines: list[str], units: int) -> None:
    shown = fenced(lines, units)
    assert shown.startswith("```\n")
    assert shown.endswith("\n```")
    assert "```" not in shown[3:-3]
    assert len(shown.encode("utf-16-le")) // 2 <= units


def test_a_message_reads_well() -> None:
    shown = "\n".join(texts(blocks_of(message(alert("write <failed> & gone"), WORDS, 12))))
    assert shown.startswith("\U0001f7e0 P2-High: shop\n```\nwrite &lt;failed&gt; &amp; gone\n```\n*Score* 0.90")
    assert "(threshold 0.30)  *Level* ERROR  *Count* 12 lines so far" in shown
    assert "*Likely cause* (confidence: medium)\nThe disk is full.\n*Do first*\nLook at `df -h`." in shown
    assert "*Nearest normal lines*\n```\nuser &lt;N&gt; logged in\ncache hit for &lt;PATH&gt;\n```" in shown


def test_a_stack_trace_stands_in_lines_and_shows_its_exception() -> None:
    trace = "ERROR order failed\njava.lang.Error: a\n" + "\tat a.B.c(B.java:1)\n" * 200 + "Caused by: pool is empty"
    made = message(alert(trace), None, 1)
    shown = texts(blocks_of(made))[1]
    assert shown.startswith("```\nERROR order failed\njava.lang.Error: a\n... ")
    assert shown.endswith("\nCaused by: pool is empty\n```")
    assert "x0a" not in json.dumps(parts_of(made)) + fallback_of(made)
    assert fallback_of(made) == "P2-High shop: ERROR order failed ... Caused by: pool is empty"


def test_short_lines_leave_their_room_to_a_long_one() -> None:
    assert fenced(["a" * 90, "b", "c"], 110) == "```\n" + "a" * 90 + "\nb\nc\n```"


def test_without_analysis_it_explains_itself() -> None:
    shown = "\n".join(texts(blocks_of(message(alert(), None, 1))))
    assert "They do not have: database, is, locked." in shown
    assert "*Count* 1 line\n" in shown
    assert "Likely cause" not in shown


def test_an_analysis_that_plays_it_down_is_shown_one_step_lower_at_most() -> None:
    quiet = replace(WORDS, severity=Severity.P4)
    assert texts(blocks_of(message(alert(), quiet, 1)))[0].endswith("P3-Medium: shop")


def test_a_message_is_accepted_with_its_blocks(slack: FakeSlack) -> None:
    SlackSink(SecretStr(slack.webhook_url)).deliver(message(alert(), WORDS, 1))
    (body,) = slack.history
    assert {name: body[name] for name in ("blocks", "attachments")} == parts_of(message(alert(), WORDS, 1))
    assert body["text"] == "P2-High shop: database is locked The disk is full."
    assert (body["unfurl_links"], body["unfurl_media"]) == (False, False)


def test_blocks_that_are_refused_become_plain_text(slack: FakeSlack) -> None:
    slack.enqueue(Status(400, "invalid_blocks"))
    SlackSink(SecretStr(slack.webhook_url)).deliver(message(alert(), None, 1))
    assert ["blocks" in body for body in slack.history] == [True, False]
    assert slack.history[1]["text"].startswith("P2-High shop: database is locked")


@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        ([Status(403)], PermanentError, "the webhook's address is wrong"),
        ([Status(404)], PermanentError, "the webhook was removed or never was"),
        ([Status(410)], PermanentError, "its channel is archived"),
        ([Status(404, "<html>not Slack</html>")], PermanentError, "wrong or disabled"),
        ([Status(429)], RetryableError, "429"),
        ([Status(500)], RetryableError, "500"),
        ([Status(503)], RetryableError, "503"),
        ([Garbage(b"<html>please log in</html>", "text/html")], RetryableError, "not 'ok'"),
        ([Garbage(b"\xff\xfe", "text/html; charset=utf-8")], RetryableError, "UnicodeDecodeError"),
        ([Garbage(b"ok", "text/html; charset=klingon")], RetryableError, "LookupError"),
        ([Reset()], RetryableError, "ConnectionResetError"),
        ([Torn()], RetryableError, "IncompleteRead"),
    ],
)
def test_every_trouble_is_one_clear_line_without_the_address(
    slack: FakeSlack, answers: list[Answer], error: type[LogwatchdError], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    slack.enqueue(*answers)
    with caplog.at_level(1), pytest.raises(error) as caught:
        SlackSink(SecretStr(slack.webhook_url)).deliver(message(alert(), None, 1))
    text = str(caught.value)
    assert says in text
    assert "\n" not in text
    assert "secretsecret" not in text + caplog.text
    assert error is RetryableError or "mend the slack_webhook_url credential or SLACK_WEBHOOK_URL, then reload" in text
    assert len(slack.requests) == len(answers)


def test_a_wait_that_was_asked_for_is_passed_on(slack: FakeSlack) -> None:
    slack.enqueue(Status(429, headers={"Retry-After": "30"}))
    with pytest.raises(RetryableError) as caught:
        SlackSink(SecretStr(slack.webhook_url)).deliver(message(alert(), None, 1))
    assert caught.value.retry_after_s == 30


@pytest.mark.parametrize("answer", [Hang(), Drip(), Drip(head=True)], ids=["silence", "drops", "drops of a header"])
def test_no_answer_takes_longer_than_it_may(slack: FakeSlack, answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logwatchd.alerting.slack.TIMEOUT_S", 0.3)
    slack.enqueue(answer)
    with pytest.raises(RetryableError, match="no answer from Slack"):
        in_time(lambda: SlackSink(SecretStr(slack.webhook_url)).deliver(message(alert(), None, 1)))


def test_a_proxy_of_the_environment_is_used(slack: FakeSlack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", slack.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    slack.enqueue(Garbage(b"ok"))
    SlackSink(SecretStr("http://slack.invalid/services/x")).deliver(message(alert(), None, 1))
    assert [request.path for request in slack.requests] == ["http://slack.invalid/services/x"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/\u2026", "http://127.0.0.1:1/a b"])
def test_an_address_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(PermanentError, match="a character that no address has"):
        SlackSink(SecretStr(url)).deliver(message(alert(), None, 1))


def test_nobody_listening_is_a_trouble_that_may_pass() -> None:
    with FakeSlack() as fake:
        url = fake.webhook_url
    with pytest.raises(RetryableError, match="ConnectionRefusedError"):
        SlackSink(SecretStr(url)).deliver(message(alert(), None, 1))
