"""What was held back, and the digest that accounts for it: SQL on a connection of the outbox's."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime

from logwatchd.alerting.checked import instant
from logwatchd.alerting.codec import digest_to_json
from logwatchd.alerting.message import Digest, Kind

MAX_HELD = 5000  # kept one by one; more are only counted, by service and severity
_MAX_GROUPS = 15
_MAX_SAMPLES = 8
_BATCH = 100_000

Group = tuple[str, str]  # service, severity


def count_over(connection: sqlite3.Connection, groups: Iterable[Group], at: str) -> None:
    """Count incidents that are too many to be kept one by one."""
    connection.executemany(
        "INSERT INTO overflow VALUES (?, ?, ?, ?, ?) ON CONFLICT (service, severity) DO UPDATE SET"
        " incidents = incidents + excluded.incidents, ended = excluded.ended",
        [(*group, count, at, at) for group, count in Counter(groups).items()],
    )


def held_back(connection: sqlite3.Connection) -> int:
    """How many incidents wait for a digest, one by one or only counted."""
    sql = "SELECT (SELECT count(*) FROM alerts WHERE held = 1 AND state = 'pending')"
    return int(connection.execute(f"{sql} + (SELECT coalesce(sum(incidents), 0) FROM overflow)").fetchone()[0])


def make_digest(connection: sqlite3.Connection, at: str) -> Digest | None:
    """Put all that was held back into one message; None where there is nothing. Belongs into one transaction."""
    rows: list[tuple[int, str, str, str, str, int]] = connection.execute(
        f"SELECT seq, {_of_alert('service')}, {_of_alert('severity')}, {_of_alert('line')}, stored_at,"
        " coalesce((SELECT CAST(lines AS INTEGER) FROM incidents i WHERE i.alert_id = alerts.id), 1)"
        " FROM alerts WHERE held = 1 AND state = 'pending' ORDER BY seq LIMIT ?",
        (_BATCH,),
    ).fetchall()
    counted: list[tuple[str, str, int, str, str]] = connection.execute(
        "SELECT CAST(service AS TEXT), CAST(severity AS TEXT), CAST(incidents AS INTEGER), began, ended FROM overflow"
    ).fetchall()
    if not rows and not counted:
        return None
    groups: Counter[Group] = Counter((service, severity) for _, service, severity, *_ in rows)
    for service, severity, count, *_ in counted:
        groups[service, severity] += count
    ranked = sorted(groups.items(), key=lambda item: (item[0][1], -item[1], item[0][0]))
    more = sum(count for _, _, count, *_ in counted)
    times = [stored_at for *_, stored_at, _ in rows] + [time for *_, began, ended in counted for time in (began, ended)]
    readable = list(_instants(times)) or [instant(at)]
    digest = Digest(
        id=hashlib.blake2b(f"{at} {len(rows)} {more}".encode(), digest_size=6).hexdigest(),
        incidents=len(rows) + more,
        lines=sum(lines for *_, lines in rows) + more,
        began=min(readable),
        ended=max(readable),
        groups=tuple((service, severity, count) for (service, severity), count in ranked[:_MAX_GROUPS]),
        others=sum(count for _, count in ranked[_MAX_GROUPS:]),
        samples=tuple(
            line[:300] for _, _, _, line, *_ in sorted(rows, key=lambda row: (row[2], row[0]))[:_MAX_SAMPLES]
        ),
    )
    connection.execute(
        "INSERT INTO alerts (line_key, id, stored_at, alert, kind) VALUES (?, ?, ?, ?, ?)",
        (f"digest:{digest.id}:{at}", digest.id, at, digest_to_json(digest), Kind.DIGEST),
    )
    connection.executemany(
        "UPDATE alerts SET held = 2, state = 'sent', why = ? WHERE seq = ?",
        [(f"digest {digest.id}", row[0]) for row in rows],
    )
    connection.execute("DELETE FROM overflow")
    return digest


def _of_alert(name: str) -> str:
    """An expression for a text of an alert; a damaged one is accounted for all the same."""
    told = f"CASE WHEN json_valid(CAST(alert AS TEXT)) THEN json_extract(CAST(alert AS TEXT), '$.{name}') END"
    return f"CAST(coalesce({told}, '?') AS TEXT)"


def _instants(times: Iterable[object]) -> Iterator[datetime]:
    """Those that can be read."""
    for time in times:
        with suppress(ValueError):
            yield instant(time)
