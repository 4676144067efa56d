"""What is delivered: a message about one incident, or a digest of many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from logwatchd.records import Alert, Analysis


class Kind(StrEnum):
    """Why a message is sent; the values stand in the outbox."""

    ALERT = "alert"
    UPDATE = "update"  # it grew, spread or still goes on
    ANALYSIS = "analysis"  # Claude's words came after the alert had left
    RESOLVED = "resolved"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Story:
    """An incident so far. sources: paths. samples: lines of other kinds than its first one; kinds: how many in all.
    fingerprints: of the kinds, the first line's first; not all of them where there are many."""

    lines: int
    kinds: int
    first_seen: datetime
    last_seen: datetime
    sources: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """About one incident. analysis: None where there is none (yet). why: what an update is for, or that it came back.
    receipt: what this sink answered to the incident's alert, such as the message that replies are put under."""

    kind: Kind
    alert: Alert
    analysis: Analysis | None
    story: Story
    why: str = ""
    receipt: str | None = None


@dataclass(frozen=True, slots=True)
class Digest:
    """Incidents that were held back. groups: service, severity and how many, the most urgent first; others: how many
    more there were than those. samples: first lines of the most urgent ones. lines: of all of them by now."""

    id: str
    incidents: int
    lines: int
    began: datetime
    ended: datetime
    groups: tuple[tuple[str, str, int], ...]
    others: int
    samples: tuple[str, ...]
