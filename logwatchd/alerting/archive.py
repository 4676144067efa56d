"""Incidents as the outbox has them on the disk, for a look from outside: nothing is changed, and the daemon goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from logwatchd.alerting.checked import instant
from logwatchd.alerting.codec import (
    INCIDENT_COLUMNS,
    alert_from_json,
    analysis_from_json,
    incident_from_row,
    story_of,
)
from logwatchd.alerting.message import Story
from logwatchd.alerting.schema import SCHEMA
from logwatchd.database import as_text
from logwatchd.errors import StateError, state_error
from logwatchd.records import Alert, Analysis

_BUSY_S = 5.0
_MEND = "run this as root or as the daemon's user"
_SQL = (
    f"SELECT {', '.join('i.' + column.strip() for column in INCIDENT_COLUMNS.split(','))}, i.resolved_at, a.alert,"
    " (SELECT w.analysis FROM alerts w WHERE w.id = i.alert_id AND w.analysis IS NOT NULL ORDER BY w.seq DESC LIMIT 1)"
    " FROM incidents i LEFT JOIN alerts a ON a.id = i.alert_id AND a.kind = 'alert'"
    " WHERE (:id IS NULL OR i.alert_id = :id) AND (:every OR i.resolved_at IS NULL) ORDER BY i.last_seen DESC"
)


@dataclass(frozen=True, slots=True)
class Record:
    """An incident and what was told of it. over_at: None while it is open."""

    alert: Alert
    analysis: Analysis | None
    story: Story
    over_at: datetime | None


@dataclass(frozen=True, slots=True)
class Records:
    """The one that had a line last comes first. unshown: how many more there are whose alert was only counted, in a
    storm, or cannot be read."""

    records: tuple[Record, ...] = ()
    unshown: int = 0


def look(file: Path, alert_id: str | None = None, *, every: bool = False) -> Records:
    """The incidents in the outbox's file.

    Args:
        alert_id: only this one, whether open or not.
        every: also those that are over, as long as they are kept.

    Raises:
        StateError: the file cannot be read, or is another version's.
    """
    try:
        file.stat()
    except FileNotFoundError:
        return Records()
    except OSError as error:
        raise state_error(f"{file}: {error.strerror}", error, _MEND) from None
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_S)) as connection:
            connection.text_factory = as_text
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version != SCHEMA.version:
                raise StateError(
                    f"{file}: version {version}, this logwatchd knows {SCHEMA.version}; start its daemon on it, or use"
                    " the one that wrote it"
                )
            rows = connection.execute(_SQL, {"id": alert_id, "every": every or alert_id is not None}).fetchall()
    except sqlite3.Error as error:
        raise state_error(f"{file}: {error}", error, _MEND) from None
    return _read(rows)


def _read(rows: Iterable[tuple[object, ...]]) -> Records:
    found: list[Record] = []
    unshown = 0
    for *row, over_at, alert, analysis in rows:
        try:
            found.append(
                Record(
                    alert_from_json(str(alert)),
                    analysis_from_json(str(analysis)) if analysis is not None else None,
                    story_of(incident_from_row(tuple(row), 0.0)),
                    instant(over_at) if over_at is not None else None,
                )
            )
        except (ValueError, KeyError, TypeError):
            unshown += 1
    return Records(tuple(found), unshown)
