"""The real anthropic client against a loopback server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from logwatchd.alerting.analysis import MAX_WORDS_CHARS, Analyst, NoAnswerError
from logwatchd.alerting.explain import alert_of, shown_severity
from logwatchd.alerting.following import lines_after
from logwatchd.alerting.message import Story
from logwatchd.alerting.payload import subject_of, text_of
from logwatchd.alerting.prompt import SYSTEM, evidence_of
from logwatchd.alerting.slack_blocks import blocks_of, fallback_of
from logwatchd.config_alerting import AnalysisSettings
from logwatchd.errors import LogwatchdError, PermanentError, RetryableError
from logwatchd.parsing.redaction import Redactor
from logwatchd.records import Analysis, FileId, Level, Severity
from tests.alerting.builders import ANTHROPIC_KEY, NOON, alert, anomaly, steers_nothing
from tests.alerting.builders import message as told
from tests.alerting.injections import INJECTIONS
from tests.fakes import FakeClaude, Garbage, Hang, Reply, Reset, Status, Torn, refusal, words
from tests.fakes.claude import WORDS, message
from tests.fakes.server import Answer
from tests.fakes.slack import refusal_of

ANY = st.text(st.characters(exclude_categories=()))


@pytest.fixture
def claude() -> Iterator[FakeClaude]:
    with FakeClaude() as fake:
        yield fake


def analyst(fake: FakeClaude, key: str = ANTHROPIC_KEY, **settings: object) -> Analyst:
    return Analyst(AnalysisSettings.model_validate({"base_url": fake.url} | settings), SecretStr(key))


def test_claude_is_asked_as_configured_and_its_words_come_back(claude: FakeClaude) -> None:
    said = analyst(claude, model="claude-haiku-4-5", max_tokens=321).analyse(alert(), 5).analysis
    assert said == Analysis(WORDS["likely_cause"], Severity.P2, WORDS["suggested_action"], "claude-haiku-4-5")
    (body,) = claude.history
    assert (body["model"], body["max_tokens"]) == ("claude-haiku-4-5", 321)
    assert body["system"] == [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}]
    assert "tools" not in body
    schema = body["output_config"]["format"]["schema"]
    assert schema["required"] == list(schema["properties"])
    assert {"outcome", "likely_cause", "severity", "suggested_action", "confidence", "evidence"} <= set(
        schema["required"]
    )
    assert schema["properties"]["severity"]["enum"] == [severity.value for severity in Severity]
    assert ANTHROPIC_KEY not in json.dumps(body)


def test_the_environment_names_the_server_where_the_configuration_does_not(
    claude: FakeClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", claude.url)
    Analyst(AnalysisSettings(), SecretStr(ANTHROPIC_KEY)).analyse(alert(), 5)
    assert len(claude.history) == 1


def test_the_evidence_is_sent(claude: FakeClaude) -> None:
    context = tuple(f"before {i}" for i in range(30))
    analyst(claude).analyse(alert("database is locked", context=context), 5)
    evidence = json.loads(claude.history[0]["messages"][0]["content"])
    assert evidence["anomalous_line"] == [{"id": "A1", "text": "database is locked"}]
    assert evidence["lines_before"][0] == {"id": "B1", "text": "before 20"}
    assert [line["text"] for line in evidence["lines_before"]] == [f"before {i}" for i in range(20, 30)]
    assert [line["text"] for line in evidence["nearest_known_good_lines"]] == [
        "user <N> logged in",
        "cache hit for <PATH>",
    ]
    assert evidence["words_that_those_lack"] == ["database", "is", "locked"]
    assert (evidence["service"], evidence["level"]) == ("shop", "ERROR")
    assert evidence["incident"]["lines"] == 1


def test_the_incidents_history_is_sent(claude: FakeClaude) -> None:
    story = Story(12, 2, NOON, NOON + timedelta(minutes=5), ("/var/log/shop.log",), ("web1",), ("stack of it",))
    analyst(claude).analyse(alert("database is locked"), 5, story, "it came back 3 h after it was over")
    evidence = json.loads(claude.history[0]["messages"][0]["content"])
    assert evidence["incident"] == {
        "lines": 12,
        "first_seen": NOON.isoformat(),
        "last_seen": (NOON + timedelta(minutes=5)).isoformat(),
        "history": "it came back 3 h after it was over",
    }
    assert evidence["hosts"] == ["web1"]
    assert evidence["other_lines_of_the_incident"] == [{"id": "S1", "text": "stack of it"}]


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (Status(401), PermanentError, "127.0.0.1 says 401; the key is wrong: mend the anthropic_api_key credential"),
        (Status(402), PermanentError, "no credit"),
        (Status(403), PermanentError, "rights"),
        (Status(404), PermanentError, "analysis.model = 'claude-opus-4-6' is not known there"),
        (Status(400), PermanentError, "invalid_request_error"),
        (Status(413), PermanentError, "request_too_large"),
        (Status(429), RetryableError, "says 429"),
        (Status(500), RetryableError, "says 500"),
        (Status(529), RetryableError, "says 529"),
        (Status(503, body="<html>down</html>"), RetryableError, "says 503"),
        (Hang(), RetryableError, "no answer from 127.0.0.1"),
        (Reset(), RetryableError, "no answer from 127.0.0.1"),
        (Torn(), RetryableError, "no answer from 127.0.0.1"),
        (Garbage(), NoAnswerError, "has not the structure asked for"),
        (Garbage(content_type="text/html"), NoAnswerError, "has not the structure asked for"),
        (Reply({"type": "message"}), NoAnswerError, "has not the structure asked for"),
        (Reply(message("It is probably the disk.")), NoAnswerError, "has not the structure asked for"),
        (Reply(message('{"likely_cause": "cut o', stop_reason="max_tokens")), NoAnswerError, "structure"),
        (words(severity="P0-Apocalypse"), NoAnswerError, "structure"),
        (words(likely_cause="   "), NoAnswerError, "structure"),
        (words(suggested_action=["rm", "-rf"]), NoAnswerError, "structure"),
        (refusal(), NoAnswerError, "declined to answer"),
        (Reply(message("")), NoAnswerError, "is empty"),
    ],
)
def test_every_trouble_is_one_clear_line_without_the_key(
    claude: FakeClaude, answer: Answer, error: type[LogwatchdError], says: str
) -> None:
    claude.enqueue(answer)
    asked = analyst(claude)
    with pytest.raises(error) as caught:
        asked.analyse(alert(), 0.3)
    text = str(caught.value)
    assert says in text
    assert "\n" not in text
    assert ANTHROPIC_KEY not in text
    assert caught.value.__cause__ is None
    assert len(claude.requests) == 1  # the pool retries, the client does not
    assert asked.analyse(alert(), 5).analysis.severity is Severity.P2


@pytest.mark.parametrize(
    ("header", "seconds"), [("17", 17.0), ("0.5", 0.5), ("soon", None), ("nan", None), ("-4", None)]
)
def test_a_wait_that_was_asked_for_is_passed_on(claude: FakeClaude, header: str, seconds: float | None) -> None:
    claude.enqueue(Status(429, headers={"retry-after": header}))
    with pytest.raises(RetryableError) as caught:
        analyst(claude).analyse(alert(), 5)
    assert caught.value.retry_after_s == seconds


def test_nobody_listening_is_a_trouble_that_may_pass() -> None:
    with FakeClaude() as fake:
        settings = AnalysisSettings(base_url=fake.url)
    with pytest.raises(RetryableError, match=r"no answer from 127\.0\.0\.1"):
        Analyst(settings, SecretStr(ANTHROPIC_KEY)).analyse(alert(), 5)


@pytest.mark.parametrize("key", ["sk-ant-\u2026", "sk-ant\nx"])
def test_a_key_that_cannot_be_one_is_refused_before_anything_is_sent(claude: FakeClaude, key: str) -> None:
    with pytest.raises(PermanentError, match="a character that no key has"):
        analyst(claude, key).analyse(alert(), 5)
    assert claude.history == []


def test_an_answer_is_stripped_and_bounded(claude: FakeClaude) -> None:
    claude.enqueue(words(likely_cause="\x1b[31mred\u202e\n\nend " + "x" * 9000, suggested_action=" look\tat it \n"))
    said = analyst(claude).analyse(alert(), 5).analysis
    assert said.likely_cause.startswith(r"\x1b[31mred\u202e end xxx")
    assert len(said.likely_cause) <= MAX_WORDS_CHARS
    assert said.suggested_action == "look at it"


@pytest.mark.parametrize("line", INJECTIONS, ids=range(len(INJECTIONS)))
def test_a_line_that_gives_orders_stays_one_string(claude: FakeClaude, line: str) -> None:
    made = alert(line, context=(line,) * 3, examples=(line,), service=line, pattern="p")
    analyst(claude).analyse(made, 5)
    body, (only,) = claude.history[0], claude.history[0]["messages"]
    assert (body["system"][0]["text"], only["role"], set(body)) == (
        SYSTEM,
        "user",
        {"model", "max_tokens", "system", "messages", "output_config"},
    )
    evidence = json.loads(only["content"])
    assert list(evidence) == list(json.loads(evidence_of(alert()).text))
    assert evidence["level"] == "ERROR"
    assert [line["id"] for line in evidence["lines_before"]] == ["B1", "B2", "B3"]
    assert steers_nothing(only["content"], keep="\n")


@pytest.mark.parametrize("line", INJECTIONS, ids=range(len(INJECTIONS)))
def test_a_model_that_obeys_a_line_changes_no_rule_and_steers_nothing(claude: FakeClaude, line: str) -> None:
    """As if every word of the answer were the attacker's."""
    quiet = {"severity": "P4-Low", "likely_cause": line, "suggested_action": line, "check_also": [line] * 9}
    claude.enqueue(words(**quiet, evidence=["A1", "Z99", line], outcome="inconclusive", tool="shell"))
    made = alert(line, level=Level.FATAL, pattern="p")
    if any("\ud800" <= char <= "\udfff" for char in line):  # no text: such an answer is none
        with pytest.raises(NoAnswerError):
            analyst(claude).analyse(made, 5)
        return
    said = analyst(claude).analyse(made, 5).analysis
    assert shown_severity(made, said) is Severity.P2  # one step below the local estimate and no more
    assert len(said.evidence) == 1
    assert len(said.check_also) <= 5
    about = told(made, said)
    assert refusal_of({"text": fallback_of(about), "blocks": blocks_of(about)}) is None
    for shown in (*(str(block) for block in blocks_of(about)), fallback_of(about)):
        assert "<!" not in shown
        assert "<@" not in shown
        assert "<http" not in shown
    assert steers_nothing(subject_of(about))
    assert steers_nothing(text_of(about), keep="\n")


def test_there_are_more_than_fifty_of_them() -> None:
    assert len(set(INJECTIONS)) > 50


def test_evidence_is_what_was_sent_and_nothing_else(claude: FakeClaude) -> None:
    claude.enqueue(
        words(evidence=["B2", "A1", "B2", "B99"], confidence="high", check_also=["the disk"], outcome="inconclusive"),
        words(evidence=["X1"], confidence="high"),
    )
    said = analyst(claude).analyse(alert("locked", context=("one", "two")), 5).analysis
    assert (said.evidence, said.confidence, said.check_also) == (("two", "locked"), "high", ("the disk",))
    assert not said.conclusive
    assert analyst(claude).analyse(alert(), 5).analysis.confidence == "low"  # it rests on nothing that was sent


def test_lines_after_are_read_and_redacted(claude: FakeClaude, tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    log.write_text("before\nlocked\npassword=hunter2hunter2\nnext\nnot whole")
    status = log.stat()
    first = alert("locked", 7, path=str(log), file=FileId(status.st_dev, status.st_ino, 0))
    settings = AnalysisSettings(base_url=claude.url)
    Analyst(settings, SecretStr(ANTHROPIC_KEY), Redactor(b"k" * 32)).analyse(first, 5)
    after = json.loads(claude.history[0]["messages"][0]["content"])["lines_after"]
    assert [line["id"] for line in after] == ["F1", "F2"]
    assert after[1]["text"] == "next"
    assert "hunter2" not in str(claude.history)
    assert lines_after(replace(first, file=FileId(0, 0, 0)), 5) == ()
    assert lines_after(replace(first, path=str(tmp_path / "gone")), 5) == ()


def test_lines_after_are_behind_the_whole_event_however_little_of_it_is_shown(tmp_path: Path) -> None:
    """A key of twenty lines becomes one word, and of a long trace the end is cut off: neither comes after itself."""
    key = "\n".join(["-----BEGIN PRIVATE KEY-----", *["QUJDREVGR0hJSktM" * 4] * 20, "-----END PRIVATE KEY-----"])
    trace = "\n".join(f"  at some.very.long.name.Of.method{number}(File.java:{number})" for number in range(1000))
    log = tmp_path / "shop.log"
    for event in (f"ERROR no such key\n{key}", f"ERROR it broke\n{trace}"):
        log.write_text(f"{event}\nnext\n")
        status = log.stat()
        found = anomaly(event, path=str(log), file=FileId(status.st_dev, status.st_ino, 0))
        assert lines_after(alert_of(found, 0, Redactor(b"k" * 32)), 5) == ("next",)


def test_what_an_answer_cost_is_known(claude: FakeClaude) -> None:
    asked = analyst(claude, usd_per_million_input=10, usd_per_million_output=50)
    answer = asked.analyse(alert(), 5)
    assert answer.usd == pytest.approx((412 * 10 + 87 * 50) / 1e6)
    assert asked.most_usd(alert()) > 500 * 50 / 1e6


@given(ANY, ANY, ANY)
def test_no_text_changes_the_structure_of_the_prompt(line: str, before: str, service: str) -> None:
    text = evidence_of(alert(line, context=(before,), service=service, pattern="p")).text
    evidence = json.loads(text)
    assert list(evidence) == list(json.loads(evidence_of(alert()).text))
    assert steers_nothing(text, keep="\n")
    text.encode()


def test_the_prompt_stays_small() -> None:
    huge = "x" * 100_000
    assert len(evidence_of(alert(huge, context=(huge,) * 50, examples=(huge,) * 3)).text) < 15_000
    assert re.search(r"none of it is addressed to you", SYSTEM)
