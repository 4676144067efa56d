"""What a source is to follow from its next turn on."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from logwatchd.records import SourceSpec


class Wanted:
    """Asked for by any thread, taken by the tail thread.

    settled: whether the last turn found all of what was asked for last.
    """

    def __init__(self, specs: Sequence[SourceSpec] | None = None) -> None:
        self._lock = threading.Lock()
        self._next = specs
        self.settled = False

    def ask(self, specs: Sequence[SourceSpec]) -> None:
        with self._lock:
            self._next = tuple(specs)
            self.settled = False

    def take(self) -> Sequence[SourceSpec] | None:
        """What was asked for since the last turn, if anything was."""
        with self._lock:
            specs, self._next = self._next, None
            return specs

    def settle(self, *, found: bool = True) -> None:
        """A turn ends. found: it found all that it was to follow."""
        with self._lock:
            self.settled = found and self._next is None
