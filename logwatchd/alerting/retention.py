"""How much the outbox keeps, and for how long: SQL on a connection of the outbox's."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept: rows that are dealt with, rows that wait, and for how long each."""

    max_done: int = 10_000
    done_for: timedelta = timedelta(days=30)
    max_pending: int = 50_000
    pending_for: timedelta = timedelta(days=30)


def prune(connection: sqlite3.Connection, limits: Limits, now: datetime) -> int:
    """Delete what is old or too much; returns how many messages that still waited were given up."""
    too_late, too_old = ((now - kept_for).isoformat() for kept_for in (limits.pending_for, limits.done_for))
    given_up = connection.execute(
        "UPDATE alerts SET state = 'refused', wants_analysis = 0,"
        " last_error = coalesce(last_error || '; ', '') || 'given up'"
        " WHERE state = 'pending' AND held = 0 AND (stored_at < ? OR seq IN (SELECT seq FROM alerts"
        " WHERE state = 'pending' AND held = 0 ORDER BY seq DESC LIMIT -1 OFFSET ?))",
        (too_late, limits.max_pending),
    ).rowcount
    connection.execute(
        "DELETE FROM alerts WHERE state != 'pending' AND (stored_at < ? OR julianday(stored_at) IS NULL OR seq IN"
        " (SELECT seq FROM alerts WHERE state != 'pending' ORDER BY seq DESC LIMIT -1 OFFSET ?))",
        (too_old, limits.max_done),
    )
    connection.execute(
        "DELETE FROM incidents WHERE resolved_at IS NOT NULL AND (resolved_at < ? OR julianday(resolved_at) IS NULL"
        " OR alert_id IN (SELECT alert_id FROM incidents WHERE resolved_at IS NOT NULL"
        " ORDER BY resolved_at DESC LIMIT -1 OFFSET ?))",
        (too_old, limits.max_done),
    )
    connection.execute("DELETE FROM spending WHERE at < ?", (too_old,))
    return given_up
