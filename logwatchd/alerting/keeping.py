"""Incidents as the outbox keeps them: SQL on a connection of the outbox's."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from logwatchd.alerting.checked import instant
from logwatchd.alerting.codec import INCIDENT_COLUMNS, IncidentRow, incident_from_row
from logwatchd.alerting.grouping import Incident

_UPSERT = (
    f"INSERT INTO incidents ({INCIDENT_COLUMNS}) VALUES ({', '.join('?' * 16)})"
    " ON CONFLICT (alert_id) DO UPDATE SET patterns = excluded.patterns, last_seen = excluded.last_seen,"
    " severity = excluded.severity, lines = max(lines, excluded.lines), held = excluded.held, more = excluded.more,"
    " resolved_at = NULL"
)


def keep(connection: sqlite3.Connection, incidents: Iterable[IncidentRow]) -> None:
    """Open ones, new or as they are now."""
    connection.executemany(_UPSERT, incidents)


def resolve(connection: sqlite3.Connection, incidents: Iterable[IncidentRow], at: str) -> None:
    """These are over, as they were at last."""
    for row in incidents:
        connection.execute(_UPSERT, row)
        connection.execute("UPDATE incidents SET resolved_at = ? WHERE alert_id = ?", (at, row[0]))


def open_ones(connection: sqlite3.Connection, now: float, at: str) -> tuple[list[Incident], list[tuple[str, str]]]:
    """Those that were open when last written, oldest first; and, by their alerts' ids, what is wrong with those that
    cannot be read again: they are over now, or they would stop all others for ever."""
    found: list[Incident] = []
    damaged: list[tuple[str, str]] = []
    sql = f"SELECT rowid, {INCIDENT_COLUMNS} FROM incidents WHERE resolved_at IS NULL ORDER BY first_seen"
    for rowid, *row in connection.execute(sql).fetchall():
        try:
            found.append(incident_from_row(tuple(row), now))
        except ValueError as error:
            damaged.append((str(row[0]), str(error)))
            connection.execute("UPDATE incidents SET resolved_at = ? WHERE rowid = ?", (at, rowid))
    return found, damaged


def find(connection: sqlite3.Connection, alert_id: str) -> Incident | None:
    """An incident as it was when last written; None where it is not there or cannot be read again."""
    sql = f"SELECT {INCIDENT_COLUMNS} FROM incidents WHERE alert_id = ?"
    row = connection.execute(sql, (alert_id,)).fetchone()
    with suppress(ValueError):
        return incident_from_row(row, 0.0) if row else None
    return None


def was_over(connection: sqlite3.Connection, fingerprint: str) -> datetime | None:
    """When the last incident of this kind was over; None where there was none, as far as can be read."""
    sql = (
        "SELECT resolved_at FROM incidents WHERE fingerprint = ? AND resolved_at IS NOT NULL ORDER BY resolved_at DESC"
    )
    for (at,) in connection.execute(sql, (fingerprint,)):
        with suppress(ValueError):
            return instant(at)
    return None
