"""Shapes -> skeletons, many at once: what `fold.skeleton` says of each, asked only of words that are new."""

from __future__ import annotations

from collections.abc import Sequence

from logwatchd.parsing.fold import ZERO, word

_LONG = 256  # bytes; longer words hardly come again
_ENTRY_BYTES = 100  # what a word takes in a dictionary beside its text


class Skeletons:
    """Owned by one thread."""

    def __init__(self, max_bytes: int) -> None:
        """max_bytes: of words that are remembered; when they are more, they are forgotten, being cheap to find."""
        self._words: dict[bytes, bytes] = {}
        self._bytes = 0
        self._max_bytes = max_bytes

    def of(self, shapes: Sequence[bytes]) -> list[bytes]:
        """The skeleton of each shape."""
        if not shapes:
            return []
        words = b" \n ".join(shapes).split(b" ")
        new = {each for each in words if ZERO in each}.difference(self._words)
        self._words.update(zip(new, map(word, new), strict=True))
        found = b" ".join(map(self._words.get, words, words)).split(b" \n ")
        self._forget(new)
        return found

    def _forget(self, new: set[bytes]) -> None:
        """Words that hardly come again; when there are too many, all."""
        for each in [each for each in new if len(each) > _LONG]:
            del self._words[each]
            new.remove(each)
        self._bytes += sum(map(len, new)) + _ENTRY_BYTES * len(new)
        if self._bytes > self._max_bytes:
            self._words.clear()
            self._bytes = 0
