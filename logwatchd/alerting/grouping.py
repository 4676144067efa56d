"""Which incident an anomaly belongs to: a pure decision that says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from logwatchd.alerting.explain import urgency
from logwatchd.alerting.ties import is_failed_request, ties_of
from logwatchd.records import Anomaly, Severity
from logwatchd.vectors import Vectors

GroupBy = Literal["meaning", "pattern", "none"]


class Reason(StrEnum):
    """Why an anomaly opens an incident or joins one; the text is what people read."""

    NEW = "nothing open is like it"
    SAME_PATTERN = "the same pattern"
    NEAR_IN_MEANING = "near in meaning"
    BURST = "from one of its sources, right after its first line"
    ECHO = "from another source at the same moment, and about the same"
    STORM = "one of very many new kinds of lines at once"


@dataclass(frozen=True, slots=True)
class Rules:
    """near_similarity: cosine from which two patterns mean the same. burst_s: how long after an incident's first line
    others of its source belong to it; counted from the first line, so that it does not chain. burst_bytes: the same
    for lines without a time of their own, which may all arrive at once. arrival_s: how late a burst's lines may arrive.
    storm_incidents, storm_s: so many incidents of one service within this time are a storm; by the lines' own times,
    too, where they have some: what is caught up with after a night is none.
    """

    group_by: GroupBy = "meaning"
    near_similarity: float = 0.85
    burst_s: float = 2.0
    burst_bytes: int = 16_384
    arrival_s: float = 60.0
    storm_incidents: int = 6
    storm_s: float = 30.0


@dataclass(slots=True, eq=False)
class Incident:
    """One fault, as far as its lines tell. The desk owns it.

    first_at, last_at: monotonic seconds of arrival. began, written: the first and the latest line's own time, if they
    have some. first_seen, last_seen: UTC. vector: of the first line, (D,), unit length. keys: what its lines are known
    by, see `opening.kind_of`. kinds: how many different ones there were. samples: lines of other kinds than the first.
    ties: ids in its lines. bare: its lines only say that requests failed. told_at: when people were told last, None
    before the first time; told_lines, told_reach: of how many lines, sources and hosts. held: only a digest tells.
    unkept: the disk lacks a kind of it.
    """

    alert_id: str
    fingerprint: str
    service: str
    path: str
    inode: tuple[int, int]
    offset: int
    severity: Severity
    vector: Vectors
    first_at: float
    last_at: float
    began: datetime | None
    written: datetime | None
    first_seen: datetime
    last_seen: datetime
    lines: int = 1
    kinds: int = 1
    keys: set[str] = field(default_factory=set)
    sources: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)
    ties: set[str] = field(default_factory=set)
    bare: bool = False
    told_at: float | None = None
    told_lines: int = 0
    told_reach: int = 0
    held: bool = False
    storm: bool = False
    changed: bool = False
    unkept: bool = False

    @property
    def reach(self) -> int:
        """How many sources and hosts it has reached."""
        return len(self.sources) + len(self.hosts)

    def tell(self, now: float) -> None:
        """People hear of it as it is."""
        self.told_at, self.told_lines, self.told_reach = now, self.lines, self.reach
        self.changed = True


@dataclass(frozen=True, slots=True)
class Decision:
    """incident: the one to join; None when reason is NEW."""

    reason: Reason
    incident: Incident | None = None


@dataclass(frozen=True, slots=True)
class Around:
    """What is open around an anomaly.

    same: the incident that holds its kind. begun: of its service, those that began lately, newest first. elsewhere: of
    all services, the same. nearest: of its service, the nearest in meaning, and the cosine. storm: of its service, the
    ones that take up a storm's lines, newest first.
    """

    same: Incident | None = None
    begun: Sequence[Incident] = ()
    elsewhere: Sequence[Incident] = ()
    nearest: tuple[Incident, float] | None = None
    storm: Sequence[Incident] = ()


def decide(anomaly: Anomaly, severity: Severity, now: float, rules: Rules, around: Around) -> Decision:
    """Where an anomaly belongs.

    Args:
        severity: the anomaly's local estimate.
        now: monotonic seconds of its arrival.
    """
    if around.same is not None:
        return Decision(Reason.SAME_PATTERN, around.same)
    if rules.group_by != "meaning":
        return Decision(Reason.NEW)
    if around.nearest is not None and around.nearest[1] >= rules.near_similarity:
        return Decision(Reason.NEAR_IN_MEANING, around.nearest[0])
    echoed = [incident for incident in around.elsewhere if anomaly.path in incident.sources[1:]]
    for incident in (*around.begun, *echoed):
        if _in_burst(anomaly, now, incident, rules) and not _hides(severity, incident):
            return Decision(Reason.BURST, incident)
    for incident in around.elsewhere:
        if _echoes(anomaly, severity, now, incident, rules) and not _hides(severity, incident):
            return Decision(Reason.ECHO, incident)
    for incident in around.storm:
        if not _hides(severity, incident):
            return Decision(Reason.STORM, incident)
    return Decision(Reason.NEW)


def leads(severity: Severity, bare: bool, incident: Incident, told_as: Severity, told_bare: bool) -> bool:
    """Whether a line that joins tells more than the one that speaks for the incident, and nobody was told yet.

    told_as, told_bare: the severity of the line that speaks, and whether it only says that requests failed.
    """
    if incident.told_at is not None:
        return False
    more_urgent = urgency(told_as) - urgency(severity)
    return more_urgent > 0 or (more_urgent == 0 and told_bare and not bare)


def _same_source(anomaly: Anomaly, incident: Incident) -> bool:
    """Whether it comes from a source of the incident's: its first one, or one whose echo has joined."""
    return anomaly.file[:2] == incident.inode or anomaly.path in incident.sources


def seconds_apart(written: datetime | None, began: datetime | None) -> float | None:
    """By two lines' own times; None where they cannot be compared."""
    if written is None or began is None or (written.tzinfo is None) != (began.tzinfo is None):
        return None
    return abs((written - began).total_seconds())


def _in_burst(anomaly: Anomaly, now: float, incident: Incident, rules: Rules) -> bool:
    if not _same_source(anomaly, incident):
        return False
    arrived_s = now - incident.first_at
    apart_s = seconds_apart(anomaly.details.timestamp(), incident.began)
    if apart_s is not None:
        return apart_s <= rules.burst_s and arrived_s <= rules.arrival_s
    near_by = anomaly.file[:2] != incident.inode or abs(anomaly.offset - incident.offset) <= rules.burst_bytes
    return near_by and arrived_s <= rules.burst_s


def _echoes(anomaly: Anomaly, severity: Severity, now: float, incident: Incident, rules: Rules) -> bool:
    """Another source at the same moment is no more than an echo if both name the same request or object, or if one of
    them is an error and the other only says that requests failed. Anything else may be another fault."""
    if _same_source(anomaly, incident):
        return False
    apart_s, arrived_s = seconds_apart(anomaly.details.timestamp(), incident.began), now - incident.first_at
    if (arrived_s if apart_s is None else apart_s) > rules.burst_s or arrived_s > rules.arrival_s:
        return False
    if not incident.ties.isdisjoint(ties_of(anomaly.line)):
        return True
    bare = is_failed_request(anomaly.line)
    return bare != incident.bare and urgency(incident.severity if bare else severity) <= urgency(Severity.P2)


def _hides(severity: Severity, incident: Incident) -> bool:
    """A line is never hidden in an incident that people were told of as something lesser."""
    return incident.told_at is not None and urgency(incident.severity) > urgency(severity)
