"""The threshold, from the baseline alone: how far apart are lines that are normal and yet new?

The last part of each log is scored against the first part of all. What is new there is normal by definition, and its
distances say how far a new normal line lies from the old ones. Few samples are shrunk towards a prior; a held-out part
without any new text means that the log is closed, and that every new text is news.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HELD_OUT = 0.3
PRIOR = 0.25  # what suits the local embedder on logs of ten systems when nothing else is known
PRIOR_WEIGHT = 20.0  # how many new texts weigh as much as the prior
CLOSED_LINES = 200.0  # so many held-out lines without a new text begin to say something
FENCE = 3.0  # interquartile ranges above the upper quartile: what lies beyond is no sample of the same kind
FLOOR, CEILING = 0.02, 0.35


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold and what it rests on. lines, new_texts: of the held-out part. fence: of the new texts' distances."""

    threshold: float
    lines: int
    new_texts: int
    fence: float | None


def calibrate(new_distances: NDArray[np.float32], held_out_lines: int) -> Calibration:
    """Choose a threshold.

    Args:
        new_distances: (K,) distance to the nearest older text of each distinct new text in the held-out part.
        held_out_lines: how many lines that part has.

    Returns:
        The threshold, between FLOOR and CEILING. The outer fence (Tukey, Exploratory Data Analysis, 1977) covers the
        usual new texts with a margin, and no rare event moves it, as it would a high quantile. A log that has phases
        has fences beyond any fault: beyond CEILING a text has little in common with anything that is known.
    """
    count = len(new_distances)
    # Rule of three, roughly: with k new texts in n lines, hardly more than (k + 1) in n of further lines are new, so
    # the more lines and the fewer new texts, the more telling a new one is.
    prior = PRIOR * min(1.0, CLOSED_LINES * (count + 1) / max(1, held_out_lines))
    fence = _fence(new_distances) if count else None
    usual = min(CEILING, fence or 0.0)
    threshold = (count * usual + PRIOR_WEIGHT * prior) / (count + PRIOR_WEIGHT)
    return Calibration(float(np.clip(threshold, FLOOR, CEILING)), held_out_lines, count, fence)


def _fence(distances: NDArray[np.float32]) -> float:
    lower, upper = np.quantile(distances, (0.25, 0.75))
    return float(upper + FENCE * (upper - lower))
