"""Bursts of errors in logs that are said to be good: what was an incident should not become normal.

A steady error, known and harmless, comes back: it stands in many parts of a log. An incident has lines of alarm that
stand in one short stretch and nowhere else, and many of them. So of each segment of a log the lines are counted whose
texts are local (all of their lines lie within a LOCAL part of the log), and a segment is doubted when it has more of
them than is usual: beyond the outer fence of all segments (Tukey, Exploratory Data Analysis, 1977). A log in which
every error has a text of its own has many local texts everywhere, and none that stand out.

Not seen: an incident that happened twice, one that wrote nothing of alarm, and one that outlasts a LOCAL part.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logwatchd.scoring.alarms import Alarms, Place, Spot

LOCAL = 0.1  # of a log
LEAST_LINES = 10
_LEAST_SEGMENTS = 20  # with fewer, a tenth is no part
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
        if any(text in alarms.spots for log, alarms in logs.items() if log not in in_logs)
    }
    if not elsewhere:
        return found
    return [burst for log, alarms in logs.items() for burst in _bursts_of(log, alarms, elsewhere)]


def _bursts_of(log: str, alarms: Alarms, known: Set[str]) -> list[Burst]:
    """The bursts in one log. known: texts that are none."""
    if alarms.segments < _LEAST_SEGMENTS:
        return []
    stretch = int(alarms.segments * LOCAL)
    local = {
        text: spots for text, spots in alarms.spots.items() if max(spots) - min(spots) < stretch and text not in known
    }
    counts = np.zeros(alarms.segments, dtype=np.int64)
    for spots in local.values():
        for segment, spot in spots.items():
            counts[segment] += spot.lines
    found = []
    for group in _groups(counts > _fence(counts)):
        texts = [text for text, spots in local.items() if not group.isdisjoint(spots)]
        burst = _burst(log, {text: local.pop(text) for text in texts}, alarms.examples)
        if burst.lines >= LEAST_LINES:
            found.append(burst)
    return found


def _burst(log: str, texts: Mapping[str, Mapping[int, Spot]], examples: Mapping[str, str]) -> Burst:
    doubts = [
        Doubt(text, sum(spot.lines for spot in spots.values()), spots[min(spots)].first, examples[text])
        for text, spots in texts.items()
    ]
    return Burst(
        log=log,
        lines=sum(doubt.lines for doubt in doubts),
        first=min(doubt.first for doubt in doubts),
        last=max(spots[max(spots)].last for spots in texts.values()),
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
