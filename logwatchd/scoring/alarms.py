"""Where in each log lines of alarm stand: errors and worse, and what names a failure.

A log is cut into at most SEGMENTS parts of equally many lines; how long one is follows the log as it is read. Kept are
counts a text and segment, so that memory does not grow with lines: about a kilobyte a text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logwatchd.parsing.alarm import is_alarming
from logwatchd.records import Level
from logwatchd.scoring.ids import Ids
from logwatchd.scoring.lexicon import Lexicon
from logwatchd.scoring.places import Places

SEGMENTS = 64
_FIRST_WIDTH = 16  # lines a segment, to begin with
_MAX_TEXTS = 5_000  # a log: where there are more, no few of them stand out
_MAX_IN_ALL = 50_000
_EXAMPLE_BYTES = 500


class Place(NamedTuple):
    """An event. number: in its log, from 0. line: in its file, from 1, or None where unknown. at: its first byte."""

    number: int
    path: str
    line: int | None
    at: int


@dataclass(slots=True)
class Trail:
    """A text's lines: the first and the last, and how many in each segment, uint32 (SEGMENTS,)."""

    first: Place
    last: Place
    lines: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(SEGMENTS, dtype=np.uint32))

    @property
    def segments(self) -> NDArray[np.int64]:
        """Those that have some, ascending."""
        return np.flatnonzero(self.lines)


@dataclass(slots=True)
class Alarms:
    """The lines of alarm of one log.

    width: lines a segment. trails, examples: by text; an example is one of its lines.
    """

    lines: int = 0
    width: int = _FIRST_WIDTH
    trails: dict[str, Trail] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)

    @property
    def segments(self) -> int:
        return -(-self.lines // self.width)

    def widen(self, lines: int) -> None:
        """Make room for so many lines."""
        while lines > self.width * SEGMENTS:
            self.width *= 2
            for trail in self.trails.values():
                trail.lines[: SEGMENTS // 2] = trail.lines[::2] + trail.lines[1::2]
                trail.lines[SEGMENTS // 2 :] = 0


class AlarmWatch:
    """Notes the lines of alarm in runs of lines. Owned by one thread."""

    def __init__(self) -> None:
        self.logs: dict[str, Alarms] = {}
        self._texts = 0  # of all logs
        self._lexicon: Lexicon | None = None
        self._alarming = np.zeros(0, dtype=np.bool_)

    def add(
        self, log: str, ids: Ids, lexicon: Lexicon, places: Places, begins: Place, skip_levels: frozenset[Level]
    ) -> None:
        """Take the next lines of a log.

        Args:
            ids: the lines' patterns in the lexicon. places: theirs in the run. begins: where the run does; its number
                does not matter. skip_levels: lines of these are left out.
        """
        alarms = self.logs.setdefault(log, Alarms())
        before = alarms.lines
        alarms.lines += len(ids)
        alarms.widen(alarms.lines)
        hits = np.flatnonzero(self._flags(lexicon)[ids])
        if not len(hits):
            return
        segments = (before + hits) // alarms.width
        keys = ids[hits] * (SEGMENTS + 1) + segments
        order = np.argsort(keys, kind="stable")
        firsts = np.flatnonzero(np.diff(keys[order], prepend=-1))
        for begin, end in zip(firsts.tolist(), [*firsts[1:].tolist(), len(order)], strict=True):
            group = hits[order[begin:end]]
            pattern_id = int(ids[group[0]])
            text = lexicon.patterns[pattern_id]
            if lexicon.levels[pattern_id] in skip_levels:
                continue
            first, last = int(group[0]), int(group[-1])
            trail = alarms.trails.get(text)
            if trail is None:
                if len(alarms.trails) >= _MAX_TEXTS or self._texts >= _MAX_IN_ALL:
                    continue
                self._texts += 1
                place = _place(begins, before, places, first)
                trail = alarms.trails[text] = Trail(place, place)
                alarms.examples[text] = places.text(first, _EXAMPLE_BYTES)
            # A text may have several patterns, by their levels, and those come one after the other.
            if before + first < trail.first.number:
                trail.first = _place(begins, before, places, first)
            if before + last > trail.last.number:
                trail.last = _place(begins, before, places, last)
            trail.lines[segments[order[begin]]] += len(group)

    def _flags(self, lexicon: Lexicon) -> NDArray[np.bool_]:
        """For each pattern of the lexicon whether it is one of alarm."""
        if lexicon is not self._lexicon:
            self._lexicon, self._alarming = lexicon, np.zeros(0, dtype=np.bool_)
        known = len(self._alarming)
        if known < len(lexicon.patterns):
            new = [
                level >= Level.ERROR or is_alarming(text)
                for text, level in zip(lexicon.patterns[known:], lexicon.levels[known:], strict=True)
            ]
            self._alarming = np.concatenate([self._alarming, np.array(new, dtype=np.bool_)])
        return self._alarming


def _place(begins: Place, before: int, places: Places, index: int) -> Place:
    line = None if begins.line is None else begins.line + places.line(index)
    return Place(before + index, begins.path, line, begins.at + places.byte(index))
