"""Which incident an anomaly belongs to: a pure decision that says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from logwatchd.alerting.explain import urgency
from logwatchd.records import Anomaly, Severity
from logwatchd.vectors import Vectors


class Reason(StrEnum):
    """Why an anomaly opens an incident or joins one; the text is what people read."""

    NEW = "nothing open is like it"
    SAME_PATTERN = "the same pattern"
    NEAR_IN_MEANING = "near in meaning"
    BURST = "from the same source, right after its first line"


@dataclass(frozen=True, slots=True)
class Rules:
    """near_similarity: cosine from which two patterns mean the same. burst_s: how long after an incident's first line
    others of its source belong to it; counted from the first line, so that it does not chain. burst_bytes: the same
    for lines without a time of their own, which may all arrive at once. arrival_s: how late a burst's lines may arrive.
    """

    near_similarity: float = 0.85
    burst_s: float = 2.0
    burst_bytes: int = 16_384
    arrival_s: float = 60.0


@dataclass(slots=True, eq=False)
class Incident:
    """One fault, as far as its lines tell. The desk owns it.

    first_at, last_at: monotonic seconds of arrival. began: the first line's own time, if it has one. first_seen,
    last_seen: UTC. vector: of the first line, (D,), unit length.
    """

    alert_id: str
    service: str
    path: str
    inode: tuple[int, int]
    offset: int
    severity: Severity
    vector: Vectors
    first_at: float
    last_at: float
    began: datetime | None
    first_seen: datetime
    last_seen: datetime
    lines: int = 1
    patterns: set[str] = field(default_factory=set)
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """incident: the one to join; None when reason is NEW."""

    reason: Reason
    incident: Incident | None = None


def decide(
    anomaly: Anomaly,
    severity: Severity,
    now: float,
    rules: Rules,
    *,
    same_pattern: Incident | None,
    just_begun: Sequence[Incident],
    nearest: tuple[Incident, float] | None,
) -> Decision:
    """Where an anomaly belongs.

    Args:
        severity: the anomaly's local estimate.
        now: monotonic seconds of its arrival.
        same_pattern: the open incident of its service that holds its pattern.
        just_begun: open incidents of its service that began lately, newest first.
        nearest: the open incident of its service that is nearest in meaning, and the cosine.
    """
    if same_pattern is not None:
        return Decision(Reason.SAME_PATTERN, same_pattern)
    if nearest is not None and nearest[1] >= rules.near_similarity:
        return Decision(Reason.NEAR_IN_MEANING, nearest[0])
    for incident in just_begun:
        if _in_burst(anomaly, now, incident, rules) and not _graver(severity, incident.severity):
            return Decision(Reason.BURST, incident)
    return Decision(Reason.NEW)


def _in_burst(anomaly: Anomaly, now: float, incident: Incident, rules: Rules) -> bool:
    if anomaly.path != incident.path and anomaly.file[:2] != incident.inode:
        return False
    arrived_s = now - incident.first_at
    written, began = anomaly.timestamp, incident.began
    if written is not None and began is not None and (written.tzinfo is None) == (began.tzinfo is None):
        return abs((written - began).total_seconds()) <= rules.burst_s and arrived_s <= rules.arrival_s
    near_by = anomaly.file[:2] != incident.inode or abs(anomaly.offset - incident.offset) <= rules.burst_bytes
    return near_by and arrived_s <= rules.burst_s


def _graver(severity: Severity, told: Severity) -> bool:
    """A line is never hidden in an incident that people were told of as something lesser."""
    return urgency(told) > urgency(severity)
