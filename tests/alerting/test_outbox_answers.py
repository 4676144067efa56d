"""What the outbox says of what it holds: to the desk after a restart, to sinks, and to those who watch the budget."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from logwatchd import clock
from logwatchd.alerting import digests
from logwatchd.alerting.codec import incident_to_row
from logwatchd.alerting.message import Kind
from logwatchd.alerting.outbox import FILE_NAME, News, Outbox
from logwatchd.records import Analysis, Severity
from tests.alerting.builders import NOON, alert, anomaly, incident, new

WORDS = Analysis("The disk is full.", Severity.P2, "Look at df.", "claude-opus-4-6")
BOTH = ["journal", "slack"]


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path)


def at(monkeypatch: pytest.MonkeyPatch, time: datetime) -> None:
    monkeypatch.setattr(clock, "utc_now", lambda: time)


def test_what_a_sink_never_gets_is_not_followed_by_claudes_words(outbox: Outbox) -> None:
    outbox.store([new("k", alert(), wants_analysis=True)], [])
    outbox.delivered(1, "slack", BOTH)
    outbox.refused(1, "journal", BOTH, "HTTP 400")
    outbox.analysed(1, WORDS)
    assert outbox.pending("journal") is None
    follow_up = outbox.pending("slack")
    assert follow_up is not None
    assert follow_up.kind is Kind.ANALYSIS


def test_a_reload_drops_what_is_for_a_removed_sink_alone_and_nothing_else(outbox: Outbox) -> None:
    outbox.store([new("k", alert(), wants_analysis=True)], [])
    for sink in BOTH:
        outbox.delivered(1, sink, BOTH)
    outbox.analysed(1, WORDS)
    assert outbox.settle(BOTH) == 0
    assert outbox.waiting() == 2
    assert outbox.settle(["journal"]) == 1
    assert outbox.waiting() == 1
    assert outbox.pending("journal") is not None


def test_an_alert_that_a_sink_has_got_says_the_same_to_the_others(outbox: Outbox) -> None:
    first, second = alert("first"), alert("second")
    outbox.store([new("1", first), new("2", second)], [])
    outbox.delivered(1, "journal", BOTH)
    better = alert("more telling")
    outbox.store([], [], [(first.id, better), (second.id, better)])
    left = [pending.alert for but in ((), (1,)) if (pending := outbox.pending("slack", but))]
    assert left == [first, better]


def test_what_is_held_back_goes_to_no_sink_and_not_to_claude_but_is_an_incident(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "MAX_HELD", 1)
    made = [alert(f"line {number}") for number in range(3)]
    stored = outbox.store([new(one.line, one, held=True, wants_analysis=True) for one in made], [])
    assert stored == {one.id for one in made}
    assert outbox.pending("slack") is None
    assert outbox.unanalysed(9) == []
    assert outbox.held_back() == 3


def test_claude_is_asked_about_the_oldest_alerts_of_the_last_day(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in (0, 20, 22):
        at(monkeypatch, NOON + timedelta(hours=hour))
        outbox.store([new(str(hour), alert(f"line {hour}"), wants_analysis=True)], [])
    assert [one.seq for one in outbox.unanalysed(2)] == [1, 2]
    at(monkeypatch, NOON + timedelta(hours=25))
    assert [one.seq for one in outbox.unanalysed(2)] == [2, 3]


def test_messages_of_the_hour_are_alerts_and_updates_that_people_got(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, NOON)
    told, held = alert("told"), alert("held")
    outbox.store([new("1", told, wants_analysis=True), new("2", held, held=True)], [])
    outbox.delivered(1, "slack", ["slack"])
    outbox.analysed(1, WORDS)
    at(monkeypatch, NOON + timedelta(minutes=30))
    outbox.update_incidents([], [], [News(told.id, Kind.UPDATE, "it grew"), News(told.id, Kind.RESOLVED, "over")])
    outbox.make_digest()
    assert outbox.recent_messages(timedelta(hours=1)) == [NOON, NOON + timedelta(minutes=30)]
    at(monkeypatch, NOON + timedelta(minutes=70))
    assert outbox.recent_messages(timedelta(hours=1)) == [NOON + timedelta(minutes=30)]


def test_open_incidents_come_oldest_first_and_one_came_back_after_the_latest_end(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = [incident(anomaly("fault", hour, read_at=NOON + timedelta(hours=hour))) for hour in (2, 1, 3)]
    outbox.update_incidents([incident_to_row(one) for one in opened])
    rows = outbox.open_incidents(0.0)
    assert [row.offset for row in rows] == [1, 2, 3]
    for hours, one in enumerate(opened):
        at(monkeypatch, NOON + timedelta(hours=hours))
        outbox.update_incidents([], [incident_to_row(one)])
    assert outbox.was_over(opened[0].fingerprint) == NOON + timedelta(hours=2)
    assert outbox.open_incidents(0.0) == []


def test_an_incident_that_is_stored_again_is_open_again_as_grave_and_with_as_many_lines_as_it_had(
    outbox: Outbox,
) -> None:
    first = anomaly("fault", read_at=datetime.now(UTC))
    outbox.update_incidents([], [incident_to_row(incident(first, lines=5))])
    outbox.store([], [incident_to_row(incident(first, severity=Severity.P1))])
    (found,) = outbox.open_incidents(0.0)
    assert (found.lines, found.severity) == (5, Severity.P1)


def test_a_days_budget_is_of_one_day_and_holds_over_restarts(
    outbox: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, NOON)
    place = outbox.reserve("a", 3.0, 100, 5.0)
    assert place is not None
    assert outbox.reserve("b", 3.0, 100, 5.0) is None
    assert Outbox(tmp_path).reserve("b", 3.0, 100, 5.0) is None
    outbox.settle_bill(place, 2.0)
    assert outbox.reserve("b", 3.0, 100, 5.0) is not None
    assert outbox.reserve("c", 0.01, 100, 5.0) is None
    at(monkeypatch, NOON + timedelta(hours=12))  # midnight
    assert outbox.reserve("c", 3.0, 100, 5.0) is not None


def test_so_many_analyses_an_hour_are_those_of_the_last_hour(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for minutes, may in ((0, True), (30, True), (59, False), (61, True), (62, False)):
        at(monkeypatch, NOON + timedelta(minutes=minutes))
        place = outbox.reserve("a", 0.0, 2, 5.0)
        assert (place is not None) is may, minutes


def test_an_analysis_that_was_not_made_takes_nothing_of_the_budget(outbox: Outbox, tmp_path: Path) -> None:
    place = outbox.reserve("a", 5.0, 1, 5.0)
    assert place is not None
    outbox.settle_bill(place, None)
    assert outbox.reserve("a", 5.0, 1, 5.0) is not None
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as other:
        assert other.execute("SELECT count(*) FROM spending").fetchone() == (1,)


def test_what_was_spent_while_the_clock_was_ahead_blocks_no_analysis_once_it_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox, now = Outbox(tmp_path), clock.utc_now()
    monkeypatch.setattr(clock, "utc_now", lambda: now + timedelta(days=40))
    assert outbox.reserve("a", 5.0, 1, 5.0) is not None
    assert outbox.reserve("b", 5.0, 1, 5.0) is None
    monkeypatch.setattr(clock, "utc_now", lambda: now)
    assert outbox.reserve("b", 5.0, 1, 5.0) is not None
    assert outbox.reserve("c", 0.0, 1, 5.0) is None
    assert outbox.reserve("c", 0.1, 9, 5.0) is None
