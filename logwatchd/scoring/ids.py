"""The numbers of patterns, see `lexicon`, and of codes, see `digits`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PatternId = int  # from 0, in the order of first appearance
Code = int  # below 0: which of a line's own digits decide
Ids = NDArray[np.int64]

_COUNTED = 64  # to count ids up to so many times their number takes no longer than to sort them out


def distinct(ids: Ids) -> list[PatternId]:
    """Each of them once, ascending."""
    if _COUNTED * len(ids) < ids.max(initial=0):
        return sorted(set(ids.tolist()))
    found: list[PatternId] = np.flatnonzero(np.bincount(ids)).tolist()
    return found
