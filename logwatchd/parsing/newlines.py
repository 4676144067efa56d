"""Where lines end in a block, for all lines at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_WORD_BYTES = 8
_NEWLINE = ord("\n")

_last: tuple[bytes, NDArray[np.int64]] = b"", np.empty(0, dtype=np.int64)


def newlines(data: bytes) -> NDArray[np.int64]:
    """The places of all newlines in order, (N,), read-only.

    A block is asked about when it is read and again when its lines are judged: the last one is remembered.
    """
    global _last
    known, found = _last
    if known is not data:
        found = _found(data)
        found.flags.writeable = False
        _last = data, found
    return found


def _found(data: bytes) -> NDArray[np.int64]:
    """Most words of eight bytes have none, and numpy finds the few that have one faster than a byte among bytes."""
    text = np.frombuffer(data, dtype=np.uint8)
    rest = len(data) % _WORD_BYTES
    words: NDArray[np.uint64] = (text[: len(data) - rest] == _NEWLINE).view(np.uint64)
    some = np.flatnonzero(words != 0)
    within = np.flatnonzero(words[some].view(np.bool_))
    found: NDArray[np.int64] = (some[within >> 3] << 3) + (within & 7)
    if _NEWLINE in data[len(data) - rest :]:
        found = np.concatenate([found, np.flatnonzero(text[len(data) - rest :] == _NEWLINE) + len(data) - rest])
    return found


def beginning_with(data: bytes, some: bytes) -> NDArray[np.int64]:
    """Where lines but the first begin with one of some bytes, in order, (N,)."""
    wanted = np.zeros(256, dtype=bool)
    wanted[list(some)] = True
    begins: NDArray[np.int64] = newlines(data) + 1
    begins = begins[: np.searchsorted(begins, len(data))]
    return begins[wanted[np.frombuffer(data, dtype=np.uint8)[begins]]]
