"""Where in a run of lines its events stand; found only for those that somebody asks about."""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from logwatchd.parsing.newlines import newlines
from logwatchd.parsing.normalise import decode
from logwatchd.records import flat


class Places:
    """The events of a run, by their index as `Lexicon.ids_of` counts them."""

    def __init__(self, data: bytes, inner: tuple[int, ...]) -> None:
        """data: whole lines, each ended by a newline. inner: where newlines stand inside of an event (see `Block`)."""
        self._data = data
        self._inner = inner

    @cached_property
    def flat(self) -> bytes:
        """The run with one line an event."""
        return flat(self._data, self._inner)

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        return newlines(self.flat)

    def byte(self, index: int) -> int:
        """How many bytes of the run come before the event."""
        return self._ends.item(index - 1) + 1 if index else 0

    def span(self, index: int) -> tuple[int, int]:
        """Where in the run the event begins and ends, without its last newline."""
        return self.byte(index), self._ends.item(index)

    def line(self, index: int) -> int:
        """How many lines of the run come before the event."""
        return index + bisect_left(self._inner, self.byte(index))

    def before(self, index: int, most: int) -> list[bytes]:
        """Up to so many events before it, oldest first, one line each."""
        first = max(0, index - most)
        return self.flat[self.byte(first) : self.byte(index) - 1].split(b"\n") if index else []

    def text(self, index: int, most: int) -> str:
        """The event's text, inner newlines and all, cut after `most` bytes."""
        begin, end = self.span(index)
        return decode(self._data[begin : min(begin + most, end)])
