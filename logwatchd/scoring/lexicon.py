"""Every pattern met so far, and the caches that make a known line cost one dictionary look-up.

shape -> pattern is asked for each line, in C. Only a new shape is looked at in Python: by halves and words for its
skeleton, then skeleton -> pattern, and only a new skeleton is normalised. Where a shape has digits that carry meaning,
they are looked up as well, see `digits`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import repeat
from operator import ne

import numpy as np
from numpy.typing import NDArray

from logwatchd.parsing.fold import MAX_LINE_BYTES, meaningful, show_kept, with_ids, without_ids, word
from logwatchd.parsing.level import level_of
from logwatchd.parsing.masks import Masks, masked
from logwatchd.parsing.normalise import Templates, decode
from logwatchd.records import Level
from logwatchd.scoring.digits import Digits, Meaning

MAX_BYTES = 32 << 20  # of keys and patterns: where every line is new, the owner starts anew with an empty lexicon
MAX_CACHE_BYTES = 3 << 19  # of shapes: when they are full, those that were not met lately are forgotten
OFFLINE_CACHE_BYTES = 16 << 20  # in a command, which ends
# What else takes a part of that: words, digits, halves of shapes (caches that are emptied when they are full; what they
# held is cheap to find), and the lines that are looked at at once (what is made of them leaves holes in memory).
_WORDS_SHARE, _DIGITS_SHARE, _HALVES_SHARE, _PIECE_SHARE = 3, 5, 8, 8
_LONG = 256  # bytes; longer words and halves hardly come again
_ENTRY_BYTES = 100  # what a dictionary and its objects take beside the text

_UNKNOWN = np.iinfo(np.int64).min
_BLOCKS_ALIKE = 16

PatternId = int
Ids = NDArray[np.int64]


_NONE: Ids = np.empty(0, dtype=np.int64)


class Lexicon:
    """Numbers patterns in the order of their first appearance. Owned by one thread."""

    def __init__(self, masks: Masks = (), cache_bytes: int | None = None) -> None:
        """masks: the user's. cache_bytes: what the cache of shapes may take, if not MAX_CACHE_BYTES."""
        self._masks = masks
        self.patterns: list[str] = []
        self.levels: list[Level] = []
        self._ids: dict[tuple[str, Level], PatternId] = {}
        self._bytes = 0
        self._templates = Templates()
        self._by_skeleton: dict[bytes, PatternId | Meaning] = {}
        cache_bytes = cache_bytes or MAX_CACHE_BYTES
        self._digits = Digits(self.id_of_key, cache_bytes // _DIGITS_SHARE)
        words = _Skeletons(word, cache_bytes // _WORDS_SHARE)
        self._halves = _Skeletons(words.of_words, cache_bytes // _HALVES_SHARE)
        self._by_shape = _Shapes(self, cache_bytes, {})
        self._piece_bytes = cache_bytes // _PIECE_SHARE
        self._full_of_ids = 0  # how many blocks to come are taken to be

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
        return np.concatenate([_NONE, *map(self._of_piece, _pieces(data, self._piece_bytes))])

    def _of_piece(self, data: bytes) -> Ids:
        self._by_shape = self._by_shape.not_full()
        ids = self._of_shapes(data)
        asking = np.flatnonzero(ids < 0)
        if len(asking):
            ids[asking] = self._digits.ids(data, asking, ids[asking])
        return ids

    def _of_shapes(self, data: bytes) -> Ids:
        """What the cache of shapes has of each line. Most lines hold no ids: to look for them is left to the others."""
        block = with_ids(data)
        if self._full_of_ids:
            block = without_ids(block)
            self._full_of_ids -= 1
        lines = block.split(b"\n")
        lines.pop()  # what follows the last newline is no line
        found = np.array(list(map(self._by_shape.get, lines, repeat(_UNKNOWN))), dtype=np.int64)
        unknown = np.flatnonzero(found == _UNKNOWN)
        if len(unknown):
            some = [lines[index] for index in unknown.tolist()]
            others = without_ids(b"\n".join(some)).split(b"\n")
            found[unknown] = list(map(self._by_shape.__getitem__, others))
            if sum(map(ne, some, others)) > len(lines) // 2:
                self._full_of_ids = _BLOCKS_ALIKE
        return found

    def id_of_shape(self, shape: bytes) -> int:
        """A pattern's id, or below 0 a code of `digits` where the line's own digits decide."""
        shape = shape[:MAX_LINE_BYTES]
        # Both halves are mostly known; it is how they go together that is new.
        half = shape.find(b" ", len(shape) // 2)
        halves = (shape,) if half < 0 else (shape[:half], shape[half + 1 :])
        bare = b" ".join(map(self._halves.__getitem__, halves))
        known = self._by_skeleton.get(bare)
        if known is None:
            slots = meaningful(bare)
            known = self._by_skeleton[bare] = self._digits.meaning(bare, slots) if slots else self.id_of_key(bare)
        if isinstance(known, int):
            return known
        there = known.places(shape)
        if not there:
            return known.plain()
        self._bytes += _ENTRY_BYTES if len(there) > 1 else 0
        return self._digits.code(known, there)

    def id_of_key(self, line_key: bytes) -> PatternId:
        """The pattern of all lines with this key; normalises."""
        pattern, level = self._templates.pattern_of_key(line_key), level_of(decode(show_kept(line_key)))
        new = self._ids.setdefault((pattern, level), len(self.patterns))
        self._bytes += len(line_key) + _ENTRY_BYTES
        if new == len(self.patterns):
            self.patterns.append(pattern)
            self.levels.append(level)
            self._bytes += len(pattern) + _ENTRY_BYTES
        return new


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    """Whole lines of up to `size` bytes, or one that is longer."""
    begin = 0
    while begin < len(data):
        end = data.rfind(b"\n", begin, begin + size) + 1 or data.index(b"\n", begin) + 1
        yield data[begin:end]
        begin = end


class _Shapes(dict[bytes, int]):
    """shape -> id or code; `__missing__` keeps the look-up of known shapes in C.

    size: about what the younger half takes, in bytes. older: the other half, which holds what was met before it.
    """

    def __init__(self, lexicon: Lexicon, max_bytes: int, older: dict[bytes, int]) -> None:
        super().__init__()
        self._lexicon = lexicon
        self._max_bytes = max_bytes
        self._older = older
        self.size = 0

    def __missing__(self, shape: bytes) -> int:
        found = self._older.pop(shape, None)
        if found is None:
            found = self._lexicon.id_of_shape(shape)
        self[shape] = found
        self.size += len(shape) + _ENTRY_BYTES
        return found

    def not_full(self) -> _Shapes:
        """Itself; or one in which these are the older half, and those that were are forgotten."""
        if self.size <= self._max_bytes // 2:
            return self
        return _Shapes(self._lexicon, self._max_bytes, dict(self))


class _Skeletons(dict[bytes, bytes]):
    """A word, or several with blanks between -> its skeleton; emptied when it is full."""

    def __init__(self, find: Callable[[bytes], bytes], max_bytes: int) -> None:
        super().__init__()
        self._find = find
        self._max_bytes = max_bytes
        self._size = 0

    def of_words(self, shape: bytes) -> bytes:
        """The skeleton of several words, each known by itself."""
        return b" ".join(map(self.__getitem__, shape.split(b" ")))

    def __missing__(self, shape: bytes) -> bytes:
        found = self._find(shape)
        if len(shape) <= _LONG:
            if self._size > self._max_bytes:
                self.clear()
                self._size = 0
            self[shape] = found
            self._size += len(shape) + _ENTRY_BYTES
        return found
