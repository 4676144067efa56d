"""What becomes of a message once no sink waits for it: SQL on a connection of the outbox's."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

OUTCOME = (
    "CASE WHEN EXISTS (SELECT 1 FROM deliveries d WHERE d.seq = alerts.seq AND d.refused IS NOT NULL)"
    " THEN 'refused' ELSE 'sent' END"
)
"""A message's state then: an expression within an UPDATE of alerts."""


def finish(connection: sqlite3.Connection, seq: int, wanted: Iterable[str]) -> bool:
    """Whether no sink waits for a message any more; that is noted. wanted: the sinks that there are."""
    row = connection.execute("SELECT target FROM alerts WHERE seq = ?", (seq,)).fetchone()
    dealt_with = {name for (name,) in connection.execute("SELECT sink FROM deliveries WHERE seq = ?", (seq,))}
    done = dealt_with.issuperset([row[0]] if row and row[0] else wanted)
    if done:
        sql = f"UPDATE alerts SET state = {OUTCOME}, attempts = attempts + 1 WHERE seq = ?"
        connection.execute(sql, (seq,))
    return done
