"""What each threshold would find and cost on labelled lines: precision, recall and F1 wherever they change."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_SCORE_DIGITS = 6  # below them a score depends on how many texts were multiplied at once


@dataclass(frozen=True, slots=True)
class Point:
    """One threshold's figures, in lines. Every threshold from `lower` up to, but not including, `upper` has the same.

    found, missed: anomalies over it and not. flagged, passed: normal lines over it and not.
    """

    threshold: float
    lower: float
    upper: float
    found: int
    missed: int
    flagged: int
    passed: int

    @property
    def precision(self) -> float | None:
        """Of the lines over the threshold the share of anomalies; None where no line is over it."""
        over = self.found + self.flagged
        return self.found / over if over else None

    @property
    def recall(self) -> float | None:
        """Of the anomalies the share that is over the threshold; None where there are no anomalies."""
        anomalies = self.found + self.missed
        return self.found / anomalies if anomalies else None

    @property
    def f1(self) -> float:
        """Harmonic mean of both; 0 where one of them is 0 or is not."""
        return 2 * self.found / (2 * self.found + self.flagged + self.missed) if self.found else 0.0


@dataclass(frozen=True, slots=True)
class Curve:
    """points: by rising threshold, from 0 to 1 without a gap; one for each set of figures that a threshold can have.

    auroc, average_precision: of the ranking by score, whatever the threshold; None where one of the classes is empty.
    """

    points: tuple[Point, ...]
    auroc: float | None
    average_precision: float | None

    def at(self, threshold: float) -> Point:
        """The figures of any threshold from 0 to 1."""
        index = bisect_right(self.points, threshold, key=lambda point: point.lower) - 1
        return replace(self.points[max(0, index)], threshold=threshold)

    def best(self) -> Point | None:
        """The point with the highest F1; None where no threshold finds any anomaly, or there are no normal lines.

        Of equals the one with the widest gap around it, for it stands farthest from both classes; then the lowest.
        """
        if not self.points[0].flagged + self.points[0].passed:
            return None
        best = max(self.points, key=lambda point: (point.f1, point.upper - point.lower, -point.lower))
        return best if best.f1 else None


def curve_of(scores: Sequence[float], normal: Sequence[int], anomalies: Sequence[int]) -> Curve:
    """The curve of scored texts.

    Args:
        scores: one a text, 0 to 1; a line is flagged when its score is over the threshold.
        normal, anomalies: how many lines of each label have the text.
    """
    rounded: NDArray[np.float64] = np.array([round(score, _SCORE_DIGITS) for score in scores])
    levels, at = np.unique(rounded, return_inverse=True)
    normal_at = np.bincount(at, weights=normal, minlength=len(levels)).astype(np.int64)
    anomalies_at = np.bincount(at, weights=anomalies, minlength=len(levels)).astype(np.int64)
    return Curve(
        points=_points(levels, normal_at, anomalies_at),
        auroc=_auroc(normal_at, anomalies_at),
        average_precision=_average_precision(normal_at, anomalies_at),
    )


def _points(levels: NDArray[np.float64], normal: NDArray[np.int64], anomalies: NDArray[np.int64]) -> tuple[Point, ...]:
    bounds = [0.0, *(level for level in levels.tolist() if 0.0 < level < 1.0), 1.0]
    passed_by, missed_by = np.cumsum(normal), np.cumsum(anomalies)  # (levels,) lines at or below each level
    points = []
    for lower, upper in pairwise(bounds):
        index = int(np.searchsorted(levels, lower, side="right")) - 1
        passed, missed = (int(passed_by[index]), int(missed_by[index])) if index >= 0 else (0, 0)
        points.append(
            Point(
                threshold=_middle(lower, upper),
                lower=lower,
                upper=upper,
                found=int(anomalies.sum()) - missed,
                missed=missed,
                flagged=int(normal.sum()) - passed,
                passed=passed,
            )
        )
    return tuple(points)


def _middle(lower: float, upper: float) -> float:
    """The middle of a gap, with as few digits as tell it from the gap's ends."""
    middle = (lower + upper) / 2
    for digits in (3, 4, 5):
        short = round(middle, digits)
        if abs(short - middle) < (upper - lower) / 4:
            return short
    return middle


def _auroc(normal: NDArray[np.int64], anomalies: NDArray[np.int64]) -> float | None:
    """How often an anomaly scores over a normal line; a tie counts half. (levels,) counts by rising score."""
    pairs = int(normal.sum()) * int(anomalies.sum())
    if not pairs:
        return None
    below = np.cumsum(normal) - normal
    return float((anomalies * (below + normal / 2)).sum() / pairs)


def _average_precision(normal: NDArray[np.int64], anomalies: NDArray[np.int64]) -> float | None:
    """The area under precision by recall, without interpolation. (levels,) counts by rising score."""
    if not normal.sum() or not anomalies.sum():
        return None
    found, over = np.cumsum(anomalies[::-1]), np.cumsum((normal + anomalies)[::-1])
    return float((found / np.maximum(over, 1) * anomalies[::-1]).sum() / anomalies.sum())
