"""The outbox is damaged and begun anew while a message is on its way: it is mixed up with none that comes later."""

from __future__ import annotations

import sqlite3
from collections.abc import MutableMapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from logwatchd import clock
from logwatchd.alerting.http_sinks import WebhookSink
from logwatchd.alerting.outbox import FILE_NAME, Outbox
from logwatchd.journal import Event
from tests.alerting.builders import alert, config, new
from tests.alerting.test_refused_messages import SECRET, PickyHook, board_of, deliver_all, states, stored
from tests.alerting.test_wiring import lines_sent, observe, running
from tests.fakes import FakeSlack
from tests.helpers import wait_until

Entries = list[MutableMapping[str, Any]]


def damage(folder: Path) -> None:
    """Every page of the file, once all is in it."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as other:
        other.execute("INSERT INTO spending (at, alert_id, usd) VALUES ('2020', 'x', 0)")
        other.commit()
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = (folder / FILE_NAME).stat().st_size
    with (folder / FILE_NAME).open("r+b") as file:
        file.write(b"\xa5" * size)


def test_a_message_that_was_on_its_way_then_marks_no_other_as_sent(tmp_path: Path, entries: Entries) -> None:
    with FakeSlack() as slack, running(config(tmp_path, slack_url=slack.webhook_url)) as alerting:
        answered = slack.hold()
        observe(alerting, 1)
        wait_until(lambda: slack.requests, what="the first message being on its way")
        damage(tmp_path)
        observe(alerting, 2, start=1)
        assert [entry["event"] for entry in entries if entry["log_level"] == "error"] == [Event.FILE_SET_ASIDE]
        answered.set()
        wait_until(lambda: len(slack.history) == 3, what="the others being delivered")
        assert lines_sent(slack) == ["fault number 0000", "fault number 0001", "fault number 0002"]
        wait_until(lambda: alerting.status().alerts_sent == 2, what="both being marked")
    assert [entry["event"] for entry in entries if entry["log_level"] == "error"] == [Event.FILE_SET_ASIDE]


def test_what_a_sink_refused_before_does_not_pass_over_others(tmp_path: Path, entries: Entries) -> None:
    outbox = stored(tmp_path, "bad")
    with PickyHook("bad") as hook:
        board = board_of(outbox, WebhookSink("ops", hook.url + "/hook", SECRET))
        assert deliver_all(board) == []
        damage(tmp_path)
        outbox.store([new(line, alert(line)) for line in ("two", "three")], [])
        board.alerts_arrived()
        assert deliver_all(board) == ["two", "three"]
    assert states(tmp_path) == ["sent", "sent"]
    assert outbox.counts()["refused"] == 0


@pytest.mark.parametrize("refused", [False, True])
def test_what_became_of_a_message_that_is_not_there_any_more_is_nobodys(tmp_path: Path, refused: bool) -> None:
    outbox = Outbox(tmp_path)
    if refused:
        outbox.refused(7, "slack", ["slack"], "no")
    else:
        assert not outbox.delivered(7, "slack", ["slack"], analysed=False)
    assert outbox.counts() == {"pending": 0, "sent": 0, "refused": 0, "held": 0}


def test_places_in_a_new_file_are_above_all_that_were_given(tmp_path: Path) -> None:
    outbox = stored(tmp_path, "one", "two")
    now_ms = clock.utc_now().timestamp() * 1000
    for line in ("three", "four"):
        damage(tmp_path)
        outbox.store([new(line, alert(line))], [])
        pending = outbox.pending("slack")
        assert pending is not None
        assert pending.seq > now_ms - 1
        now_ms = pending.seq
