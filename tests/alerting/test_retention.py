"""What the outbox forgets, and what it keeps: by age and by number, and never what still waits without a loud line."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from logwatchd import clock
from logwatchd.alerting.codec import incident_to_row
from logwatchd.alerting.message import Kind
from logwatchd.alerting.outbox import FILE_NAME, News, Outbox
from logwatchd.alerting.retention import Limits
from tests.alerting.builders import alert, anomaly, incident, new, waiting


def filled(folder: Path, limits: Limits, count: int) -> Outbox:
    outbox = Outbox(folder, limits)
    for number in range(count):
        outbox.store([new(str(number), alert(f"line {number}"))], [])
    return outbox


def column(folder: Path, sql: str) -> list[object]:
    with closing(sqlite3.connect(folder / FILE_NAME)) as other:
        return [value for (value,) in other.execute(sql)]


def later(monkeypatch: pytest.MonkeyPatch, **time: float) -> None:
    at = clock.utc_now() + timedelta(**time)
    monkeypatch.setattr(clock, "utc_now", lambda: at)


def test_of_too_many_that_wait_the_oldest_are_given_up_and_say_what_went_wrong(tmp_path: Path) -> None:
    outbox = filled(tmp_path, Limits(max_pending=2), 4)
    outbox.failed(1, "no network")
    assert outbox.prune() == 2
    assert waiting(tmp_path) == [(3, "line 2"), (4, "line 3")]
    errors = column(tmp_path, "SELECT last_error FROM alerts WHERE state = 'refused' ORDER BY seq")
    assert errors == ["no network; given up", "given up"]


def test_claude_is_not_asked_about_what_was_given_up(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, Limits(max_pending=0))
    outbox.store([new(str(number), alert(f"line {number}"), wants_analysis=True) for number in range(2)], [])
    outbox.give_up(1, "unreadable")
    assert [one.seq for one in outbox.unanalysed(9)] == [2]
    outbox.prune()
    assert outbox.unanalysed(9) == []


def test_what_waits_for_a_digest_is_not_given_up_and_pushes_nothing_out(tmp_path: Path) -> None:
    outbox = filled(tmp_path, Limits(max_pending=1, pending_for=timedelta(days=1)), 1)
    outbox.store([new(f"held {number}", alert(f"held {number}"), held=True) for number in range(3)], [])
    assert outbox.prune() == 0
    assert outbox.counts() == {"pending": 1, "sent": 0, "refused": 0, "held": 3}


def test_an_old_digests_alerts_are_not_given_up_before_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = Outbox(tmp_path)
    outbox.store([new("held", alert("held"), held=True)], [])
    later(monkeypatch, days=40)
    assert outbox.prune() == 0
    assert outbox.held_back() == 1


def test_of_too_many_that_are_dealt_with_the_oldest_are_forgotten(tmp_path: Path) -> None:
    outbox = filled(tmp_path, Limits(max_done=2), 4)
    for seq in (1, 2, 3, 4):
        outbox.delivered(seq, "journal", ["journal"])
    outbox.prune()
    assert column(tmp_path, "SELECT seq FROM alerts ORDER BY seq") == [3, 4]


def test_what_is_dealt_with_is_forgotten_after_its_time_and_what_waits_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = filled(tmp_path, Limits(done_for=timedelta(days=2)), 2)
    outbox.delivered(1, "journal", ["journal"])
    outbox.prune()
    assert column(tmp_path, "SELECT seq FROM alerts ORDER BY seq") == [1, 2]
    later(monkeypatch, days=3)
    outbox.prune()
    assert column(tmp_path, "SELECT seq FROM alerts ORDER BY seq") == [2]


def test_incidents_are_forgotten_once_they_are_long_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = Outbox(tmp_path, Limits(max_done=2, done_for=timedelta(days=2)))
    rows = [incident_to_row(incident(anomaly(f"fault {number}", number))) for number in range(5)]
    outbox.update_incidents(rows)
    for row in (rows[3], rows[1], rows[0]):
        later(monkeypatch, hours=1)
        outbox.update_incidents([], [row])
    outbox.prune()
    ids = "SELECT first_offset FROM incidents ORDER BY first_offset"
    assert column(tmp_path, ids) == [0, 1, 2, 4]  # of those that are over, the two latest
    later(monkeypatch, days=3)
    outbox.prune()
    assert column(tmp_path, ids) == [2, 4]


def test_bills_are_forgotten_with_what_is_dealt_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = Outbox(tmp_path, Limits(done_for=timedelta(days=2)))
    outbox.reserve("a", 0.1, 9, 1.0)
    outbox.prune()
    assert column(tmp_path, "SELECT usd FROM spending") == [0.1]
    later(monkeypatch, days=3)
    outbox.prune()
    assert column(tmp_path, "SELECT usd FROM spending") == []


@pytest.mark.parametrize("limits", [Limits(done_for=timedelta(days=2)), Limits(max_done=0)])
def test_an_alert_is_kept_while_its_incident_goes_on_and_until_its_end_is_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: Limits
) -> None:
    outbox, made = Outbox(tmp_path, limits), alert("locked")
    row = incident_to_row(incident(anomaly("locked")))
    outbox.store([new("1", made)], [row])
    outbox.delivered(1, "slack", ["slack"], receipt="ts-1")
    later(monkeypatch, days=3)
    outbox.prune()
    outbox.update_incidents([], [row], [News(made.id, Kind.RESOLVED, "over")])
    outbox.prune()
    over = outbox.pending("slack")
    assert over is not None
    assert (over.kind, over.receipt) == (Kind.RESOLVED, "ts-1")
    outbox.delivered(over.seq, "slack", ["slack"])
    later(monkeypatch, days=6)
    outbox.prune()
    assert column(tmp_path, "SELECT seq FROM alerts") == []
