"""Alerts on their way: stored before their lines are committed, kept until somebody has taken them.

state_dir/alerts.sqlite3 can be read while the daemon runs:
    sqlite3 alerts.sqlite3 "SELECT seq, stored_at, state, attempts, last_error FROM alerts ORDER BY seq"
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from logwatchd import clock
from logwatchd.alerting.codec import (
    INCIDENT_COLUMNS,
    IncidentRow,
    alert_from_json,
    alert_to_json,
    analysis_from_json,
    analysis_to_json,
)
from logwatchd.alerting.database import Database
from logwatchd.journal import Event, logger
from logwatchd.records import Alert, Analysis

FILE_NAME = "alerts.sqlite3"

_VERSION = 1
_SCHEMA = """
CREATE TABLE alerts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    line_key TEXT NOT NULL UNIQUE,
    id TEXT NOT NULL,
    stored_at TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'refused')),
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    alert TEXT NOT NULL,
    analysis TEXT
);
CREATE INDEX pending ON alerts (seq) WHERE state = 'pending';
CREATE TABLE deliveries (
    seq INTEGER NOT NULL REFERENCES alerts ON DELETE CASCADE,
    sink TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (seq, sink)
) WITHOUT ROWID;
CREATE TABLE incidents (
    alert_id TEXT PRIMARY KEY,
    service TEXT NOT NULL,
    path TEXT NOT NULL,
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    first_offset INTEGER NOT NULL,
    severity TEXT NOT NULL,
    patterns TEXT NOT NULL,
    vector BLOB NOT NULL,
    began TEXT,
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    lines INTEGER NOT NULL,
    resolved_at TEXT
)"""
_CHECK = (
    f"SELECT {INCIDENT_COLUMNS}, resolved_at, alerts.line_key, alerts.analysis, deliveries.at"
    " FROM incidents, alerts, deliveries LIMIT 0"
)
_UPSERT = (
    f"INSERT INTO incidents ({INCIDENT_COLUMNS}) VALUES ({', '.join('?' * 13)})"
    " ON CONFLICT (alert_id) DO UPDATE SET patterns = excluded.patterns, last_seen = excluded.last_seen,"
    " lines = max(lines, excluded.lines), resolved_at = NULL"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept: rows that are dealt with, rows that wait, and for how long each."""

    max_done: int = 10_000
    done_for: timedelta = timedelta(days=30)
    max_pending: int = 10_000
    pending_for: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Pending:
    """An alert that waits. seq: its place in the order. delivered: names of the sinks that have taken it."""

    seq: int
    alert: Alert
    analysis: Analysis | None
    delivered: frozenset[str]


class Outbox:
    """Every method is one durable transaction, from any thread, and raises RetryableError when it cannot be made."""

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        """Raises StateError where the folder cannot hold it; a damaged file is set aside with one loud line."""
        self._database = Database(folder / FILE_NAME, _VERSION, _SCHEMA, _CHECK)
        self._limits = limits or Limits()

    def store(self, alerts: Sequence[tuple[str, Alert]], incidents: Iterable[IncidentRow]) -> frozenset[str]:
        """Keep new alerts, each with its line's key, and their incidents, in this order.

        Returns:
            The ids of alerts whose line is new; the others' lines were seen before a crash and nothing was added.
        """
        stored_at = clock.utc_now().isoformat()

        def work(connection: sqlite3.Connection) -> frozenset[str]:
            new = set()
            for key, alert in alerts:
                row = (key, alert.id, stored_at, alert_to_json(alert))
                sql = "INSERT INTO alerts (line_key, id, stored_at, alert) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
                if connection.execute(sql, row).rowcount:
                    new.add(alert.id)
            connection.executemany(_UPSERT, incidents)
            return frozenset(new)

        return self._database.run(work)

    def update_incidents(self, open_ones: Iterable[IncidentRow], resolved: Iterable[IncidentRow] = ()) -> None:
        """Bring counts and times of incidents up to date."""
        at = clock.utc_now().isoformat()

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(_UPSERT, open_ones)
            for row in resolved:
                connection.execute(_UPSERT, row)
                connection.execute("UPDATE incidents SET resolved_at = ? WHERE alert_id = ?", (at, row[0]))

        self._database.run(work)

    def open_incidents(self) -> list[IncidentRow]:
        """Incidents that were open when last written, oldest first."""
        sql = f"SELECT {INCIDENT_COLUMNS} FROM incidents WHERE resolved_at IS NULL ORDER BY first_seen"
        return self._database.run(lambda connection: connection.execute(sql).fetchall())

    def pending(self, limit: int, without_sink: str | None = None) -> list[Pending]:
        """The oldest alerts that wait, in order; with `without_sink` only those that this sink has not taken."""
        sql = (
            "SELECT seq, alert, analysis, (SELECT group_concat(sink, ' ') FROM deliveries d WHERE d.seq = a.seq)"
            " FROM alerts a WHERE state = 'pending'"
            " AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.seq = a.seq AND d.sink = ?) ORDER BY seq LIMIT ?"
        )
        rows = self._database.run(lambda connection: connection.execute(sql, (without_sink, limit)).fetchall())
        return [pending for row in rows if (pending := self._read(*row)) is not None]

    def _read(self, seq: int, alert: str, analysis: str | None, sinks: str | None) -> Pending | None:
        """One row; an unreadable one is given up with one loud line, or it would stop all others for ever."""
        try:
            words = None if analysis is None else analysis_from_json(analysis)
            return Pending(seq, alert_from_json(alert), words, frozenset((sinks or "").split()))
        except (ValueError, KeyError, TypeError) as error:
            self.give_up(seq, "unreadable")
            logger("outbox").error(
                Event.ALERTS_GIVEN_UP, alerts=1, seq=seq, reason=f"row {seq} is unreadable: {error!r}"
            )
            return None

    def analysed(self, seq: int, analysis: Analysis) -> None:
        sql = "UPDATE alerts SET analysis = ? WHERE seq = ?"
        self._database.run(lambda connection: connection.execute(sql, (analysis_to_json(analysis), seq)))

    def delivered(self, seq: int, sink: str, wanted: Iterable[str]) -> bool:
        """A sink has taken an alert. True when all `wanted` sinks now have, and the alert is thereby sent."""
        at = clock.utc_now().isoformat()

        def work(connection: sqlite3.Connection) -> bool:
            connection.execute("INSERT OR IGNORE INTO deliveries VALUES (?, ?, ?)", (seq, sink, at))
            taken = {name for (name,) in connection.execute("SELECT sink FROM deliveries WHERE seq = ?", (seq,))}
            done = taken.issuperset(wanted)
            if done:
                connection.execute("UPDATE alerts SET state = 'sent', attempts = attempts + 1 WHERE seq = ?", (seq,))
            return done

        return self._database.run(work)

    def failed(self, seq: int, error: str) -> None:
        """An attempt failed; the alert keeps its place."""
        sql = "UPDATE alerts SET attempts = attempts + 1, last_error = ? WHERE seq = ?"
        self._database.run(lambda connection: connection.execute(sql, (error, seq)))

    def give_up(self, seq: int, error: str) -> None:
        """Nobody can take this alert; it stays readable until it is forgotten with the others."""
        sql = "UPDATE alerts SET state = 'refused', attempts = attempts + 1, last_error = ? WHERE seq = ?"
        self._database.run(lambda connection: connection.execute(sql, (error, seq)))

    def settle(self, sinks: Iterable[str]) -> int:
        """Mark as sent what every one of these sinks has taken already: a sink may have been removed."""
        names = sorted(set(sinks))
        sql = (
            "UPDATE alerts SET state = 'sent' WHERE state = 'pending' AND (SELECT count(*) FROM deliveries d"
            f" WHERE d.seq = alerts.seq AND d.sink IN ({', '.join('?' * len(names))})) = ?"
        )
        return self._database.run(lambda connection: connection.execute(sql, (*names, len(names))).rowcount)

    def counts(self) -> dict[str, int]:
        """Rows by state."""
        sql = "SELECT state, count(*) FROM alerts GROUP BY state"
        found = dict(self._database.run(lambda connection: connection.execute(sql).fetchall()))
        return {state: int(found.get(state, 0)) for state in ("pending", "sent", "refused")}

    def prune(self) -> int:
        """Forget what is old or too much; alerts that nobody took in time are given up with one loud line.

        Returns:
            How many alerts were given up.
        """
        limits, now = self._limits, clock.utc_now()
        too_late = (now - limits.pending_for).isoformat()
        too_old = (now - limits.done_for).isoformat()

        def work(connection: sqlite3.Connection) -> int:
            given_up = connection.execute(
                "UPDATE alerts SET state = 'refused', last_error = coalesce(last_error || '; ', '') || 'given up'"
                " WHERE state = 'pending' AND (stored_at < ? OR seq IN"
                " (SELECT seq FROM alerts WHERE state = 'pending' ORDER BY seq DESC LIMIT -1 OFFSET ?))",
                (too_late, limits.max_pending),
            ).rowcount
            connection.execute(
                "DELETE FROM alerts WHERE state != 'pending' AND (stored_at < ? OR seq IN"
                " (SELECT seq FROM alerts WHERE state != 'pending' ORDER BY seq DESC LIMIT -1 OFFSET ?))",
                (too_old, limits.max_done),
            )
            connection.execute(
                "DELETE FROM incidents WHERE resolved_at IS NOT NULL AND (resolved_at < ? OR alert_id IN (SELECT"
                " alert_id FROM incidents WHERE resolved_at IS NOT NULL ORDER BY resolved_at DESC LIMIT -1 OFFSET ?))",
                (too_old, limits.max_done),
            )
            return given_up

        given_up = self._database.run(work)
        self._database.give_back_space()
        if given_up:
            logger("outbox").error(
                Event.ALERTS_GIVEN_UP,
                alerts=given_up,
                reason=f"more than {limits.max_pending} waited, or longer than {limits.pending_for.days} days",
            )
        return given_up

    def close(self) -> None:
        self._database.close()
