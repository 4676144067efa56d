"""Whether a baseline is large enough: did its logs still say new things at their ends?

A log whose patterns are all known by its end has few surprises left. One whose last tenth brings patterns at half the
rate of the whole, or faster, is far from there: at a constant rate that tenth would bring a tenth of them. How much of
the next lines will be new is Good and Turing's estimate: the share of lines whose text was met once (I. J. Good, The
population frequencies of species, Biometrika 1953).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

END = 0.1  # of a log
GROWING = END / 2  # share of a log's patterns that came in its end
_LEAST_NEW = 5  # fewer are chance


@dataclass(frozen=True, slots=True)
class Growth:
    """How a log's patterns came about. late: those that were met first in its last END, of end_lines lines."""

    log: str
    lines: int
    patterns: int
    end_lines: int
    late: int

    @property
    def growing(self) -> bool:
        return self.late >= _LEAST_NEW and self.late >= GROWING * self.patterns


def growth_of(log: str, lines: int, first_seen: Collection[int]) -> Growth:
    """first_seen: of each pattern the number of the log's line that had it first, from 0."""
    end_lines = int(lines * END)
    late = sum(number >= lines - end_lines for number in first_seen)
    return Growth(log, lines, len(first_seen), end_lines, late)
