"""Where alerts go: what every sink offers, and the journal, which is always one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from logwatchd.alerting.explain import shown_severity
from logwatchd.journal import Event, logger
from logwatchd.records import Alert, Analysis


@dataclass(frozen=True, slots=True)
class Message:
    """What is delivered. analysis: None where there is none. lines: how many the incident has so far."""

    alert: Alert
    analysis: Analysis | None
    lines: int


class Sink(Protocol):
    """Takes alerts, one at a time, from changing threads."""

    @property
    def name(self) -> str:
        """One word; it stands in the outbox."""

    @property
    def pace_s(self) -> float:
        """Seconds from one delivery to the next at the least."""

    def deliver(self, message: Message) -> None:
        """Hand the message over; when this returns it was accepted.

        Raises:
            RetryableError: not now; it is tried again, not before its `retry_after_s`.
            PermanentError: this sink takes nothing until somebody mends the configuration.
        """


class JournalSink:
    """Claude's words, as an entry beside the one that the desk wrote when the incident began."""

    name = "journal"
    pace_s = 0.0

    def deliver(self, message: Message) -> None:
        analysis = message.analysis
        if analysis is None:
            return
        severity = shown_severity(message.alert, analysis).value
        logger("analysis").warning(
            Event.ANALYSIS,
            message=f"{severity} {message.alert.service}: {analysis.likely_cause} First: {analysis.suggested_action}",
            alert_id=message.alert.id,
            fingerprint=message.alert.fingerprint,
            service=message.alert.service,
            severity=severity,
            likely_cause=analysis.likely_cause,
            suggested_action=analysis.suggested_action,
            model=analysis.model,
            lines=message.lines,
        )
