from __future__ import annotations

import sqlite3
import threading
from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from logwatchd.alerting.desk import MAX_OPEN, AlertDesk, Policy
from logwatchd.alerting.grouping import Reason, Rules
from logwatchd.alerting.incidents import MAX_KEYS
from logwatchd.alerting.notices import AlertRaised, IncidentEnded, IncidentGrew, Notice
from logwatchd.alerting.notify import Timers
from logwatchd.alerting.outbox import FILE_NAME, Outbox
from logwatchd.errors import RetryableError
from logwatchd.journal import Event
from logwatchd.records import Anomaly, Background, FileId, Level
from logwatchd.vectors import Vectors
from tests.alerting.builders import NOON, Found, anomaly, direction, faults, full_disk, no_updates

Entries = list[MutableMapping[str, Any]]


def desk_in(
    folder: Path, seen: list[Notice] | None = None, *, rules: Rules | None = None, cap: int = 0, **timers: float
) -> AlertDesk:
    policy = Policy(rules or Rules(), replace(Timers(group_wait_s=0), **timers), max_alerts_per_hour=cap, resolve=True)
    return AlertDesk(Outbox(folder), policy, observer=(seen if seen is not None else []).append)


def lines_told(desk: AlertDesk, alert_id: str) -> int:
    story = desk.story(alert_id)
    return story.lines if story else 0


def lines_in(folder: Path) -> list[str]:
    """The first lines of all alerts on the disk, read by another connection."""
    with sqlite3.connect(folder / FILE_NAME) as other:
        rows = other.execute(
            "SELECT json_extract(alert, '$.line') FROM alerts WHERE kind = 'alert' ORDER BY seq"
        ).fetchall()
    other.close()
    return [line for (line,) in rows]


def events(entries: Entries) -> list[Event]:
    return [entry["event"] for entry in entries]


def test_the_lines_around_alerts_are_redacted_once(tmp_path: Path) -> None:
    redacted: list[str] = []
    lines = [f"ERROR {chr(97 + number) * 30} is not what it was" for number in range(20)]
    desk = AlertDesk(Outbox(tmp_path), Policy(), redact=lambda text: redacted.append(text) or text)  # type: ignore[func-returns-value]
    found = [
        anomaly(line, number * 100_000, service=f"s{number}", context=tuple(lines[max(0, number - 10) : number]))
        for number, line in enumerate(lines)
    ]
    desk.observe(found, 0.0)
    assert desk.status().incidents == len(lines)
    assert {*lines} <= {*redacted}
    assert len(redacted) == len({*redacted})


def test_only_alerts_ask_for_a_background_and_of_a_storm_the_first_ones(tmp_path: Path, entries: Entries) -> None:
    asked: list[int] = []

    @dataclass(frozen=True)
    class Counted(Found):
        number: int

        def background(self) -> Background:
            asked.append(self.number)
            return self.told

    def counted(line: str, number: int) -> Anomaly:
        one = anomaly(line, number * 1_000_000, service=f"s{number}")
        details = one.details
        return replace(one, details=Counted(details.background(), details.timestamp(), details.vector(), number))

    desk = desk_in(tmp_path)
    desk.observe([counted("database is locked", 0)] * 5, 100.0)
    assert asked == [0]
    desk.observe([counted(f"fault {number}", number) for number in range(1, 131)], 200.0)
    assert asked == list(range(101))
    told = [bool(entry["differs"]) for entry in entries if entry["event"] is Event.ANOMALY]
    assert told == [True] * 101 + [False] * 30


def test_a_new_incident_is_on_the_disk_before_anybody_hears_of_it(tmp_path: Path, entries: Entries) -> None:
    on_disk: list[list[str]] = []
    desk = AlertDesk(Outbox(tmp_path), observer=lambda notice: on_disk.append(lines_in(tmp_path)))
    woken = threading.Event()
    desk.on_alert = woken.set
    desk.observe([anomaly("database is locked", 40)], 100.0)
    assert on_disk == [["database is locked"]]
    assert woken.is_set()
    (entry,) = entries
    assert entry["event"] is Event.ANOMALY
    assert entry["message"] == "P2-High shop score 0.90 over 0.30: database is locked"
    wanted = {"alert_id", "fingerprint", "path", "line_level", "centroid", "nearest", "differs", "pattern", "line"}
    assert wanted <= set(entry)
    assert (entry["distance"], entry["radius"], entry["novelty"]) == (0.71, 0.1, 0.8)


def test_others_only_raise_the_count(tmp_path: Path, entries: Entries) -> None:
    seen: list[Notice] = []
    desk = desk_in(tmp_path, seen)
    locked = [
        anomaly(f"job {i} died", i * 100, pattern="job <N> died", at=NOON + timedelta(hours=i)) for i in range(10)
    ]
    desk.observe(locked[:3], 100.0)
    desk.observe(locked[3:], 500.0)
    (raised,) = seen
    assert isinstance(raised, AlertRaised)
    assert lines_told(desk, raised.alert.id) == 10
    assert lines_in(tmp_path) == ["job 0 died"]
    status = desk.status()
    assert (status.anomalies, status.incidents, status.incidents_open) == (10, 1, 1)
    assert events(entries) == [Event.ANOMALY]


def test_near_in_meaning_and_bursts_join_and_are_named_once(tmp_path: Path, entries: Entries) -> None:
    seen: list[Notice] = []
    desk = desk_in(tmp_path, seen)
    later = NOON + timedelta(hours=1)
    towards = direction("disk full") + np.float32(0.3) * direction("else")
    near: Vectors = (towards / np.linalg.norm(towards)).astype(np.float32)
    desk.observe([anomaly("disk full", 0, at=NOON), anomaly("register dump r0", 50, at=NOON)], 100.0)
    desk.observe(
        [anomaly("disk is full", 99, vector=near, at=later), anomaly("disk is full", 199, vector=near, at=later)], 101.0
    )
    desk.observe([anomaly("register dump r0", 999_999, at=later)], 700.0)
    assert lines_in(tmp_path) == ["disk full"]
    joined = [(entry["line"], entry["reason"]) for entry in entries if entry["event"] is Event.INCIDENT_GREW]
    assert joined == [("register dump r0", Reason.BURST), ("disk is full", Reason.NEAR_IN_MEANING)]
    assert [(notice.line, notice.why) for notice in seen if isinstance(notice, IncidentGrew)] == joined
    assert lines_told(desk, entries[0]["alert_id"]) == 5


def test_other_services_and_other_faults_are_incidents_of_their_own(tmp_path: Path, entries: Entries) -> None:
    desk = desk_in(tmp_path)
    desk.observe([*faults(5), anomaly("fault number 0001", service="mail", at=NOON)], 100.0)
    assert lines_in(tmp_path) == [f"fault number {i:04d}" for i in range(5)] + ["fault number 0001"]


def test_a_critical_line_within_a_burst_is_told(tmp_path: Path, entries: Entries) -> None:
    """Nobody was told of the lesser one yet: then the graver one speaks for both. Afterwards it is told by itself."""
    block = [anomaly("slow", level=Level.WARNING), anomaly("out of memory", 50, level=Level.FATAL)]
    desk = desk_in(tmp_path, group_wait_s=1)
    desk.observe(block, 100.0)
    assert lines_in(tmp_path) == ["out of memory"]
    desk.run_once(101.0)
    desk.observe([anomaly("disk gone", 90, level=Level.CRITICAL), anomaly("panic", 95, level=Level.FATAL)], 101.5)
    assert lines_in(tmp_path) == ["out of memory"]
    (tmp_path / "told").mkdir()
    told = desk_in(tmp_path / "told")
    told.observe(block[:1], 100.0)
    told.run_once(100.1)
    told.observe(block[1:], 100.2)
    assert lines_in(tmp_path / "told") == ["slow", "out of memory"]


def test_an_incident_ends_after_quiet_and_the_next_line_is_a_new_one(tmp_path: Path, entries: Entries) -> None:
    seen: list[Notice] = []
    desk = desk_in(tmp_path, seen, resolve_after_s=900)
    desk.observe([anomaly("locked", 0), anomaly("locked", 10)], 100.0)
    desk.observe([anomaly("locked", 20)], 500.0)
    desk.run_once(1399.0)
    assert desk.status().incidents_open == 1
    desk.run_once(1400.0)
    assert desk.status().incidents_open == 0
    ended = seen[-1]
    assert isinstance(ended, IncidentEnded)
    assert ended.lines == 3
    assert [(e["event"], e.get("lines")) for e in entries[1:]] == [
        (Event.INCIDENT_RESOLVED, 3),
        (Event.INCIDENT_UPDATE, None),
    ]
    desk.observe([anomaly("locked", 30)], 1500.0)
    assert lines_in(tmp_path) == ["locked", "locked"]


@pytest.mark.parametrize("read_at", [NOON, datetime.now(UTC)], ids=["long ago", "just now"])
def test_a_line_read_again_after_a_crash_alerts_once(tmp_path: Path, entries: Entries, read_at: datetime) -> None:
    block = [*faults(3, read_at=read_at), anomaly("dump of fault 2", 200_050, read_at=read_at)]
    desk_in(tmp_path).observe(block, 100.0)  # and killed before the read position was committed
    seen: list[Notice] = []
    desk = desk_in(tmp_path, seen)
    desk.observe(block, 5.0)
    assert [notice for notice in seen if isinstance(notice, AlertRaised)] == []
    assert lines_in(tmp_path) == [f"fault number {i:04d}" for i in range(3)]
    assert desk.status().incidents == 0
    assert desk.status().incidents_open == 3


def test_a_line_read_again_after_its_incident_ended_alerts_once(tmp_path: Path, entries: Entries) -> None:
    desk = desk_in(tmp_path, resolve_after_s=1)
    desk.observe(faults(1), 100.0)
    desk.run_once(200.0)
    seen: list[Notice] = []
    again = desk_in(tmp_path, seen)
    again.observe(faults(1), 5.0)
    assert seen == []
    assert len(lines_in(tmp_path)) == 1


def test_another_line_at_the_same_place_is_an_alert_of_its_own(tmp_path: Path, entries: Entries) -> None:
    desk = desk_in(tmp_path)
    file = FileId(8, 7, 0)
    desk.observe([anomaly("one", 0, file=file, at=NOON)], 100.0)
    desk.observe([anomaly("two", 0, file=file, at=NOON + timedelta(hours=1))], 200.0)
    desk.observe([anomaly("two", 0, file=FileId(8, 7, 1), service="b", at=NOON)], 200.0)
    assert lines_in(tmp_path) == ["one", "two", "two"]


def test_open_incidents_go_on_after_a_restart(tmp_path: Path, entries: Entries) -> None:
    desk = desk_in(tmp_path)
    desk.observe([anomaly("locked", 0, at=NOON, read_at=datetime.now(UTC))], 100.0)
    desk.close()
    assert events(entries)[-1] is Event.INCIDENT_CONTINUES
    again = desk_in(tmp_path)
    again.observe([anomaly("locked", 900_000, at=NOON + timedelta(days=1))], 5.0)
    assert len(lines_in(tmp_path)) == 1
    assert lines_told(again, entries[0]["alert_id"]) == 2


def test_a_restart_knows_how_many_lines_an_incident_had_and_when_the_last_one_came(
    tmp_path: Path, entries: Entries
) -> None:
    now = datetime.now(UTC)
    desk = desk_in(tmp_path)
    desk.observe([anomaly("locked", 0, read_at=now - timedelta(hours=2))], 100.0)
    desk.observe([anomaly("locked", offset, read_at=now) for offset in (10, 20)], 110.0)
    desk.close()
    again = desk_in(tmp_path)
    assert again.status().incidents_open == 1
    assert lines_told(again, entries[0]["alert_id"]) == 3


def test_incidents_that_were_quiet_while_we_were_away_are_over(tmp_path: Path, entries: Entries) -> None:
    desk = desk_in(tmp_path)
    desk.observe([anomaly("locked", 0, at=NOON)], 100.0)  # read at NOON, long ago
    desk.close()
    again = desk_in(tmp_path)
    assert events(entries)[-1] is Event.INCIDENT_RESOLVED
    again.observe([anomaly("locked", 900_000, at=NOON + timedelta(days=1))], 5.0)
    assert len(lines_in(tmp_path)) == 2


def test_what_joined_is_there_after_a_kill(tmp_path: Path, entries: Entries) -> None:
    """Its read position may have moved on: nobody reads it again."""
    now = datetime.now(UTC)
    killed = desk_in(tmp_path)
    killed.observe([anomaly("locked", 0, at=NOON, read_at=now)], 100.0)
    killed.observe([anomaly("stack of it", 50, at=NOON, read_at=now)], 100.1)
    assert events(entries) == [Event.ANOMALY, Event.INCIDENT_GREW]
    again = desk_in(tmp_path)
    story = again.story(entries[0]["alert_id"])
    assert story is not None
    assert (story.lines, story.kinds, story.samples) == (2, 2, ("stack of it",))
    again.observe([anomaly("stack of it", 50, at=NOON, read_at=now)], 5.0)
    assert events(entries).count(Event.INCIDENT_GREW) == 1


def test_a_kind_that_could_not_be_kept_is_tried_again_and_told_once(tmp_path: Path, entries: Entries) -> None:
    desk = desk_in(tmp_path)
    desk.observe([anomaly("locked", 0, at=NOON, read_at=datetime.now(UTC))], 100.0)
    block = [anomaly("stack of it", 50, at=NOON)]
    for _ in range(2):
        with full_disk(), pytest.raises(RetryableError):
            desk.observe(block, 100.1)
    desk.observe(block, 101.0)
    assert events(entries).count(Event.INCIDENT_GREW) == 1
    story = desk_in(tmp_path).story(entries[0]["alert_id"])
    assert story is not None
    assert story.samples == ("stack of it",)


def test_with_a_full_disk_the_journal_is_told_once_and_the_same_call_works_later(
    tmp_path: Path, entries: Entries
) -> None:
    seen: list[Notice] = []
    desk = desk_in(tmp_path, seen)
    block = [*faults(20), *faults(20)]
    for _ in range(2):
        with full_disk(), pytest.raises(RetryableError):
            desk.observe(block, 100.0)
    assert (seen, lines_in(tmp_path)) == ([], [])
    assert desk.status().anomalies == desk.status().incidents_open == 0
    desk.observe(block, 101.0)
    assert events(entries) == [Event.ANOMALY] * 20
    assert len(seen) == len(lines_in(tmp_path)) == 20
    assert lines_told(desk, entries[0]["alert_id"]) == 2


def test_an_alert_is_told_though_a_kind_beside_it_could_not_be_kept(tmp_path: Path, entries: Entries) -> None:
    """The alert is stored, and the outbox fails before the next transaction."""
    seen: list[Notice] = []
    desk = desk_in(tmp_path, seen)
    desk.observe([anomaly("locked", 0, at=NOON)], 100.0)
    woken: list[int] = []
    desk.on_alert = lambda: woken.append(len(seen))
    block = [anomaly("stack of it", 50, at=NOON), anomaly("another fault", 999_999, at=NOON + timedelta(hours=1))]
    with no_updates(tmp_path), pytest.raises(RetryableError):
        desk.observe(block, 100.1)
    desk.observe(block, 101.0)
    assert lines_in(tmp_path) == ["locked", "another fault"]
    assert [notice.alert.line for notice in seen if isinstance(notice, AlertRaised)] == ["locked", "another fault"]
    assert woken == [2]


def test_an_incident_that_has_to_be_stored_again_and_again_is_no_storm(tmp_path: Path, entries: Entries) -> None:
    desk = desk_in(tmp_path)
    for second in range(10):
        with full_disk(), pytest.raises(RetryableError):
            desk.observe([anomaly("locked", 0, at=NOON)], 100.0 + second)
    desk.observe([anomaly("locked", 0, at=NOON)], 110.0)
    desk.observe([anomaly("another fault", 999_999, at=NOON + timedelta(seconds=12))], 112.0)
    assert lines_in(tmp_path) == ["locked", "another fault"]


def test_updates_that_could_not_be_written_are_no_messages_of_the_hour(tmp_path: Path, entries: Entries) -> None:
    desk = desk_in(tmp_path, cap=5, group_interval_s=1)
    desk.observe([anomaly("locked", 0, at=NOON)], 100.0)
    desk.run_once(100.1)
    desk.observe([anomaly("locked", offset, at=NOON) for offset in range(1, 30)], 101.0)
    with no_updates(tmp_path):
        for second in range(10):
            desk.run_once(102.0 + second)
    desk.run_once(120.0)
    desk.observe(faults(1, start=3), 121.0)
    with sqlite3.connect(tmp_path / FILE_NAME) as other:
        messages = other.execute("SELECT kind, held FROM alerts ORDER BY seq").fetchall()
    other.close()
    assert messages == [("alert", 0), ("update", 0), ("alert", 0)]


def test_counts_that_could_not_be_written_are_written_later(tmp_path: Path, entries: Entries) -> None:
    desk = desk_in(tmp_path, resolve_after_s=50)
    desk.run_once(0.0)
    desk.observe([anomaly("locked", 0), anomaly("locked", 9)], 100.0)
    with full_disk():
        desk.run_once(200.0)
        desk.run_once(205.0)
    desk.run_once(210.0)
    with sqlite3.connect(tmp_path / FILE_NAME) as other:
        ((lines, resolved_at),) = other.execute("SELECT lines, resolved_at FROM incidents").fetchall()
    other.close()
    assert lines == 2
    assert resolved_at is not None
    assert events(entries).count(Event.OUTBOX_FAILS) == 1


def test_names_that_are_no_text_do_not_stop_it(tmp_path: Path, entries: Entries) -> None:
    """A file's name is bytes; what is not UTF-8 in it comes as lone surrogates."""
    desk = desk_in(tmp_path)
    desk.observe([anomaly("locked", service="s\udcff", path="/var/log/s\udcff.log", pattern="p\udcff")], 100.0)
    desk.close()
    assert lines_in(tmp_path) == ["locked"]
    assert desk_in(tmp_path).status().anomalies == 0


def test_memory_is_bounded(tmp_path: Path, entries: Entries) -> None:
    desk = desk_in(tmp_path)
    for start in range(0, 2500, 500):
        desk.observe(faults(500, start), 100.0 + start)
    assert desk.status().incidents_open == MAX_OPEN
    assert len(lines_in(tmp_path)) == 2500
    # The newest ones are those that stay.
    desk.observe([anomaly("fault number 2499", 1, at=NOON)], 3000.0)
    assert len(lines_in(tmp_path)) == 2500


def test_an_incident_learns_a_bounded_number_of_patterns(tmp_path: Path, entries: Entries) -> None:
    desk = desk_in(tmp_path)
    desk.observe([anomaly(f"dump {i}", i) for i in range(500)], 100.0)
    assert len(lines_in(tmp_path)) == 1
    assert lines_told(desk, entries[0]["alert_id"]) == 500
    assert events(entries).count(Event.INCIDENT_GREW) == MAX_KEYS - 1


def test_vectors_of_another_embedder_are_not_compared(tmp_path: Path, entries: Entries) -> None:
    desk = desk_in(tmp_path)
    desk.observe([anomaly("one", 0, vector=direction("v", 64), at=NOON)], 100.0)
    desk.observe([anomaly("two", 0, vector=direction("v", 32), at=NOON + timedelta(hours=1))], 100.0)
    assert lines_in(tmp_path) == ["one", "two"]
