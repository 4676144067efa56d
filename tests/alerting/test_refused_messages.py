"""A message that a sink cannot take is set aside while the others go on; a sink that takes none is what is wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import MutableMapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from logwatchd.alerting.aside import ALL_REFUSED
from logwatchd.alerting.board import Board, DeliveryJob, Services
from logwatchd.alerting.http_sinks import AlertmanagerSink, WebhookSink
from logwatchd.alerting.local_sinks import EmailSink
from logwatchd.alerting.message import Kind
from logwatchd.alerting.outbox import FILE_NAME, News, Outbox
from logwatchd.alerting.sink import JournalSink, MessageRefusedError, Sink
from logwatchd.alerting.slack import SlackBotSink, SlackSink
from logwatchd.alerting.smtp import MailServer
from logwatchd.errors import PermanentError, RetryableError
from logwatchd.journal import Event
from tests.alerting.builders import alert, full_disk, message, new
from tests.fakes import Status
from tests.fakes.hook import FakeHook
from tests.fakes.server import Answer, Reply, Request
from tests.fakes.slack import FakeSlack, FakeSlackApi
from tests.fakes.smtp import FakeSmtp

Entries = list[MutableMapping[str, Any]]
SECRET = SecretStr("sink-secret-0123456789")
JOURNAL = JournalSink()


class PickyHook(FakeHook):
    """Refuses what says one of these words, as Alertmanager refuses a label that is none."""

    def __init__(self, *words: str) -> None:
        self.words = words
        super().__init__("/hook")

    def well(self, request: Request) -> Answer:
        return Status(400) if any(word in request.raw.decode() for word in self.words) else Reply({})


def stored(folder: Path, *lines: str) -> Outbox:
    outbox = Outbox(folder)
    outbox.store([new(line, alert(line)) for line in lines], [])
    return outbox


def board_of(outbox: Outbox, *sinks: Sink) -> Board:
    return Board(outbox, Services(sinks, {}, None, 0.0))


def deliver_all(board: Board, now: float = 0.0) -> list[str]:
    """As couriers do; returns the lines that were taken, in their order."""
    taken = []
    while isinstance(job := board.next_delivery(now), DeliveryJob):
        pending = job.pending
        assert pending.alert is not None
        try:
            job.sink.deliver(message(pending.alert, kind=pending.kind))
        except (RetryableError, PermanentError, MessageRefusedError) as error:
            board.not_delivered(job, error, now)
        else:
            taken.append(pending.alert.line)
            board.delivered(job, None, now)
    return taken


def states(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        return [state for (state,) in connection.execute("SELECT state FROM alerts ORDER BY seq")]


@pytest.mark.parametrize("code", [400, 413, 422])
def test_one_message_that_is_refused_stops_no_other(tmp_path: Path, entries: Entries, code: int) -> None:
    outbox = stored(tmp_path, "one", "bad", "three")
    with PickyHook() as hook:
        hook.enqueue(Reply({}), Status(code))
        board = board_of(outbox, WebhookSink("ops", hook.url + "/hook", SECRET))
        assert deliver_all(board) == ["one", "three"]
    assert board.states(0.0) == {"ops": "ok"}
    assert outbox.counts() == {"pending": 0, "sent": 2, "refused": 1, "held": 0}
    assert [(entry["event"], entry["alert_id"]) for entry in entries] == [(Event.ALERT_REFUSED, alert("bad").id)]
    assert str(code) in entries[0]["reason"]
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        ((seq, sink, reason),) = connection.execute(
            "SELECT seq, sink, refused FROM deliveries WHERE refused IS NOT NULL"
        ).fetchall()
    assert (seq, sink) == (2, "ops")
    assert str(code) in reason


def test_other_sinks_get_it_all_the_same(tmp_path: Path, entries: Entries) -> None:
    outbox = stored(tmp_path, "one", "bad", "three")
    with PickyHook("bad") as hook:
        board = board_of(outbox, WebhookSink("ops", hook.url + "/hook", SECRET), JOURNAL)
        assert sorted(deliver_all(board)) == ["bad", "one", "one", "three", "three"]
    assert states(tmp_path) == ["sent", "refused", "sent"]


def test_it_waits_for_another_message_to_show_whose_fault_it_is(tmp_path: Path, entries: Entries) -> None:
    outbox = stored(tmp_path, "bad")
    with PickyHook("bad") as hook:
        board = board_of(outbox, WebhookSink("ops", hook.url + "/hook", SECRET))
        assert deliver_all(board) == []
        assert deliver_all(board) == []
        assert len(hook.requests) == 1
        assert outbox.counts()["pending"] == 1
        assert board.at_rest(0.0, 0.0)
        assert board.set_aside == 1
        outbox.store([new("good", alert("good"))], [])
        board.alerts_arrived()
        assert deliver_all(board) == ["good"]
    assert states(tmp_path) == ["refused", "sent"]
    assert board.set_aside == 0


def test_a_reload_and_a_restart_try_it_again(tmp_path: Path, entries: Entries) -> None:
    outbox = stored(tmp_path, "bad")
    with PickyHook("bad") as hook:
        sink = WebhookSink("ops", hook.url + "/hook", SECRET)
        board = board_of(outbox, sink)
        deliver_all(board)
        board.reconfigure(Services((sink,), {}, None, 0.0))
        deliver_all(board)
        assert len(hook.requests) == 2
        hook.words = ()
        assert deliver_all(board_of(outbox, sink)) == ["bad"]
    assert states(tmp_path) == ["sent"]


def test_a_sink_that_refuses_everything_is_off_until_a_reload_and_loses_nothing(
    tmp_path: Path, entries: Entries
) -> None:
    lines = [f"line {number}" for number in range(ALL_REFUSED + 3)]
    outbox = stored(tmp_path, *lines)
    with PickyHook("line") as hook:
        sink = WebhookSink("ops", hook.url + "/hook", SECRET)
        board = board_of(outbox, sink)
        assert deliver_all(board) == []
        assert len(hook.requests) == ALL_REFUSED
        assert board.states(0.0) == {"ops": "refused"}
        assert outbox.counts()["pending"] == len(lines)
        assert [entry["event"] for entry in entries].count(Event.SINK_REFUSED) == 1
        hook.words = ()
        board.reconfigure(Services((sink,), {}, None, 0.0))
        assert deliver_all(board) == lines
    assert set(states(tmp_path)) == {"sent"}


def test_many_messages_about_one_incident_do_not_speak_against_the_sink(tmp_path: Path, entries: Entries) -> None:
    outbox = stored(tmp_path, "bad")
    for number in range(2 * ALL_REFUSED):
        outbox.update_incidents([], [], [News(alert("bad").id, Kind.UPDATE, f"{number} lines")])
    outbox.store([new("good", alert("good"))], [])
    with PickyHook("bad") as hook:
        board = board_of(outbox, WebhookSink("ops", hook.url + "/hook", SECRET))
        assert deliver_all(board) == ["good"]
    assert states(tmp_path) == ["refused"] * (1 + 2 * ALL_REFUSED) + ["sent"]


@pytest.mark.parametrize("code", [401, 403, 404, 405, 410])
def test_a_sink_that_is_refused_itself_is_off_at_once(tmp_path: Path, entries: Entries, code: int) -> None:
    outbox = stored(tmp_path, "one", "two")
    with PickyHook() as hook:
        hook.enqueue(Status(code))
        board = board_of(outbox, AlertmanagerSink("am", hook.url, SECRET))
        assert deliver_all(board) == []
        assert len(hook.requests) == 1
    assert board.states(0.0) == {"am": "refused"}
    assert outbox.counts()["pending"] == 2


def test_what_was_set_aside_is_not_sent_twice_although_the_disk_was_full(tmp_path: Path, entries: Entries) -> None:
    outbox = stored(tmp_path, "bad", "good")
    with PickyHook("bad") as hook:
        board = board_of(outbox, WebhookSink("ops", hook.url + "/hook", SECRET))
        first = board.next_delivery(0.0)
        assert isinstance(first, DeliveryJob)
        board.not_delivered(first, MessageRefusedError("ops says 400"), 0.0)
        second = board.next_delivery(0.0)
        assert isinstance(second, DeliveryJob)
        with full_disk(), pytest.raises(RetryableError):
            board.delivered(second, None, 0.0)
        assert deliver_all(board) == []
        assert hook.requests == []
    assert states(tmp_path) == ["refused", "sent"]


def test_words_for_an_alert_that_was_refused_do_not_follow_it(tmp_path: Path, entries: Entries) -> None:
    from tests.alerting.test_board import WORDS

    outbox = Outbox(tmp_path)
    outbox.store([new("bad", alert("bad"), wants_analysis=True), new("good", alert("good"))], [])
    with PickyHook("bad") as hook:
        board = board_of(outbox, WebhookSink("ops", hook.url + "/hook", SECRET))
        assert deliver_all(board) == ["good"]
        outbox.analysed(1, WORDS)
        board.alerts_arrived()
        assert deliver_all(board) == []


def test_slack_refuses_a_payload_and_no_webhook() -> None:
    with FakeSlack() as slack:
        sink = SlackSink(SecretStr(slack.webhook_url))
        slack.enqueue(Status(400, "invalid_payload"), Status(400, "invalid_payload"))
        with pytest.raises(MessageRefusedError, match="invalid_payload"):
            sink.deliver(message())
        slack.enqueue(Status(400, "invalid_token"), Status(400, "invalid_token"))
        with pytest.raises(PermanentError, match="address is wrong"):
            sink.deliver(message())


def test_a_bots_message_is_refused_and_no_bot() -> None:
    with FakeSlackApi() as api:
        sink = SlackBotSink(SecretStr("xoxb-1"), "C1", api.url)
        api.enqueue(Reply({"ok": False, "error": "invalid_blocks"}), Reply({"ok": False, "error": "msg_too_long"}))
        with pytest.raises(MessageRefusedError, match="msg_too_long"):
            sink.deliver(message())


def test_a_mail_whose_content_is_refused_is_set_aside() -> None:
    with FakeSmtp() as server:
        server.answers["DATA"] = "554 not with these words"
        host = MailServer("127.0.0.1", server.port, "none", None, None)
        sink = EmailSink("mail", host, "a@b.example", ["c@d.example"])
        with pytest.raises(MessageRefusedError, match="554"):
            sink.deliver(message())
