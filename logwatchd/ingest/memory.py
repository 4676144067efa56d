"""Keeps the memory of blocks that are done with for the next ones, and gives it back when there are none.

What stands before the first block is there to stay.
"""

from __future__ import annotations

import ctypes
import gc

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # malloc.h
_KEPT_BYTES = 16 << 20
_LARGE_BYTES = 4 << 20


def settle_memory() -> None:
    """Tell glibc to give less back to the kernel, and Python's search for cycles to pass over what stands by now.

    Both hold for the process; another C library is left as it is.

    By default it returns a block of 1 MiB as soon as that is freed, and gets the next one page by page, zeroed: that
    is half of what reading a file that is in the page cache costs, and a third of what finding the shapes of its lines.
    All threads share one store: what one of them freed serves the others, and Python lets only one run at a time.
    """
    gc.freeze()
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_ARENA_MAX, 1)


def let_go() -> None:
    """Free now what only refers to itself, as the clients of services do, which hold their connections open.

    Python would, too, but only once much else has come to be: in a daemon at rest perhaps never.
    """
    gc.collect()
    give_back()


def give_back() -> None:
    """Return what is free to the kernel. It takes some milliseconds."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
