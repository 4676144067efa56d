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
    """Counts the events of logs by text. Memory grows with distinct texts, not with lines."""

    def __init__(self, masks: Masks = ()) -> None:
        self._masks = masks
        self.texts: dict[Text, Sighting] = {}
        self.lines = 0
        self._lexicon = Lexicon(self._masks)

    def add(self, data: bytes, inner: tuple[int, ...], skip_levels: frozenset[Level], path: str, line: int) -> None:
        """Count a run of whole events.

        Args:
            data, inner: see `Places`. skip_levels: events of these are not looked at. line: the number in the file of
                the run's first line.
        """
        if self._lexicon.full():
            self._lexicon = Lexicon(self._masks)
        places = Places(data, inner)
        ids = self._lexicon.ids_of(places.flat)
        self.lines += len(ids)
        unique, first, counts = np.unique(ids, return_index=True, return_counts=True)
        for pattern_id, index, count in zip(unique.tolist(), first.tolist(), counts.tolist(), strict=True):
            text = self._lexicon.patterns[pattern_id], self._lexicon.levels[pattern_id]
            if not text[0] or text[1] in skip_levels:
                continue
            known = self.texts.get(text)
            if known:
                known.lines += count
            else:
                example = places.text(index, MAX_EXAMPLE_BYTES)
                self.texts[text] = Sighting(count, path, line + places.line(index), example)
