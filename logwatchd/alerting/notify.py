"""When people hear of an incident: pure decisions that say why, with the timers of Prometheus' Alertmanager."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from logwatchd.alerting.grouping import Incident

GROWN = 10  # times as many lines as people were told of
_HOUR_S = 3600.0


class Why(StrEnum):
    """The outcome for one incident at one moment; the text is what people read."""

    GATHERS = "it still gathers its first lines"
    FIRST = "it is new"
    TOO_SOON = "people were told of it a moment ago"
    NOTHING_NEW = "nothing is new"
    GREW = "it has grown tenfold"
    SPREAD = "it has reached another source or host"
    STILL = "it still goes on"
    OVER = "it was quiet for long enough"

    @property
    def is_update(self) -> bool:
        """Whether people are told once more."""
        return self in (Why.GREW, Why.SPREAD, Why.STILL)


@dataclass(frozen=True, slots=True)
class Timers:
    """The times of `[incidents]`, in seconds."""

    group_wait_s: float = 5.0
    group_interval_s: float = 300.0
    repeat_interval_s: float = 14_400.0
    resolve_after_s: float = 900.0


def due(incident: Incident, now: float, timers: Timers) -> Why:
    """What is to be said of an open incident at `now` (monotonic seconds)."""
    if incident.told_at is None:
        return Why.FIRST if now - incident.first_at >= timers.group_wait_s else Why.GATHERS
    if now - incident.last_at >= timers.resolve_after_s:
        return Why.OVER
    told_s = now - incident.told_at
    if told_s < timers.group_interval_s:
        return Why.TOO_SOON
    if incident.lines >= GROWN * incident.told_lines:
        return Why.GREW
    if incident.reach > incident.told_reach:
        return Why.SPREAD
    if incident.lines > incident.told_lines and told_s >= timers.repeat_interval_s:
        return Why.STILL
    return Why.NOTHING_NEW


def digest_due(first_held_at: float, last_held_at: float, now: float, timers: Timers) -> bool:
    """Whether what was held back is told now: once the storm pauses, and at the latest after group_interval_s."""
    return now - last_held_at >= max(1.0, timers.group_wait_s) or now - first_held_at >= timers.group_interval_s


class Cap:
    """How many messages an hour people get; the rest becomes a digest. Not thread-safe: the desk locks."""

    def __init__(self, max_per_hour: int, ages_s: Iterable[float] = (), now: float = 0.0) -> None:
        """max_per_hour: 0 for no cap. ages_s: of the messages of the last hour, before a restart."""
        self.max_per_hour = max_per_hour
        self._at = deque(sorted(now - age_s for age_s in ages_s))

    def admits(self, now: float, more: int = 0) -> bool:
        """Whether one more message may go out, after `more` others that are not counted yet."""
        while self._at and now - self._at[0] >= _HOUR_S:
            self._at.popleft()
        return not self.max_per_hour or len(self._at) + more < self.max_per_hour

    def count(self, now: float) -> None:
        """One goes out."""
        if self.max_per_hour:
            self._at.append(now)
