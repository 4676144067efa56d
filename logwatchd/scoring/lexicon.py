"""Every pattern met so far, and the cache that makes a known line cost one dictionary look-up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logwatchd.parsing.fold import Spans, key, meaningful, shapes, show_kept
from logwatchd.parsing.level import level_of
from logwatchd.parsing.normalise import decode, pattern_of_key
from logwatchd.records import Level

MAX_KEYS = 200_000  # keys and shapes; a stream in which every line is new starts the cache anew when it is full
MAX_KEY_BYTES = 64 << 20
MAX_LINE_BYTES = 16_384  # what lies beyond is cut for the pattern: long payloads carry no more meaning

PatternId = int
Ids = NDArray[np.int64]


class Lexicon:
    """Numbers patterns in the order of their first appearance. Owned by one thread."""

    def __init__(self) -> None:
        self.patterns: list[str] = []
        self.levels: list[Level] = []
        self._ids: dict[tuple[str, Level], PatternId] = {}
        self._by_key: dict[bytes, PatternId] = {}
        self._spans: list[Spans] = []
        self._by_shape = _Shapes(self)
        self._key_bytes = 0

    def full(self) -> bool:
        """Whether the owner should make a new one before the next block."""
        return len(self._by_key) + len(self._by_shape) > MAX_KEYS or self._key_bytes > MAX_KEY_BYTES

    def ids_of(self, data: bytes) -> Ids:
        """The pattern of each line.

        Args:
            data: whole lines, each ended by a newline.

        Returns:
            int64 (lines,), indices into `patterns` and `levels`.
        """
        found = list(map(self._by_shape.__getitem__, shapes(data).split(b"\n")))
        found.pop()  # what follows the last newline is no line
        ids = np.array(found, dtype=np.int64)
        special = np.flatnonzero(ids < 0)
        if len(special):
            lines = data.split(b"\n")
            for index in special.tolist():
                line = lines[index][:MAX_LINE_BYTES]
                ids[index] = self.id_of_key(key(line, shapes(line), self._spans[-1 - found[index]]))
        return ids

    def id_of_key(self, line_key: bytes) -> PatternId:
        """The pattern of all lines with this key; normalises when the key is new."""
        known = self._by_key.get(line_key)
        if known is None:
            known = self._by_key[line_key] = self._intern(line_key)
            self._key_bytes += len(line_key)
        return known

    def id_of_shape(self, shape: bytes) -> int:
        """A pattern's id, or -1 - i where the line's own digits at `_spans[i]` decide."""
        self._key_bytes += len(shape)
        shape = shape[:MAX_LINE_BYTES]
        spans = meaningful(shape)
        if not spans:
            return self._intern(shape)
        self._spans.append(spans)
        return -len(self._spans)

    def _intern(self, line_key: bytes) -> PatternId:
        pattern, level = pattern_of_key(line_key), level_of(decode(show_kept(line_key)))
        new = self._ids.setdefault((pattern, level), len(self.patterns))
        if new == len(self.patterns):
            self.patterns.append(pattern)
            self.levels.append(level)
        return new


class _Shapes(dict[bytes, int]):
    """shape -> id; `__missing__` keeps the look-up of known shapes in C."""

    def __init__(self, lexicon: Lexicon) -> None:
        super().__init__()
        self._lexicon = lexicon

    def __missing__(self, shape: bytes) -> int:
        found = self[shape] = self._lexicon.id_of_shape(shape)
        return found
