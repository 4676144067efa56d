"""Values that a disk or a person changed in the outbox: each is told once, and stops nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import MutableMapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from logwatchd import clock
from logwatchd.alerting.codec import incident_to_row
from logwatchd.alerting.desk import AlertDesk, Policy
from logwatchd.alerting.message import Kind
from logwatchd.alerting.notify import Timers
from logwatchd.alerting.outbox import FILE_NAME, Outbox
from logwatchd.alerting.retention import Limits
from logwatchd.journal import Event
from tests.alerting.builders import alert, anomaly, incident, new

Entries = list[MutableMapping[str, Any]]
OTHERS = "user cannot be found"
NAIVE = "2026-11-28T00:00:00"
GIVEN_UP = [
    "more = substr(more, 2)",
    "more = '[]'",
    "more = json_remove(more, '$.kinds')",
    "more = json_set(more, '$.sources', 'x')",
    "more = json_set(more, '$.told_lines', 'x')",
    "vector = x'0102'",
    "vector = x'0000807f'",
    "vector = 7",
    "severity = 'P9'",
    "last_seen = '2026-1'",
    "began = 'x'",
    "patterns = '[1'",
    "patterns = '[1]'",
    "lines = 'x'",
    "lines = -1",
    "held = 'x'",
    "inode = 'x'",
    "service = x'00'",
]
HARMLESS = [f"last_seen = '{NAIVE}'", "path = CAST(x'2fff' AS TEXT)"]


def change(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / FILE_NAME)) as other:
        for statement in statements:
            assert other.execute(statement).rowcount > 0, statement
        other.commit()


def opened(folder: Path, policy: Policy | None = None) -> AlertDesk:
    return AlertDesk(Outbox(folder), policy or Policy())


def two_open(folder: Path) -> str:
    """The first one's alert."""
    now = clock.utc_now()
    desk = opened(folder)
    desk.observe([anomaly("database is locked", read_at=now), anomaly(OTHERS, 50_000, read_at=now)], 1.0)
    assert desk.status().incidents_open == 2
    desk.close()
    with closing(sqlite3.connect(folder / FILE_NAME)) as other:
        return str(other.execute("SELECT id FROM alerts ORDER BY seq").fetchone()[0])


@pytest.mark.parametrize("damage", GIVEN_UP)
def test_an_incident_that_cannot_be_read_is_over_and_the_others_go_on(
    tmp_path: Path, entries: Entries, damage: str
) -> None:
    first = two_open(tmp_path)
    change(tmp_path, f"UPDATE incidents SET {damage} WHERE alert_id = '{first}'")
    desk = opened(tmp_path)
    assert desk.status().incidents_open == 1
    (loud,) = [entry for entry in entries if entry["log_level"] == "error"]
    assert (loud["event"], loud["alert_id"]) == (Event.INCIDENT_GIVEN_UP, first)
    assert str(tmp_path / FILE_NAME) in loud["reason"]
    now = clock.utc_now()
    desk.observe([anomaly("database is locked", 90_000, read_at=now), anomaly(OTHERS, 95_000, read_at=now)], 2.0)
    assert (desk.status().incidents, desk.status().incidents_open) == (1, 2)
    desk.run_once(3.0)
    desk.story(first)
    desk.close()
    assert opened(tmp_path).status().incidents_open == 2
    assert len([entry for entry in entries if entry["log_level"] == "error"]) == 1


@pytest.mark.parametrize("damage", HARMLESS)
def test_a_value_that_can_still_be_made_sense_of_ends_nothing(tmp_path: Path, entries: Entries, damage: str) -> None:
    first = two_open(tmp_path)
    change(tmp_path, f"UPDATE incidents SET {damage} WHERE alert_id = '{first}'")
    desk = opened(tmp_path, Policy(timers=Timers(resolve_after_s=1e12)))
    assert desk.status().incidents_open == 2
    desk.observe([anomaly("database is locked", 90_000), anomaly("something else is wrong", 95_000)], 2.0)
    desk.run_once(3.0)
    assert desk.story(first) is not None
    assert [entry for entry in entries if entry["log_level"] == "error"] == []


@pytest.mark.parametrize("at", ["x", NAIVE])
def test_when_an_incident_was_over_need_not_be_known(tmp_path: Path, entries: Entries, at: str) -> None:
    two_open(tmp_path)
    change(tmp_path, f"UPDATE incidents SET resolved_at = '{at}'")
    desk = opened(tmp_path)
    desk.observe([anomaly("database is locked", 90_000)], 2.0)
    assert desk.status().incidents == 1
    assert [entry for entry in entries if entry["log_level"] == "error"] == []


@pytest.mark.parametrize("at", ["x", "9999", "now"])
def test_when_an_alert_was_stored_need_not_be_known(tmp_path: Path, entries: Entries, at: str) -> None:
    two_open(tmp_path)
    at = clock.utc_now().replace(tzinfo=None).isoformat() if at == "now" else at
    change(tmp_path, f"UPDATE alerts SET stored_at = '{at}'")
    outbox = Outbox(tmp_path)
    AlertDesk(outbox, Policy()).run_once(clock.monotonic())
    assert outbox.pending("slack") is not None
    assert [entry for entry in entries if entry["log_level"] == "error"] == []


def test_what_is_done_is_forgotten_though_its_time_is_not_known(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, Limits(done_for=timedelta(days=1)))
    outbox.store([new("k", alert())], [])
    over = incident(anomaly("x"))
    outbox.update_incidents([], [incident_to_row(over)])
    outbox.delivered(1, "slack", ["slack"])
    change(tmp_path, "UPDATE alerts SET stored_at = 'x'", "UPDATE incidents SET resolved_at = 'x'")
    outbox.prune()
    assert outbox.counts()["sent"] == 0
    assert outbox.story(over.alert_id) is None


@pytest.mark.parametrize(
    "damage",
    [
        "alert = json_set(alert, '$.service', 7)",
        "alert = json_set(alert, '$.score', 'x')",
        "alert = json_set(alert, '$.differs', 'x')",
    ],
)
def test_an_alert_with_a_value_of_another_kind_stops_no_other(tmp_path: Path, entries: Entries, damage: str) -> None:
    two_open(tmp_path)
    change(tmp_path, f"UPDATE alerts SET {damage} WHERE seq = 1")
    found = Outbox(tmp_path).pending("slack")
    assert found is not None
    assert found.seq == 2
    assert [entry["event"] for entry in entries if entry["log_level"] == "error"] == [Event.ALERTS_GIVEN_UP]


@pytest.mark.parametrize(
    "damage",
    [
        f"alert = json_set(alert, '$.read_at', '{NAIVE}')",
        "alert = CAST(replace(CAST(alert AS BLOB), 'locked', x'ff') AS TEXT)",
    ],
)
def test_an_alert_with_a_broken_byte_or_no_zone_is_still_told(tmp_path: Path, entries: Entries, damage: str) -> None:
    two_open(tmp_path)
    change(tmp_path, f"UPDATE alerts SET {damage} WHERE seq = 1")
    found = Outbox(tmp_path).pending("slack")
    assert found is not None
    assert found.alert is not None
    assert (found.seq, found.alert.line[:11]) == (1, "database is")
    assert found.alert.read_at.tzinfo is not None
    assert [entry for entry in entries if entry["log_level"] == "error"] == []


@pytest.mark.parametrize(
    "damage",
    [
        ("UPDATE alerts SET alert = substr(alert, 2)", "UPDATE alerts SET stored_at = 'x'"),
        ("UPDATE alerts SET alert = json_set(alert, '$.service', 7, '$.severity', 7, '$.line', 7)",),
        ("UPDATE incidents SET lines = 'x'",),
        ("INSERT INTO overflow VALUES ('shop', 'P2-High', 'x', 'x', 'x')",),
    ],
)
def test_a_digest_accounts_for_what_was_held_back_damaged_or_not(tmp_path: Path, damage: tuple[str, ...]) -> None:
    outbox = Outbox(tmp_path)
    row = incident_to_row(incident(anomaly("database is locked"), held=True))
    outbox.store([new("a", alert(), held=True), new("b", alert("two"), held=True)], [row])
    change(tmp_path, *damage)
    digest = outbox.make_digest()
    assert digest is not None
    assert digest.incidents == 2
    found = outbox.pending("slack")
    assert found is not None
    assert (found.kind, found.digest) == (Kind.DIGEST, digest)
    assert outbox.held_back() == 0
