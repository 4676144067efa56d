"""The sinks beside Slack against loopback services, and Slack as a bot through the real client."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from logwatchd import clock
from logwatchd.alerting.http_sinks import AlertmanagerSink, PagerDutySink, WebhookSink
from logwatchd.alerting.local_sinks import CommandSink, EmailSink
from logwatchd.alerting.message import Digest, Kind, Message
from logwatchd.alerting.payload import as_json, subject_of, text_of
from logwatchd.alerting.sink import MessageRefusedError, Sink
from logwatchd.alerting.slack import SlackBotSink
from logwatchd.alerting.smtp import MailServer
from logwatchd.errors import PermanentError, RetryableError
from logwatchd.records import Analysis, Severity
from tests.alerting.at_work import in_time
from tests.alerting.builders import NOON, alert, message, steers_nothing
from tests.fakes import Drip, Garbage, Hang, Reset, Status
from tests.fakes.hook import FakeHook
from tests.fakes.slack import FakeSlackApi
from tests.fakes.smtp import FakeSmtp

SECRET = SecretStr("sink-secret-0123456789")
WORDS = Analysis("The disk is full.", Severity.P2, "Look at df.", "claude", check_also=("inodes",))
DIGEST = Digest("d1", 280, 300, NOON, NOON + timedelta(minutes=1), (("shop", "P2-High", 280),), 0, ("fault 7",))


def test_a_webhook_is_signed_and_holds_everything() -> None:
    with FakeHook("/hook") as hook:
        sink = WebhookSink("ops", hook.url + "/hook", SECRET)
        sink.deliver(message(analysis=WORDS, lines=7))
        sink.deliver(DIGEST)
        first, second = hook.requests
    signed = hmac.new(
        SECRET.get_secret_value().encode(), first.headers["x-logwatchd-timestamp"].encode() + b"." + first.raw, "sha256"
    )
    assert first.headers["x-logwatchd-signature"] == f"sha256={signed.hexdigest()}"
    assert (first.body["kind"], first.body["key"], first.body["severity"]) == ("alert", alert().id, "P2")
    assert first.body["incident"]["lines"] == 7
    assert first.body["analysis"]["likely_cause"] == "The disk is full."
    assert (second.body["kind"], second.body["digest"]["incidents"]) == ("digest", 280)


def test_alertmanager_gets_an_alert_and_its_end() -> None:
    with FakeHook("/api/v2/alerts") as hook:
        sink = AlertmanagerSink("am", hook.url + "/", SECRET)
        sink.deliver(message())
        sink.deliver(message(kind=Kind.RESOLVED))
        sink.deliver(DIGEST)
        sink.deliver(message(replace(alert(), late=True)))
        (fires,), (ends,), (digest,), (late,) = hook.history
        assert hook.requests[0].headers["authorization"] == f"Bearer {SECRET.get_secret_value()}"
    assert fires["labels"] == ends["labels"]
    assert fires["labels"]["alertname"] == "LogAnomaly"
    assert fires["endsAt"] > fires["startsAt"] == ends["startsAt"] == ends["endsAt"]
    assert digest["labels"]["alertname"] == "LogAnomalyDigest"
    in_time = clock.utc_now().isoformat()  # what ends before is taken for over
    assert fires["endsAt"] > in_time
    assert digest["endsAt"] > in_time
    assert "caveat" not in fires["annotations"]
    assert late["annotations"]["caveat"].startswith("Told late")


def test_those_who_keep_incidents_themselves_want_to_hear_everything() -> None:
    url = "http://127.0.0.1:1"
    sinks = (WebhookSink("a", url, SECRET), AlertmanagerSink("b", url, None), PagerDutySink("c", None, SECRET))
    assert all(sink.wants(kind) for sink in sinks for kind in Kind)


def test_pagerduty_gets_one_incident_with_its_end() -> None:
    with FakeHook("/v2/enqueue") as hook:
        sink = PagerDutySink("pd", hook.url + "/v2/enqueue", SECRET)
        for kind in (Kind.ALERT, Kind.UPDATE, Kind.ANALYSIS, Kind.RESOLVED):
            sink.deliver(message(analysis=WORDS, kind=kind))
        events = hook.history
    assert [event["event_action"] for event in events] == ["trigger"] * 3 + ["resolve"]
    assert {event["dedup_key"] for event in events} == {alert().id}
    assert events[0]["payload"]["severity"] == "error"
    assert events[0]["payload"]["custom_details"]["likely_cause"] == "The disk is full."


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Status(400), MessageRefusedError),
        (Status(401), PermanentError),
        (Status(302, headers={"Location": "http://127.0.0.1:1/"}), PermanentError),
        (Status(429, headers={"Retry-After": "7"}), RetryableError),
        (Status(503), RetryableError),
        (Reset(), RetryableError),
        (Drip(), RetryableError),
        (Drip(head=True), RetryableError),
        (Hang(), RetryableError),
    ],
    ids=["400", "401", "redirect", "429", "503", "reset", "drip", "drip in the headers", "hang"],
)
def test_refusals_and_troubles_are_told_apart_without_the_secret(
    answer: Any, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logwatchd.alerting.http_sinks.TIMEOUT_S", 0.3)
    with FakeHook("/hook") as hook:
        hook.enqueue(answer)
        with pytest.raises(error) as caught:
            in_time(lambda: WebhookSink("ops", hook.url + "/hook", SECRET).deliver(message()))
    assert SECRET.get_secret_value() not in str(caught.value)
    if isinstance(answer, Status) and answer.code == 429:
        assert isinstance(caught.value, RetryableError)
        assert caught.value.retry_after_s == 7


def test_a_command_gets_the_message_on_standard_input(tmp_path: Path) -> None:
    program, out = tmp_path / "page", tmp_path / "out"
    program.write_text(f"#!/bin/sh\ncat > {out}\n")
    program.chmod(0o755)
    CommandSink("pager", [str(program)]).deliver(message())
    assert json.loads(out.read_text())["alert"]["line"] == "database is locked"
    program.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(RetryableError, match="ended with status 3"):
        CommandSink("pager", [str(program)]).deliver(message())
    program.write_text("#!/bin/sh\nexit 65\n")
    with pytest.raises(MessageRefusedError, match="ended with status 65"):
        CommandSink("pager", [str(program)]).deliver(message())
    program.chmod(stat.S_IRUSR)
    if os.access(program, os.X_OK):
        pytest.skip("this user may run anything")
    with pytest.raises(PermanentError, match="mend the sink's command"):
        CommandSink("pager", [str(program)]).deliver(message())


def test_a_command_that_is_not_there_is_refused() -> None:
    with pytest.raises(PermanentError, match="mend the sink's command"):
        CommandSink("pager", ["/nowhere/page"]).deliver(message())


def test_a_script_that_names_no_interpreter_is_refused_with_the_mend(tmp_path: Path) -> None:
    program = tmp_path / "page"
    program.write_text("cat > /dev/null\n")
    program.chmod(0o755)
    with pytest.raises(PermanentError, match=r"Exec format error: begin it with a line such as #!/bin/sh"):
        CommandSink("pager", [str(program)]).deliver(message())


def test_a_command_that_hangs_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logwatchd.alerting.local_sinks.TIMEOUT_S", 0.1)
    with pytest.raises(RetryableError, match=r"did not end within 0\.1 s"):
        CommandSink("pager", ["/bin/sleep", "60"]).deliver(message())


def mail_sink(smtp: FakeSmtp) -> Sink:
    return EmailSink("mail", MailServer("127.0.0.1", smtp.port, "none", None, None), "l@example.org", ["o@example.org"])


def test_mail_is_plain_text_and_what_follows_is_a_reply() -> None:
    with FakeSmtp() as smtp:
        sink = mail_sink(smtp)
        receipt = sink.deliver(message(alert("disk\r\nBcc: x@example.org"), WORDS))
        sink.deliver(message(alert("disk"), WORDS, kind=Kind.UPDATE, why="it has grown", receipt=receipt))
        sink.deliver(DIGEST)
        first, second, third = smtp.mails
    assert first["Subject"] == "[logwatchd] P2 shop: disk ... Bcc: x@example.org"
    assert first["Bcc"] is None
    assert "Likely cause (confidence: medium): The disk is full." in str(first.get_payload(decode=True))
    assert second["In-Reply-To"] == first["Message-ID"] == receipt
    assert "280 more incidents" in third["Subject"]


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"RCPT": "550 no such user"}, PermanentError),
        ({"RCPT": "450 later"}, RetryableError),
        ({"MAIL": "530 log in first"}, PermanentError),
        ({"DATA": "451 disk full"}, RetryableError),
    ],
)
def test_a_mail_servers_refusals_are_told_apart(answers: dict[str, str], error: type[Exception]) -> None:
    with FakeSmtp() as smtp:
        smtp.answers = answers
        with pytest.raises(error):
            mail_sink(smtp).deliver(message())


@pytest.mark.parametrize("verb", ["", "EHLO", "MAIL", "DATA", "."])
def test_a_mail_server_that_drips_is_given_up_in_time(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logwatchd.alerting.local_sinks.TIMEOUT_S", 0.3)
    with FakeSmtp() as smtp:
        smtp.drips = verb
        with pytest.raises(RetryableError, match="no answer from"):
            in_time(lambda: mail_sink(smtp).deliver(message()))


@pytest.mark.parametrize("stalls", ["silent", "drips"])
@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_mail_server_that_stalls_in_the_tls_handshake_is_given_up_in_time(
    tls: Literal["starttls", "tls"], stalls: Literal["silent", "drips"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logwatchd.alerting.local_sinks.TIMEOUT_S", 0.5)
    with FakeSmtp() as smtp:
        smtp.stalls = stalls
        if tls == "starttls":
            smtp.answers = {"EHLO": "250-loopback\r\n250 STARTTLS", "STARTTLS": "220 go on"}
        sink = EmailSink(
            "mail", MailServer("127.0.0.1", smtp.port, tls, None, None), "l@example.org", ["o@example.org"]
        )
        with pytest.raises(RetryableError, match=r"no answer from .*Timeout"):
            in_time(lambda: sink.deliver(message()))
        assert smtp.stalled.is_set()


@pytest.mark.parametrize("answers", [{"QUIT": "421 too busy"}, {}], ids=["refuses", "drips"])
def test_a_mail_that_was_taken_is_sent_whatever_is_said_to_our_leaving(
    answers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeSmtp() as smtp:
        smtp.answers = answers
        if not answers:
            smtp.drips = "QUIT"
            monkeypatch.setattr("logwatchd.alerting.local_sinks.TIMEOUT_S", 1.0)
        in_time(lambda: mail_sink(smtp).deliver(message()))
        assert len(smtp.mails) == 1


def test_a_mail_server_without_tls_gets_no_log_in() -> None:
    with FakeSmtp() as smtp:
        server = MailServer("127.0.0.1", smtp.port, "starttls", "me", SECRET)
        with pytest.raises(PermanentError, match="tls"):
            EmailSink("mail", server, "l@example.org", ["o@example.org"]).deliver(message())


def bot(slack: FakeSlackApi) -> SlackBotSink:
    return SlackBotSink(SecretStr("xoxb-loopback-token"), "#alerts", slack.url + "/api/")


def test_a_bots_updates_are_replies_to_its_alert() -> None:
    with FakeSlackApi() as slack:
        receipt = bot(slack).deliver(message())
        for kind in (Kind.ANALYSIS, Kind.UPDATE, Kind.RESOLVED):
            bot(slack).deliver(message(analysis=WORDS, kind=kind, receipt=receipt, why="it has grown tenfold"))
        bot(slack).deliver(DIGEST)
        assert receipt == slack.stamps[0]
        assert [body.get("thread_ts") for body in slack.history] == [None, receipt, receipt, receipt, None]
        assert {body["channel"] for body in slack.history} == {"#alerts"}


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        ("invalid_auth", PermanentError, "the token is wrong; mend the slack_bot_token"),
        ("not_in_channel", PermanentError, "invite it"),
        ("ratelimited", RetryableError, "ratelimited"),
        (Status(429, headers={"Retry-After": "9"}), RetryableError, "429"),
        (Status(503), RetryableError, "503"),
        (Reset(), RetryableError, "no answer"),
        (Drip(), RetryableError, "no answer"),
        (Drip(head=True), RetryableError, "no answer"),
        (Garbage(), RetryableError, "200 and no JSON"),
    ],
)
def test_a_bots_troubles_are_told_apart_without_the_token(
    answer: Any, error: type[Exception], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logwatchd.alerting.slack.TIMEOUT_S", 0.3)
    with FakeSlackApi() as slack:
        slack.enqueue(slack.refusing(answer) if isinstance(answer, str) else answer)
        with pytest.raises(error, match=says) as caught:
            in_time(lambda: bot(slack).deliver(message()))
    assert "xoxb-loopback-token" not in str(caught.value)


def test_a_reply_to_a_closed_thread_goes_into_the_channel() -> None:
    with FakeSlackApi() as slack:
        receipt = bot(slack).deliver(message())
        slack.enqueue(slack.refusing("cannot_reply_to_message"))
        assert bot(slack).deliver(message(kind=Kind.UPDATE, receipt=receipt, why="it has grown tenfold")) is not None
        assert [body.get("thread_ts") for body in slack.history] == [None, receipt, None]


def test_blocks_that_a_bot_may_not_send_become_plain_text() -> None:
    with FakeSlackApi() as slack:
        slack.enqueue(slack.refusing("invalid_blocks"))
        assert bot(slack).deliver(message()) is not None
        assert ["blocks" in body for body in slack.history] == [True, False]


@given(st.text(st.characters(exclude_categories=())), st.sampled_from(Kind))
def test_no_line_steers_what_is_made_of_it(line: str, kind: Kind) -> None:
    about: Message = message(alert(line or "x", service=line), WORDS, kind=kind, why=line)
    assert steers_nothing(subject_of(about))
    assert steers_nothing(text_of(about), keep="\n")
    assert json.loads(as_json(about))["key"] == about.alert.id
    assert hashlib.sha256(as_json(replace(about))).digest() == hashlib.sha256(as_json(about)).digest()
