"""What stands in logs, pattern by pattern: how often, and where it was seen first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from logwatchd.parsing.masks import Masks
from logwatchd.records import Level
from logwatchd.scoring.lexicon import Lexicon
from logwatchd.scoring.places import Places

MAX_EXAMPLE_BYTES = 2000

Text = tuple[str, Level]  # what a verdict depends on
# One event by the masks of the old baseline and by those of the new one, and its log, which has a threshold of its own.
PairInLog = tuple[Text, Text, str]


@dataclass(slots=True)
class Sighting:
    """One text in the logs. lines: events, rather, which may have several lines each.

    path, line: where it was seen first, counted from 1. example: its text there.
    """

    lines: int
    path: str
    line: int
    example: str


class Sightings:
    """Counts the events of logs by log and text. Memory grows with distinct texts, not with lines."""

    def __init__(self, old_masks: Masks = (), new_masks: Masks = ()) -> None:
        self._masks = old_masks, new_masks
        self.texts: dict[PairInLog, Sighting] = {}
        self.lines = 0
        self._begin_anew()

    def add(
        self,
        data: bytes,
        inner: tuple[int, ...],
        skip_levels: frozenset[Level],
        path: str,
        line: int,
        log: str | None = None,
    ) -> None:
        """Count a run of whole events.

        Args:
            data, inner: see `Places`. skip_levels: events of these are not looked at. path: of the file, as people are
                told. line: the number in the file of the run's first line. log: what a baseline calls the file; None
                for its path.
        """
        log = path if log is None else log
        if self._old.full() or self._new.full():
            self._begin_anew()
        places = Places(data, inner)
        old_ids = self._old.ids_of(places.flat)
        new_ids = old_ids if self._new is self._old else self._new.ids_of(places.flat)
        self.lines += len(old_ids)
        _, first, counts = np.unique(
            old_ids * (len(self._new.patterns) + 1) + new_ids, return_index=True, return_counts=True
        )
        for index, count in zip(first.tolist(), counts.tolist(), strict=True):
            pair = _text(self._old, int(old_ids[index])), _text(self._new, int(new_ids[index]))
            if not any(pattern and level not in skip_levels for pattern, level in pair):
                continue
            known = self.texts.get((*pair, log))
            if known:
                known.lines += count
            else:
                example = places.text(index, MAX_EXAMPLE_BYTES)
                self.texts[(*pair, log)] = Sighting(count, path, line + places.line(index), example)

    def _begin_anew(self) -> None:
        self._old = Lexicon(self._masks[0])
        self._new = self._old if self._masks[0] == self._masks[1] else Lexicon(self._masks[1])


def _text(lexicon: Lexicon, pattern_id: int) -> Text:
    return lexicon.patterns[pattern_id], lexicon.levels[pattern_id]
