"""What can be said of an anomaly without any model: the nearest known-good lines, what differs, how urgent it looks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache

from logwatchd.alerting.text import clip, excerpt
from logwatchd.records import Alert, Analysis, Anomaly, Background, FileId, Level, Severity

MAX_LINE_CHARS = 4000
MAX_CONTEXT_CHARS = 500
MAX_EXAMPLE_CHARS = 500
_NO_NEAREST = 1.0
_MAX_TRACE_LINES = 30
_CLEARLY = 0.5  # of the way from the threshold to the highest score

_URGENCY = tuple(Severity)
_BY_LEVEL = {
    Level.FATAL: Severity.P1,
    Level.CRITICAL: Severity.P1,
    Level.ERROR: Severity.P2,
    Level.WARNING: Severity.P3,
    Level.UNKNOWN: Severity.P3,
    Level.NOTICE: Severity.P4,
    Level.INFO: Severity.P4,
    Level.DEBUG: Severity.P4,
    Level.TRACE: Severity.P4,
}


def alert_of(anomaly: Anomaly, context_lines: int, redact: Callable[[str], str], *, in_full: bool = True) -> Alert:
    """The alert that the first line of a new incident makes; every text in it is redacted and bounded.

    Its ids rest on the texts as they were: the same whatever is redacted. in_full: with its background.
    """
    verdict, nearest = anomaly.verdict, anomaly.verdict.nearest
    examples = nearest.examples if nearest else ()
    background = anomaly.details.background() if in_full else Background((), ())
    context = background.context[-context_lines:] if context_lines else ()
    fingerprint = fingerprint_of(anomaly.service, verdict.pattern)
    pattern = redact(verdict.pattern)
    return Alert(
        id=_digest(fingerprint, *map(str, anomaly.file), str(anomaly.offset), anomaly.line)[:12],
        fingerprint=fingerprint,
        service=clip(anomaly.service, 200),
        path=anomaly.path,
        line=_bounded(redact(anomaly.line)),
        pattern=clip(pattern, MAX_LINE_CHARS),
        level=verdict.level,
        score=verdict.score,
        threshold=verdict.threshold,
        distance=nearest.distance if nearest else _NO_NEAREST,
        centroid=nearest.centroid if nearest else None,
        nearest_examples=tuple(clip(redact(example), MAX_EXAMPLE_CHARS) for example in examples),
        differs=tuple(word for word in background.differs if word in pattern),
        context=tuple(clip(redact(line), MAX_CONTEXT_CHARS) for line in context),
        severity=severity_of(verdict.level, verdict.score, verdict.threshold),
        read_at=anomaly.read_at,
        file=anomaly.file,
        offset=anomaly.offset,
        end=anomaly.end,
        radius=nearest.radius if nearest else 0.0,
        novelty=verdict.novelty,
        late=anomaly.late,
        by_twin=anomaly.by_twin,
    )


@lru_cache(maxsize=1024)
def fingerprint_of(service: str, pattern: str) -> str:
    """The kind of incident that a first line of this service and pattern opens."""
    return _digest(service, pattern)[:16]


def line_key(file: FileId, offset: int, line: str) -> str:
    """One line of one file, however often it is read: its place, and its text in case the place was used again."""
    return f"{file.device}:{file.inode}:{file.generation}:{offset}:{_digest(line)[:16]}"


def _digest(*parts: str) -> str:
    joined = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(joined, digest_size=16).hexdigest()


def severity_of(level: Level, score: float, threshold: float) -> Severity:
    """The local estimate: the writer's own level, one step more urgent where a mild level is clearly out of place."""
    severity = _BY_LEVEL[level]
    room = 1.0 - threshold
    clearly = room > 0 and (score - threshold) / room >= _CLEARLY
    if clearly and severity in (Severity.P3, Severity.P4):
        return _URGENCY[_URGENCY.index(severity) - 1]
    return severity


def urgency(severity: Severity) -> int:
    """0 for the most urgent, 3 for the least."""
    return _URGENCY.index(severity)


def shown_severity(alert: Alert, analysis: Analysis | None) -> Severity:
    """What a person is shown: the analysis' word, but never more than one step below the local estimate.

    The analysis has read the foreign line, which may have asked it to be quiet.
    """
    if analysis is None:
        return alert.severity
    return _URGENCY[min(urgency(analysis.severity), urgency(alert.severity) + 1)]


def explanation(alert: Alert) -> str:
    """One or two sentences for people when there are no better words."""
    if not alert.nearest_examples:
        return "Nothing like it is among the known-good lines."
    return f"The nearest known-good lines lie {alert.distance:.2f} away. {difference(alert.differs)}"


def caveat(alert: Alert) -> str:
    """What a person has to know of how it was judged while the embedding service was away; '' for all other alerts."""
    if alert.late:
        return f"Told late: it was read at {alert.read_at:%Y-%m-%d %H:%M:%S} UTC, when the embedding service was away."
    if alert.by_twin:
        return "Judged by the baseline's local twin, for the embedding service is away: its score is a rougher one."
    return ""


def difference(words: Sequence[str]) -> str:
    if not words:
        return "It has the same words as they have, in another order or number."
    return "They do not have: " + ", ".join(words) + "."


def _bounded(line: str) -> str:
    """The event within MAX_LINE_CHARS; of a long trace frames are left out rather than the exceptions behind them."""
    if len(line) > MAX_LINE_CHARS:
        line = "\n".join(excerpt(line, _MAX_TRACE_LINES))
    return clip(line, MAX_LINE_CHARS)
