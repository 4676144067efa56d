"""Where messages go: what every sink offers, and the journal, which is always one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

from logwatchd.alerting.explain import shown_severity, urgency
from logwatchd.alerting.message import Digest, Kind, Message
from logwatchd.errors import LogwatchdError
from logwatchd.journal import Event, logger
from logwatchd.records import Alert, Severity


class MessageRefusedError(LogwatchdError):
    """A sink does not take this one message, and never will; it may well take others."""


class Sink(Protocol):
    """Takes messages, one at a time, from changing threads."""

    @property
    def name(self) -> str:
        """One word; it stands in the outbox."""

    @property
    def pace_s(self) -> float:
        """Seconds from one delivery to the next at the least."""

    def wants(self, kind: Kind) -> bool:
        """Whether it takes messages of this kind; what it does not take counts as delivered."""

    def deliver(self, message: Message | Digest) -> str | None:
        """Hand the message over; when this returns it was accepted.

        Returns:
            What later messages about the same incident need to know, such as the id of the message to reply to.

        Raises:
            RetryableError: not now; it is tried again, not before its `retry_after_s`.
            PermanentError: this sink takes nothing until somebody mends the configuration.
            MessageRefusedError: it does not take this message.
        """


@dataclass(frozen=True, slots=True)
class Route:
    """Which alerts a sink gets: those at least this urgent, of these services, from these paths (globs; none: all)."""

    min_severity: Severity = Severity.P4
    services: Sequence[str] = ()
    sources: Sequence[str] = ()

    def leads_here(self, alert: Alert) -> bool:
        """By the local estimate of its severity, which no model's words change."""
        return (
            urgency(alert.severity) <= urgency(self.min_severity)
            and matches_any(alert.service, self.services)
            and matches_any(alert.path, self.sources)
        )


def matches_any(name: str, globs: Sequence[str]) -> bool:
    """Whether one of the globs does, or there is none."""
    return not globs or any(fnmatchcase(name, glob) for glob in globs)


class JournalSink:
    """Claude's words, as an entry beside the one that the desk wrote when the incident began."""

    name = "journal"
    pace_s = 0.0

    def wants(self, kind: Kind) -> bool:
        return kind in (Kind.ALERT, Kind.ANALYSIS)

    def deliver(self, message: Message | Digest) -> None:
        if isinstance(message, Digest) or message.analysis is None:
            return
        analysis = message.analysis
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
            confidence=analysis.confidence,
            conclusive=analysis.conclusive,
            check_also=analysis.check_also or None,
            evidence=analysis.evidence or None,
            reused_from=analysis.reused_from,
            lines=message.story.lines,
        )
