"""Alerts, analyses and incidents as the outbox holds them: JSON that a person can read with `sqlite3`."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from enum import Enum
from typing import Any

import numpy as np

from logwatchd.alerting.grouping import Incident
from logwatchd.records import Alert, Analysis, FileId, Level, Severity

_TUPLES = ("nearest_examples", "differs", "context")

IncidentRow = tuple[str, str, str, int, int, int, str, str, bytes, str | None, str, str, int]
INCIDENT_COLUMNS = (
    "alert_id, service, path, device, inode, first_offset, severity, patterns, vector, began,"
    " first_seen, last_seen, lines"
)


def alert_to_json(alert: Alert) -> str:
    return json.dumps(asdict(alert) | {"level": alert.level.name}, default=_plain)


def alert_from_json(text: str) -> Alert:
    """The alert that `alert_to_json` wrote.

    Raises:
        ValueError, KeyError, TypeError: the text is something else.
    """
    fields: dict[str, Any] = json.loads(text)
    return Alert(
        **fields
        | {name: tuple(fields[name]) for name in _TUPLES}
        | {
            "level": Level[fields["level"]],
            "severity": Severity(fields["severity"]),
            "read_at": datetime.fromisoformat(fields["read_at"]),
            "file": FileId(*fields["file"]),
        }
    )


def analysis_to_json(analysis: Analysis) -> str:
    return json.dumps(asdict(analysis), default=_plain)


def analysis_from_json(text: str) -> Analysis:
    """The analysis that `analysis_to_json` wrote; raises as `alert_from_json` does."""
    fields: dict[str, Any] = json.loads(text)
    return Analysis(**fields | {"severity": Severity(fields["severity"])})


def incident_to_row(incident: Incident) -> IncidentRow:
    return (
        incident.alert_id,
        _storable(incident.service),
        _storable(incident.path),
        *incident.inode,
        incident.offset,
        incident.severity.value,
        json.dumps(sorted(incident.patterns)),
        incident.vector.astype("<f4").tobytes(),
        incident.began.isoformat() if incident.began else None,
        incident.first_seen.isoformat(),
        incident.last_seen.isoformat(),
        incident.lines,
    )


def incident_from_row(row: IncidentRow, now: float) -> Incident:
    """An incident that was open when the last run ended; its lines may be read again, so it has just begun at `now`."""
    alert_id, service, path, device, inode, offset, severity, patterns, vector, began, first, last, lines = row
    return Incident(
        alert_id=alert_id,
        service=service,
        path=path,
        inode=(device, inode),
        offset=offset,
        severity=Severity(severity),
        vector=np.frombuffer(vector, dtype="<f4").astype(np.float32),
        first_at=now,
        last_at=now,
        began=datetime.fromisoformat(began) if began else None,
        first_seen=datetime.fromisoformat(first),
        last_seen=datetime.fromisoformat(last),
        lines=lines,
        patterns=set(json.loads(patterns)),
    )


def _storable(text: str) -> str:
    """SQLite's texts are UTF-8; a file's name need not be."""
    return text.encode("utf-8", "backslashreplace").decode()


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return str(value.value)
    raise TypeError(f"{type(value).__name__} does not belong into the outbox")
