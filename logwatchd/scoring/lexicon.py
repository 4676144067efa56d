"""Every pattern met so far, and the caches that make a known line cost one dictionary look-up.

shape -> pattern is asked for each line, in C. Only new shapes are looked at in Python, many at once: by their words for
their skeletons, then skeleton -> pattern, and only new skeletons are normalised. Where a shape has digits that carry
meaning, they are looked up as well, see `digits`.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, compress, repeat
from operator import eq, ne

import numpy as np

from logwatchd.parsing.colours import without_colours
from logwatchd.parsing.keys import key_of, show_kept, template
from logwatchd.parsing.level import level_of
from logwatchd.parsing.masks import Masks, masked
from logwatchd.parsing.normalise import MAX_KEY_BYTES, Templates, decode, decode_all, patterns_of
from logwatchd.parsing.shapes import MAX_JUDGED_BYTES, with_ids, without_ids
from logwatchd.parsing.skeletons import Skeletons
from logwatchd.parsing.slots import meaningful_in
from logwatchd.parsing.traces import shortened
from logwatchd.records import Level
from logwatchd.scoring.digits import PLACE_BYTES, Digits
from logwatchd.scoring.ids import Code, Ids, PatternId

MAX_BYTES = 32 << 20  # of what is known of patterns: where every line is new, the owner starts anew with an empty one
MAX_CACHE_BYTES = 3 << 20  # of shapes: when they are full, those that were not met lately are forgotten
OFFLINE_CACHE_BYTES = 16 << 20  # in a command, which ends
# What else takes a part of that: words and digits (caches that are emptied when they are full; what they held is cheap
# to find), and the lines that are looked at at once (what is made of them leaves holes in memory).
_WORDS_SHARE, _DIGITS_SHARE, _PIECE_SHARE = 3, 5, 8
_NEW_AT_ONCE = 1 << 16  # bytes of shapes
_ENTRY_BYTES = 100  # what a dictionary and its objects take beside the text

UNREADABLE = "<UNREADABLE>"  # the pattern of a line over which normalising stumbles

_UNKNOWN = np.iinfo(np.int64).min
_BLOCKS_ALIKE = 16
_NONE: Ids = np.empty(0, dtype=np.int64)


class Lexicon:
    """Numbers patterns in the order of their first appearance. Owned by one thread."""

    def __init__(self, masks: Masks = (), cache_bytes: int | None = None) -> None:
        """masks: the user's. cache_bytes: what the cache of shapes may take, if not MAX_CACHE_BYTES."""
        self._masks = masks
        self.patterns: list[str] = []
        self.levels: list[Level] = []
        self._ids: tuple[dict[str, PatternId], ...] = tuple({} for _ in Level)  # by level
        self._bytes = 0
        self._templates = Templates()
        self._by_skeleton: dict[bytes, int] = {}  # its pattern; or where it has slots, ~ its number in `digits`
        cache_bytes = cache_bytes or MAX_CACHE_BYTES
        self._digits = Digits(self._ids_of_kept, cache_bytes // _DIGITS_SHARE)
        self._skeletons = Skeletons(cache_bytes // _WORDS_SHARE)
        self._by_shape = _Shapes(self, cache_bytes, {})
        self._cache_bytes = cache_bytes
        self._piece_bytes = cache_bytes // _PIECE_SHARE
        self._full_of_ids = 0  # how many blocks to come are taken to be

    def full(self, beside_bytes: int = 0) -> bool:
        """Whether the owner should make a new one before the next block.

        beside_bytes: what the owner itself keeps of patterns.
        """
        return self._bytes + beside_bytes > MAX_BYTES

    def ids_of(self, data: bytes) -> Ids:
        """The pattern of each line.

        Args:
            data: whole lines, each ended by a newline.

        Returns:
            int64 (lines,), indices into `patterns` and `levels`.
        """
        if self._masks:
            data = masked(data, self._masks)
        data = shortened(without_colours(data))
        return np.concatenate([_NONE, *map(self._of_piece, _pieces(data, self._piece_bytes))])

    def ids_of_each(self, data: bytes) -> Ids:
        """The same by the definition of a pattern, line by line: no line takes another one with it that cannot be read.

        Such a line has the pattern UNREADABLE.
        """
        return np.array([self._id_of(line) for line in data.split(b"\n")[:-1]], dtype=np.int64)

    def _id_of(self, line: bytes) -> PatternId:
        try:
            return self.id_of_key(key_of(masked(line, self._masks)))
        except Exception:  # whatever it is, it is this line's
            return self._ids_of([b""], [UNREADABLE], [Level.UNKNOWN])[0]

    def _of_piece(self, data: bytes) -> Ids:
        if self._digits.full():
            self._digits.forget_codes()
            self._by_shape = _Shapes(self, self._cache_bytes, {})
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
        found = np.fromiter(map(self._by_shape.get, lines, repeat(_UNKNOWN)), dtype=np.int64, count=len(lines))
        unknown = np.flatnonzero(found == _UNKNOWN)
        if len(unknown):
            some = lines if len(unknown) == len(lines) else [lines[index] for index in unknown.tolist()]
            asked = b"\n".join(some)
            folded = without_ids(asked)
            others = some if folded is asked else folded.split(b"\n")
            found[unknown] = self._by_shape.of(others)
            if others is not some and sum(map(ne, some, others)) > len(lines) // 2:
                self._full_of_ids = _BLOCKS_ALIKE
        return found

    def ids_of_shapes(self, shapes: Sequence[bytes]) -> list[PatternId | Code]:
        """For each shape its pattern; or a code, where the line's own digits decide."""
        if max(map(len, shapes), default=0) > MAX_JUDGED_BYTES:
            shapes = [shape[:MAX_JUDGED_BYTES] for shape in shapes]
        ends = [*accumulate(map(len, shapes), initial=0)]
        found: list[PatternId | Code] = []
        while (begin := len(found)) < len(shapes):
            found += self._ids_of_some(shapes[begin : bisect(ends, ends[begin] + _NEW_AT_ONCE, begin + 1)])
        return found

    def _ids_of_some(self, shapes: Sequence[bytes]) -> list[PatternId | Code]:
        bares = self._skeletons.of(shapes)
        new = [bare for bare in dict.fromkeys(bares) if bare not in self._by_skeleton]
        slots = {new[number]: found for number, found in meaningful_in(new)}
        plain = [bare for bare in new if bare not in slots] if slots else new
        self._by_skeleton.update(zip(plain, self._ids_of_keys(plain), strict=True))
        self._by_skeleton.update({bare: ~self._digits.learn(bare, found) for bare, found in slots.items()})
        self._bytes += sum(len(bare) + 2 * _ENTRY_BYTES + PLACE_BYTES * len(found) for bare, found in slots.items())
        known = [*map(self._by_skeleton.__getitem__, bares)]
        found: list[PatternId | Code] = [*known]
        templates: list[bytes] = []
        for index in [index for index, each in enumerate(known) if each < 0]:
            number = ~known[index]
            there = self._digits.places(number, shapes[index])
            if not there:
                found[index] = self._digits.plain(number)
                continue
            found[index] = self._digits.code(number, there)
            if bares[index] in slots:
                templates.append(template(bares[index], slots[bares[index]], there))
        self._templates.learn(templates)
        self._bytes += 2 * sum(map(len, templates)) + 2 * _ENTRY_BYTES * len(templates)  # keys and patterns
        return found

    def _ids_of_keys(self, keys: Sequence[bytes]) -> list[PatternId]:
        """`id_of_key` of keys without kept digits."""
        if max(map(len, keys), default=0) > MAX_KEY_BYTES:
            return [*map(self.id_of_key, keys)]
        texts = decode_all(keys)
        return self._ids_of(keys, patterns_of(texts), map(level_of, texts))

    def _ids_of_kept(self, keys: Sequence[bytes]) -> list[PatternId]:
        """`id_of_key` of keys whose patterns are learned templates but for their kept digits."""
        if max(map(len, keys), default=0) > MAX_KEY_BYTES:
            return [*map(self.id_of_key, keys)]
        texts = decode_all(show_kept(b"\n".join(keys)).split(b"\n")) if keys else []
        return self._ids_of(keys, map(self._templates.pattern_of_key, keys), map(level_of, texts))

    def id_of_key(self, line_key: bytes) -> PatternId:
        """The pattern of all lines with this key; normalises."""
        level = level_of(decode(show_kept(line_key)))
        return self._ids_of([line_key], [self._templates.pattern_of_key(line_key)], [level])[0]

    def _ids_of(self, keys: Sequence[bytes], patterns: Iterable[str], levels: Iterable[Level]) -> list[PatternId]:
        """The numbers of keys' patterns, which are given to those that have none."""
        before = len(self.patterns)
        found: list[PatternId] = []
        for pattern, level in zip(patterns, levels, strict=True):
            number = self._ids[level].setdefault(pattern, len(self.patterns))
            if number == len(self.patterns):
                self.patterns.append(pattern)
                self.levels.append(level)
            found.append(number)
        self._bytes += sum(map(len, chain(keys, self.patterns[before:])))
        self._bytes += _ENTRY_BYTES * (len(keys) + len(self.patterns) - before)
        return found


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    """Whole lines of up to `size` bytes, or one that is longer."""
    begin = 0
    while begin < len(data):
        end = data.rfind(b"\n", begin, begin + size) + 1 or data.index(b"\n", begin) + 1
        yield data[begin:end]
        begin = end


class _Shapes(dict[bytes, int]):
    """shape -> id or code.

    size: about what the younger half takes, in bytes. older: the other half, which holds what was met before it.
    """

    def __init__(self, lexicon: Lexicon, max_bytes: int, older: dict[bytes, int]) -> None:
        super().__init__()
        self._lexicon = lexicon
        self._max_bytes = max_bytes
        self._older = older
        self.size = 0

    def of(self, shapes: Sequence[bytes]) -> list[int]:
        """What is known or now found out of each."""
        found = [*map(self.get, shapes, repeat(_UNKNOWN))]
        missing = dict.fromkeys(compress(shapes, map(eq, found, repeat(_UNKNOWN))))
        if not missing:
            return found
        self.update({shape: self._older.pop(shape) for shape in missing if shape in self._older})
        new = [shape for shape in missing if shape not in self]
        self.update(zip(new, self._lexicon.ids_of_shapes(new), strict=True))
        self.size += sum(map(len, missing)) + _ENTRY_BYTES * len(missing)
        return [*map(self.__getitem__, shapes)]

    def not_full(self) -> _Shapes:
        """Itself; or one in which these are the older half, and those that were are forgotten."""
        if self.size <= self._max_bytes // 2:
            return self
        return _Shapes(self._lexicon, self._max_bytes, dict(self))
