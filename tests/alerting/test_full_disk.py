"""A state disk that is full for a while: what is tried again is told once, and counted once."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import MutableMapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from logwatchd import clock
from logwatchd.alerting.outbox import FILE_NAME, Outbox
from logwatchd.errors import RetryableError
from logwatchd.journal import Event
from logwatchd.records import FileId
from tests.alerting.builders import NOON, alert, anomaly, faults, full_disk, new, no_deletions, no_updates
from tests.alerting.test_desk import desk_in, events, lines_in, lines_told

Entries = list[MutableMapping[str, Any]]


def test_a_line_that_joins_is_counted_once_however_often_it_is_tried(tmp_path: Path, entries: Entries) -> None:
    desk = desk_in(tmp_path)
    desk.observe([anomaly("locked", 0, at=NOON)], 100.0)
    block = [anomaly("stack of it", 50, at=NOON), anomaly("locked", 90, at=NOON)]
    for attempt in range(5):
        with no_updates(tmp_path), pytest.raises(RetryableError):
            desk.observe(block, 100.1 + attempt)
    desk.observe(block, 106.0)
    assert lines_told(desk, entries[0]["alert_id"]) == 3
    assert desk.status().anomalies == 3
    assert events(entries).count(Event.INCIDENT_GREW) == 1
    again = desk_in(tmp_path).story(entries[0]["alert_id"])
    assert again is not None
    assert (again.lines, again.kinds) == (3, 2)
    desk.observe(block, 107.0)  # the same again is no attempt any more
    assert lines_told(desk, entries[0]["alert_id"]) == 5


def test_so_is_one_that_opens_an_incident_beside_it(tmp_path: Path, entries: Entries) -> None:
    desk = desk_in(tmp_path)
    desk.observe([anomaly("locked", 0, at=NOON)], 100.0)
    block = [anomaly("stack of it", 50, at=NOON), anomaly("another fault", 999_999, at=NOON + timedelta(hours=1))]
    for attempt in range(5):
        with no_updates(tmp_path), pytest.raises(RetryableError):
            desk.observe(block, 100.1 + attempt)
    desk.observe(block, 106.0)
    opened = [entry["alert_id"] for entry in entries if entry["event"] is Event.ANOMALY]
    assert [lines_told(desk, alert_id) for alert_id in opened] == [2, 1]
    assert desk.status().anomalies == 3


def test_an_echo_of_what_could_not_be_stored_is_an_alert_of_its_own(tmp_path: Path, entries: Entries) -> None:
    desk = desk_in(tmp_path)
    with full_disk(), pytest.raises(RetryableError):
        desk.observe([anomaly("order lost [req_7f3k9]", at=NOON)], 100.0)
    echo = anomaly("payment failed [req_7f3k9]", service="web", path="/var/log/web.log", file=FileId(8, 9, 0), at=NOON)
    desk.observe([echo], 100.1)
    assert lines_in(tmp_path) == ["payment failed [req_7f3k9]"]


def test_an_update_is_queued_once_though_the_outbox_cannot_be_tidied(tmp_path: Path, entries: Entries) -> None:
    Outbox(tmp_path).store([new("old", alert("old"))], [])
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as other, other:
        other.execute("UPDATE alerts SET state = 'sent', stored_at = '2000-01-01T00:00:00+00:00'")
    desk = desk_in(tmp_path)
    now = clock.monotonic()
    desk.observe([anomaly("locked", 0, at=NOON), *faults(1, start=5)], now)
    desk.run_once(now + 6)
    desk.observe([anomaly("locked", offset, at=NOON) for offset in range(1, 30)], now + 900)
    with no_deletions(tmp_path):
        for second in range(5):
            desk.run_once(now + 910 + second)
    kinds = Counter(entry["kind"] for entry in entries if entry["event"] is Event.INCIDENT_UPDATE)
    assert kinds == {"update": 1, "resolved": 1}
    assert events(entries).count(Event.OUTBOX_FAILS) == 1
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as other:
        queued = Counter(kind for (kind,) in other.execute("SELECT kind FROM alerts"))
    assert queued == {"alert": 3, "update": 1, "resolved": 1}


def test_a_digest_that_cannot_be_written_is_said_once(tmp_path: Path, entries: Entries) -> None:
    desk = desk_in(tmp_path, cap=1)
    desk.observe(faults(2), 100.0)
    desk.run_once(100.5)
    with full_disk():
        for second in range(5):
            desk.run_once(102.0 + second)
    assert events(entries).count(Event.OUTBOX_FAILS) == 1
    desk.run_once(108.0)
    assert events(entries)[-1] is Event.DIGEST


@pytest.mark.parametrize("seed", range(20))
def test_whatever_comes_is_told_once_and_counted_once(tmp_path: Path, entries: Entries, seed: int) -> None:
    rng = random.Random(seed)
    desk, now, offset, lines = desk_in(tmp_path), 100.0, 0, 0
    texts = ["locked", "stack of it", "another fault", "disk is gone", "no route", "bad checksum"]
    for _ in range(10):
        block = []
        for _ in range(rng.randint(1, 5)):
            offset += rng.choice([10, 100, 40_000])
            block.append(anomaly(rng.choice(texts), offset, at=NOON + timedelta(seconds=now)))
        lines += len(block)
        for trouble in rng.choices([full_disk, lambda: no_updates(tmp_path)], k=rng.choice([0, 1, 3])):
            with trouble():
                try:
                    desk.observe(block, now)
                except RetryableError:
                    now += 1
                else:
                    break
        else:
            desk.observe(block, now)
        now += rng.choice([0.1, 1, 5])
        desk.run_once(now)
    told = Counter(
        (entry["event"], entry["alert_id"], entry.get("line"))
        for entry in entries
        if entry["event"] in (Event.ANOMALY, Event.INCIDENT_GREW)
    )
    assert max(told.values()) == 1
    opened = [entry["alert_id"] for entry in entries if entry["event"] is Event.ANOMALY]
    assert sum(lines_told(desk, alert_id) for alert_id in opened) == lines == desk.status().anomalies
    desk.close()
