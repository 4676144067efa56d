"""How much of a huge log is read to learn from, and which parts.

Whole stretches, not single lines: events of several lines stay whole, and what comes together stays together. The
stretches are spread evenly over the file, its beginning and its end always among them, so that every hour of the day
is there and the time split of the calibration sees the same as in the whole. What is small is read whole: a quiet log's
rare lines are not crowded out by a loud one.
"""

from __future__ import annotations

from collections.abc import Sequence

SAMPLE_BYTES = 4 << 30  # of all files, unless told otherwise: some thirty million lines, a minute or two
STRETCH_BYTES = 4 << 20
_LEAST_STRETCH_BYTES = 64 << 10
_STRETCHES = 64  # a file's share has at least so many, as long as they don't get too short


def shares(sizes: Sequence[int], budget: int) -> list[int]:
    """How many bytes to read of each file.

    Args:
        sizes: of the files, in bytes. budget: for all of them.

    Returns:
        Sizes of the files that are read whole; what the budget has left goes to the larger ones in equal parts.
    """
    found = [0] * len(sizes)
    left, waiting = max(0, budget), len(sizes)
    for index in sorted(range(len(sizes)), key=lambda i: sizes[i]):
        found[index] = min(sizes[index], left // waiting)
        left -= found[index]
        waiting -= 1
    return found


def stretch_of(share: int) -> int:
    """How long each stretch of a file is of which `share` bytes are read; a multiple of 4, for wide encodings."""
    return max(_LEAST_STRETCH_BYTES, min(STRETCH_BYTES, share // _STRETCHES)) & ~3


def wanted(begins_at: float, taken: int, share: int) -> bool:
    """Whether to read the stretch that begins at this part of a file (0 to 1), when `taken` bytes of it were read.

    True as often as keeps step with the position; always for the first stretch. The last one is the caller's to add.
    """
    return taken <= share * begins_at
