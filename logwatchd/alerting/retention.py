"""How much the outbox keeps, and for how long: SQL on a connection of the outbox's."""

from __future__ import annotations

import json
import sqlite3
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

_IN_VAIN_S = 3600.0
_MARK_S = 3600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept: rows that are dealt with, rows that wait, and for how long each."""

    max_done: int = 10_000
    done_for: timedelta = timedelta(days=30)
    max_pending: int = 50_000
    pending_for: timedelta = timedelta(days=30)


@dataclass(slots=True)
class Watch:
    """What this process saw of messages that wait, in monotonic seconds: the clock that they were stored by may have
    been set since, from 1970 or after a month's sleep. Belongs into the outbox's transactions.

    tried: when a try failed first, by the message's place. marks: when which place was the last one.
    """

    tried: dict[int, float] = field(default_factory=dict)
    marks: deque[tuple[float, int]] = field(default_factory=deque)

    def failed(self, seq: int, now: float) -> None:
        self.tried.setdefault(seq, now)

    def look(self, connection: sqlite3.Connection, now: float) -> None:
        """Remember what there is now, and forget what does not wait any more."""
        sql = "SELECT seq FROM alerts WHERE state = 'pending' AND seq IN (SELECT value FROM json_each(?))"
        waiting = {seq for (seq,) in connection.execute(sql, (json.dumps(list(self.tried)),))}
        self.tried = {seq: at for seq, at in self.tried.items() if seq in waiting}
        if not self.marks or now - self.marks[-1][0] >= _MARK_S:
            (last,) = connection.execute("SELECT coalesce(max(seq), 0) FROM alerts").fetchone()
            self.marks.append((now, last))

    def in_vain(self, now: float) -> list[int]:
        """Messages that were tried for an hour."""
        return [seq for seq, at in self.tried.items() if now - at >= _IN_VAIN_S]

    def older_than(self, age: timedelta, now: float) -> int:
        """The last message that was there so long ago; 0 where none was seen to be."""
        old = 0
        while self.marks and now - self.marks[0][0] >= age.total_seconds():
            old = self.marks.popleft()[1]
        if old:
            self.marks.appendleft((now - age.total_seconds(), old))
        return old


def prune(connection: sqlite3.Connection, limits: Limits, watch: Watch, wall: datetime, now: float) -> int:
    """Delete what is old or too much; returns how many messages that still waited were given up.

    wall, now: the time by either clock. Of one that waits, the wall's alone says nothing.
    """
    watch.look(connection, now)
    too_late, too_old = ((wall - kept_for).isoformat() for kept_for in (limits.pending_for, limits.done_for))
    given_up = connection.execute(
        "UPDATE alerts SET state = 'refused', wants_analysis = 0,"
        " last_error = coalesce(last_error || '; ', '') || 'given up'"
        " WHERE state = 'pending' AND held = 0 AND (seq <= ?"
        " OR stored_at < ? AND seq IN (SELECT value FROM json_each(?)) OR seq IN (SELECT seq FROM alerts"
        " WHERE state = 'pending' AND held = 0 ORDER BY seq DESC LIMIT -1 OFFSET ?))",
        (watch.older_than(limits.pending_for, now), too_late, json.dumps(watch.in_vain(now)), limits.max_pending),
    ).rowcount
    # What else is to be told of an incident is made of its alert, and goes where that went.
    connection.execute(
        "DELETE FROM alerts WHERE state != 'pending' AND (stored_at < ? OR julianday(stored_at) IS NULL OR seq IN"
        " (SELECT seq FROM alerts WHERE state != 'pending' ORDER BY seq DESC LIMIT -1 OFFSET ?))"
        " AND NOT EXISTS (SELECT 1 FROM incidents i WHERE i.alert_id = alerts.id AND i.resolved_at IS NULL)"
        " AND NOT EXISTS (SELECT 1 FROM alerts more WHERE more.id = alerts.id AND more.state = 'pending')",
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
