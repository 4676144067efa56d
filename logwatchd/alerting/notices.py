"""What alerting tells those who look on: a terminal, a test, `logwatchd watch`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from logwatchd.records import Alert, Analysis


@dataclass(frozen=True, slots=True)
class AlertRaised:
    """A new incident; its alert is stored."""

    alert: Alert


@dataclass(frozen=True, slots=True)
class AlertAnalysed:
    """Claude's words on an alert that was raised before."""

    alert: Alert
    analysis: Analysis


@dataclass(frozen=True, slots=True)
class IncidentGrew:
    """A line of another kind than those before joined an incident that is open. why: in words. line: redacted."""

    alert_id: str
    service: str
    why: str
    line: str
    read_at: datetime


@dataclass(frozen=True, slots=True)
class IncidentEnded:
    """An incident was quiet for long enough. lines: how many it had."""

    alert_id: str
    service: str
    lines: int
    first_seen: datetime
    last_seen: datetime


Notice = AlertRaised | AlertAnalysed | IncidentGrew | IncidentEnded
Observer = Callable[[Notice], None]  # called from the score, incidents and worker threads; must be quick


def nobody(notice: Notice) -> None:
    """The observer when nobody looks on."""
