"""Where lines end in a block, for all lines at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logwatchd.parsing.sparse import true_places

_last: tuple[bytes, NDArray[np.int64]] = b"", np.empty(0, dtype=np.int64)


def newlines(data: bytes) -> NDArray[np.int64]:
    """The places of all newlines in order, (N,), read-only.

    A block is asked about when it is read and again when its lines are judged: the last one is remembered.
    """
    global _last
    known, found = _last
    if known is not data:
        found = true_places(np.frombuffer(data, dtype=np.uint8) == ord("\n"))
        found.flags.writeable = False
        _last = data, found
    return found


def beginning_with(data: bytes, some: bytes) -> NDArray[np.int64]:
    """Where lines but the first begin with one of some bytes, in order, (N,)."""
    wanted = np.zeros(256, dtype=bool)
    wanted[list(some)] = True
    begins: NDArray[np.int64] = newlines(data) + 1
    begins = begins[: np.searchsorted(begins, len(data))]
    return begins[wanted[np.frombuffer(data, dtype=np.uint8)[begins]]]
