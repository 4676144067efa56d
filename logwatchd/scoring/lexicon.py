"""Every pattern met so far, and the caches that make a known line cost one dictionary look-up.

shape -> pattern is asked for each line, in C. Only a new shape is looked at in Python: word by word for its skeleton,
then skeleton -> pattern, and only a new skeleton is normalised. Where a shape has digits that carry meaning, they are
looked up with it, line by line.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logwatchd.parsing.fold import MAX_LINE_BYTES, Slots, kept, key, meaningful, places, shapes, show_kept, word
from logwatchd.parsing.level import level_of
from logwatchd.parsing.masks import Masks, masked
from logwatchd.parsing.normalise import decode, pattern_of_key
from logwatchd.records import Level

MAX_BYTES = 32 << 20  # of keys and patterns: where every line is new, the owner starts anew with an empty lexicon
MAX_SHAPE_BYTES = 8 << 20  # shapes, words: caches that are emptied when they are full; what they held is cheap to find
MAX_WORD_BYTES = 2 << 20
MAX_DIGITS = 1000  # of each skeleton
_LONG_WORD = 64  # bytes; longer ones hardly come again
_ENTRY_BYTES = 150  # what a dictionary and its objects take beside the text

PatternId = int
Ids = NDArray[np.int64]


class Lexicon:
    """Numbers patterns in the order of their first appearance. Owned by one thread."""

    def __init__(self, masks: Masks = ()) -> None:
        self._masks = masks
        self.patterns: list[str] = []
        self.levels: list[Level] = []
        self._ids: dict[tuple[str, Level], PatternId] = {}
        self._bytes = 0
        self._by_skeleton: dict[bytes, PatternId | _Digits] = {}
        self._words = _Words()
        self._by_shape = _Shapes(self)
        self._places: list[tuple[Slots, _Digits]] = []

    def full(self) -> bool:
        """Whether the owner should make a new one before the next block."""
        return self._bytes > MAX_BYTES

    def ids_of(self, data: bytes) -> Ids:
        """The pattern of each line.

        Args:
            data: whole lines, each ended by a newline.

        Returns:
            int64 (lines,), indices into `patterns` and `levels`.
        """
        if self._masks:
            data = masked(data, self._masks)
        if self._by_shape.size > MAX_SHAPE_BYTES:
            self._by_shape, self._places = _Shapes(self), []
        lines = shapes(data).split(b"\n")
        lines.pop()  # what follows the last newline is no line
        found = list(map(self._by_shape.__getitem__, lines))
        ids = np.array(found, dtype=np.int64)
        special = np.flatnonzero(ids < 0)
        if len(special):
            ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n"))
            starts = np.where(special > 0, ends[special - 1] + 1, 0)
            for index, start in zip(special.tolist(), starts.tolist(), strict=True):
                slots, by_digits = self._places[-1 - found[index]]
                ids[index] = by_digits[kept(data, slots, start)]
        return ids

    def id_of_shape(self, shape: bytes) -> int:
        """A pattern's id, or -1 - i where the line's own digits decide, with `_places[i]`."""
        shape = shape[:MAX_LINE_BYTES]
        bare = b" ".join(map(self._words.__getitem__, shape.split(b" ")))
        known = self._by_skeleton.get(bare)
        if known is None:
            slots = meaningful(bare)
            known = self._by_skeleton[bare] = _Digits(self, bare, slots) if slots else self.id_of_key(bare)
        if isinstance(known, int):
            return known
        there = places(shape, bare, known.slots)
        if not there:
            return self.id_of_key(bare)
        self._places.append((there, known))
        return -len(self._places)

    def id_of_key(self, line_key: bytes) -> PatternId:
        """The pattern of all lines with this key; normalises."""
        pattern, level = pattern_of_key(line_key), level_of(decode(show_kept(line_key)))
        new = self._ids.setdefault((pattern, level), len(self.patterns))
        self._bytes += len(line_key) + _ENTRY_BYTES
        if new == len(self.patterns):
            self.patterns.append(pattern)
            self.levels.append(level)
            self._bytes += len(pattern) + _ENTRY_BYTES
        return new


class _Shapes(dict[bytes, int]):
    """shape -> id; `__missing__` keeps the look-up of known shapes in C. size: about what it takes, in bytes."""

    def __init__(self, lexicon: Lexicon) -> None:
        super().__init__()
        self._lexicon = lexicon
        self.size = 0

    def __missing__(self, shape: bytes) -> int:
        found = self[shape] = self._lexicon.id_of_shape(shape)
        self.size += len(shape) + _ENTRY_BYTES
        return found


class _Digits(dict[bytes, PatternId]):
    """Digits that carry meaning -> id, for the lines of one skeleton. What is no word of its kind is most varied."""

    def __init__(self, lexicon: Lexicon, bare: bytes, slots: Slots) -> None:
        super().__init__()
        self._lexicon = lexicon
        self._bare = bare
        self._by_key: dict[bytes, PatternId] = {}
        self.slots = slots

    def __missing__(self, digits: bytes) -> PatternId:
        line_key = key(self._bare, self.slots, digits)
        found = self._by_key.get(line_key)
        if found is None:
            found = self._by_key[line_key] = self._lexicon.id_of_key(line_key)
        if len(self) >= MAX_DIGITS:
            self.clear()
        self[digits] = found
        return found


class _Words(dict[bytes, bytes]):
    """word -> its skeleton."""

    def __init__(self) -> None:
        super().__init__()
        self._size = 0

    def __missing__(self, shape: bytes) -> bytes:
        found = word(shape)
        if len(shape) <= _LONG_WORD:
            if self._size > MAX_WORD_BYTES:
                self.clear()
                self._size = 0
            self[shape] = found
            self._size += len(shape) + _ENTRY_BYTES
        return found
