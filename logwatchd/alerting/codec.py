"""Alerts, analyses, incidents and digests as the outbox holds them: JSON that a person can read with `sqlite3`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import numpy as np

from logwatchd.alerting import checked
from logwatchd.alerting.grouping import Incident
from logwatchd.alerting.message import Digest, Story
from logwatchd.records import Alert, Analysis, FileId, Level, Severity
from logwatchd.vectors import Vectors

_TUPLES = ("nearest_examples", "differs", "context")
_ALERT_TYPES: checked.Types = {
    **dict.fromkeys(("id", "fingerprint", "service", "path", "line", "pattern"), str),
    **dict.fromkeys(("score", "threshold", "distance", "radius", "novelty"), (float, int)),
    "offset": int,
    "late": bool,
    "by_twin": bool,
    **dict.fromkeys(("end", "centroid"), (int, type(None))),
}
_ANALYSIS_TUPLES = ("check_also", "evidence")
_ANALYSIS_TYPES: checked.Types = {
    **dict.fromkeys(("likely_cause", "suggested_action", "model", "confidence"), str),
    "conclusive": bool,
    "reused_from": (str, type(None)),
}
_DIGEST_TYPES: checked.Types = {"id": str, "incidents": int, "lines": int, "others": int}
_NO_VECTOR = np.zeros(0, np.float32)

IncidentRow = tuple[str | bytes | int | None, ...]
INCIDENT_COLUMNS = (
    "alert_id, fingerprint, service, path, device, inode, first_offset, severity, patterns, vector, began,"
    " first_seen, last_seen, lines, held, more"
)


@dataclass(frozen=True, slots=True)
class Fields:
    """What is no column of its own in an incident's row, as JSON."""

    kinds: int
    sources: list[str]
    hosts: list[str]
    samples: list[str]
    ties: list[str]
    bare: bool
    told_lines: int
    told_reach: int
    storm: bool


def alert_to_json(alert: Alert) -> str:
    return json.dumps(asdict(alert) | {"level": alert.level.name}, default=_plain)


def alert_from_json(text: str) -> Alert:
    """The alert that `alert_to_json` wrote.

    Raises:
        ValueError, KeyError, TypeError: the text is something else.
    """
    fields = checked.table(text)
    made = Alert(
        **fields
        | {name: tuple(checked.texts(fields[name])) for name in _TUPLES}
        | {
            "level": Level[fields["level"]],
            "severity": Severity(fields["severity"]),
            "read_at": checked.instant(fields["read_at"]),
            "file": FileId(*map(checked.whole, fields["file"])),
        }
    )
    checked.has_types(made, _ALERT_TYPES)
    return made


def analysis_to_json(analysis: Analysis) -> str:
    return json.dumps(asdict(analysis), default=_plain)


def analysis_from_json(text: str) -> Analysis:
    """The analysis that `analysis_to_json` wrote; raises as `alert_from_json` does."""
    fields = checked.table(text)
    lists = {name: tuple(checked.texts(fields[name])) for name in _ANALYSIS_TUPLES if name in fields}
    made = Analysis(**fields | lists | {"severity": Severity(fields["severity"])})
    checked.has_types(made, _ANALYSIS_TYPES)
    return made


def digest_to_json(digest: Digest) -> str:
    return json.dumps(asdict(digest), default=_plain)


def digest_from_json(text: str) -> Digest:
    """The digest that `digest_to_json` wrote; raises as `alert_from_json` does."""
    fields = checked.table(text)
    groups = [(checked.text(service), checked.text(severity), count) for service, severity, count in fields["groups"]]
    made = Digest(
        **fields
        | {
            "began": checked.instant(fields["began"]),
            "ended": checked.instant(fields["ended"]),
            "groups": tuple((service, severity, checked.whole(count)) for service, severity, count in groups),
            "samples": tuple(checked.texts(fields["samples"])),
        }
    )
    checked.has_types(made, _DIGEST_TYPES)
    return made


def incident_to_row(incident: Incident) -> IncidentRow:
    more = Fields(
        kinds=incident.kinds,
        sources=incident.sources,
        hosts=incident.hosts,
        samples=incident.samples,
        ties=sorted(incident.ties),
        bare=incident.bare,
        told_lines=incident.told_lines,
        told_reach=incident.told_reach,
        storm=incident.storm,
    )
    return (
        incident.alert_id,
        incident.fingerprint,
        _storable(incident.service),
        _storable(incident.path),
        *incident.inode,
        incident.offset,
        incident.severity.value,
        json.dumps(sorted(incident.keys)),
        incident.vector.astype("<f4").tobytes(),
        incident.began.isoformat() if incident.began else None,
        incident.first_seen.isoformat(),
        incident.last_seen.isoformat(),
        incident.lines,
        int(incident.held),
        json.dumps(asdict(more)),
    )


def incident_from_row(row: tuple[Any, ...], now: float) -> Incident:
    """An incident that was open when the last run ended; its lines may be read again, so it has just begun at `now`.

    A start sends at once what still gathered lines: people know of it.

    Raises:
        ValueError: a value is nothing that `incident_to_row` wrote.
    """
    alert_id, fingerprint, service, path, device, inode, offset, severity, keys, vector, began = row[:11]
    first, last, lines, held, more = row[11:]
    fields = _fields(more)
    lines = checked.count(lines)
    return Incident(
        alert_id=checked.text(alert_id),
        fingerprint=checked.text(fingerprint),
        service=checked.text(service),
        path=checked.text(path),
        inode=(checked.whole(device), checked.whole(inode)),
        offset=checked.whole(offset),
        severity=Severity(severity),
        vector=_vector(vector),
        first_at=now,
        last_at=now,
        began=datetime.fromisoformat(checked.text(began)) if began else None,
        written=None,
        first_seen=checked.instant(first),
        last_seen=checked.instant(last),
        lines=lines,
        kinds=fields.kinds,
        keys=set(checked.listed(keys)),
        sources=fields.sources,
        hosts=fields.hosts,
        samples=fields.samples,
        ties=set(fields.ties),
        bare=fields.bare,
        told_at=now,
        told_lines=fields.told_lines or lines,
        told_reach=fields.told_reach or len(fields.sources) + len(fields.hosts),
        held=checked.flag(held),
        storm=fields.storm,
    )


def story_of(incident: Incident) -> Story:
    """The incident so far."""
    return Story(
        lines=incident.lines,
        kinds=incident.kinds,
        first_seen=incident.first_seen,
        last_seen=incident.last_seen,
        sources=tuple(incident.sources),
        hosts=tuple(incident.hosts),
        samples=tuple(incident.samples),
        fingerprints=_fingerprints(incident),
    )


def _fingerprints(incident: Incident) -> tuple[str, ...]:
    """With group_by = "none" its keys are of texts, not of kinds: then there is one kind."""
    own = incident.fingerprint
    return (own, *sorted(incident.keys - {own})) if own in incident.keys else (own,)


def _fields(more: object) -> Fields:
    told = checked.table(more)
    try:
        return Fields(
            kinds=checked.count(told["kinds"]),
            sources=checked.texts(told["sources"]),
            hosts=checked.texts(told["hosts"]),
            samples=checked.texts(told["samples"]),
            ties=checked.texts(told["ties"]),
            bare=checked.flag(told["bare"]),
            told_lines=checked.count(told["told_lines"]),
            told_reach=checked.count(told["told_reach"]),
            storm=checked.flag(told["storm"]),
        )
    except KeyError as error:
        raise ValueError(f"without {error}") from None


def _vector(stored: object) -> Vectors:
    if not isinstance(stored, bytes):
        raise ValueError("its vector is none")
    vector = np.frombuffer(stored, dtype="<f4").astype(np.float32) if stored else _NO_VECTOR
    if not np.isfinite(vector).all():
        raise ValueError("its vector is not finite")
    return vector


def _storable(text: str) -> str:
    """SQLite's texts are UTF-8; a file's name need not be."""
    return text.encode("utf-8", "backslashreplace").decode()


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return str(value.value)
    raise TypeError(f"{type(value).__name__} does not belong into the outbox")
