"""Bursts of errors in logs that are said to be good: what was an incident should not become normal.

A steady error, known and harmless, comes back: it stands in many parts of a log. An incident has lines of alarm that
stand in one short stretch and nowhere else, and many of them. How short a stretch is, is measured by what else goes on:
by the lines of texts that go on all the while, so that a flood of errors does not make its own hour longer. A text is
local when all of its lines lie within a LOCAL part of the log, and a part is doubted when it has more lines of local
texts than is usual: beyond the outer fence of all parts (Tukey, Exploratory Data Analysis, 1977). A log in which every
error has a text of its own has many local texts everywhere, and none that stand out.

Not seen: an incident that happened twice, one that wrote nothing of alarm, and one that outlasts a LOCAL part.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logwatchd.scoring.alarms import Alarms, Place, Trail

LOCAL = 0.1  # of a log
LEAST_LINES = 10
_STEADY = 0.9  # of the segments: a text that reaches so far goes on all the while
_LEAST_PARTS = 10  # with fewer, a tenth is none
_LEAST_OTHERS = 300  # lines
_FENCE = 3.0


@dataclass(frozen=True, slots=True)
class Doubt:
    """A text in a burst: its lines there, and one of them."""

    pattern: str
    lines: int
    first: Place
    example: str


@dataclass(frozen=True, slots=True)
class Burst:
    """Lines of alarm that look like an incident. first, last: of its lines. doubts: its texts, most frequent first."""

    log: str
    lines: int
    first: Place
    last: Place
    doubts: tuple[Doubt, ...]


def bursts(logs: Mapping[str, Alarms]) -> list[Burst]:
    """The bursts in these logs, in the order of logs and lines. A text that another log has without a burst is none."""
    found = [burst for log, alarms in logs.items() for burst in _bursts_of(log, alarms, frozenset())]
    doubted: dict[str, set[str]] = {}
    for burst in found:
        for doubt in burst.doubts:
            doubted.setdefault(doubt.pattern, set()).add(burst.log)
    elsewhere = {
        text
        for text, in_logs in doubted.items()
        if any(text in alarms.trails for log, alarms in logs.items() if log not in in_logs)
    }
    if not elsewhere:
        return found
    return [burst for log, alarms in logs.items() for burst in _bursts_of(log, alarms, elsewhere)]


def _bursts_of(log: str, alarms: Alarms, known: Set[str]) -> list[Burst]:
    """The bursts in one log. known: texts that are none."""
    parts = _parts(alarms)
    count = int(parts[-1]) + 1 if len(parts) else 0
    if count < _LEAST_PARTS:
        return []
    stretch = max(2, int(count * LOCAL))  # a burst may well begin in one part and end in the next
    local = {
        text: trail
        for text, trail in alarms.trails.items()
        if np.ptp(parts[trail.segments]) < stretch and text not in known
    }
    counts = np.zeros(count, dtype=np.int64)
    for trail in local.values():
        np.add.at(counts, parts, trail.lines[: len(parts)])
    found = []
    for group in _groups(counts > _fence(counts)):
        texts = [text for text, trail in local.items() if not group.isdisjoint(parts[trail.segments].tolist())]
        if not texts:
            continue
        burst = _burst(log, {text: local.pop(text) for text in texts}, alarms.examples)
        if burst.lines >= LEAST_LINES:
            found.append(burst)
    return found


def _parts(alarms: Alarms) -> NDArray[np.int64]:
    """The number of the part that each segment belongs to; none where the log has too few other lines.

    A segment is a part, but for those that are flooded: they go with the next until there are enough other lines.
    """
    segments = alarms.segments
    others = np.full(segments, alarms.width, dtype=np.int64)
    others[-1:] = alarms.lines - alarms.width * (segments - 1)
    for trail in alarms.trails.values():
        if np.ptp(trail.segments) < segments * _STEADY:
            others -= trail.lines[:segments]
    if others.sum() < _LEAST_OTHERS:
        return np.zeros(0, dtype=np.int64)
    parts = np.zeros(segments, dtype=np.int64)
    part = gathered = 0
    for segment, lines in enumerate(others.tolist()):
        parts[segment] = part
        gathered += lines
        if 2 * gathered >= alarms.width:
            part, gathered = part + 1, 0
    return parts


def _burst(log: str, texts: Mapping[str, Trail], examples: Mapping[str, str]) -> Burst:
    doubts = [Doubt(text, int(trail.lines.sum()), trail.first, examples[text]) for text, trail in texts.items()]
    return Burst(
        log=log,
        lines=sum(doubt.lines for doubt in doubts),
        first=min(doubt.first for doubt in doubts),
        last=max(trail.last for trail in texts.values()),
        doubts=tuple(sorted(doubts, key=lambda doubt: (-doubt.lines, doubt.first))),
    )


def _groups(marked: NDArray[np.bool_]) -> list[set[int]]:
    """Marked segments that follow one another."""
    groups: list[set[int]] = []
    for segment in np.flatnonzero(marked).tolist():
        if groups and segment - 1 in groups[-1]:
            groups[-1].add(segment)
        else:
            groups.append({segment})
    return groups


def _fence(counts: NDArray[np.int64]) -> float:
    lower, upper = np.quantile(counts, (0.25, 0.75))
    return float(upper + _FENCE * (upper - lower))
