"""The thresholds, from the baseline alone: how do lines score that are normal and yet new?

The last part of each log is scored against the first part of all. What is new there is normal by definition, and its
scores say how a new normal line looks in this log: one that always brings something new does not make a quiet one deaf.
Three things temper what they say:

- Coverage. If most texts were met only once, another day may bring as many again: the baseline is no sample that could
  tell what is usual (a build's log is such a one). Good and Turing's estimate of the covered share (I. J. Good, The
  population frequencies of species, Biometrika 1953) says how far to trust it.
- Few new texts are shrunk towards a prior, on the scale of log-odds. A text that came once is one witness, and one that
  came a hundred times is several.
- A held-out part without any new text means that the log is closed, and that every new text is news.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logwatchd.scoring.concern import scores_of

HELD_OUT = 0.3
PRIOR = 0.3  # what suits the local embedder on logs of ten systems when nothing else is known
PRIOR_WEIGHT = 3.0  # witnesses
QUANTILE = 0.95  # of the new normal texts that shall pass
CLOSED_LINES = 200.0  # so many held-out lines without a new text begin to say something
# At CEILING an ERROR among lines of INFO still alerts when it is 45% new, however noisy the baseline.
FLOOR, CEILING = 0.05, 0.85
_HAIR = 1e-9  # log-odds: what is not to alert shall not do so by rounding


@dataclass(frozen=True, slots=True)
class LearnedLog:
    """One log that was learned from: its name, its lines, how many of them are its last part, the held-out one.

    single: how many of its patterns were met once in it. days: that last part took; None where nothing says so.
    skipped: lines of levels that are not learned, and those that say nothing: none of them could have been new.
    """

    name: str
    lines: int
    held_out: int
    single: int
    days: float | None = None
    skipped: int = 0

    @property
    def coverage(self) -> float:
        """The share of its lines, without the skipped ones, whose text was met more than once, 0 to 1."""
        return max(0.0, 1.0 - self.single / max(1, self.lines - self.skipped))

    @property
    def tried(self) -> float:
        """About how many lines of its last part could have been new."""
        return self.held_out * (1.0 - self.skipped / max(1, self.lines))


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What the last parts of the baseline's logs showed; arrays have one entry a text that was new there, and log.

    logs: which they were. patterns: int32, indices into the baseline's patterns. log: int32, indices into `logs`: each
    whose last part has the text. novelties: 0 to 1. evidence: log-odds, see `concern`.
    """

    logs: tuple[LearnedLog, ...]
    patterns: NDArray[np.int32]
    log: NDArray[np.int32]
    novelties: NDArray[np.float32]
    evidence: NDArray[np.float32]

    @property
    def lines(self) -> int:
        """Of the last parts."""
        return sum(log.held_out for log in self.logs)

    @property
    def texts(self) -> int:
        """How many different texts were new."""
        return len(set(self.patterns.tolist()))

    @property
    def per_day(self) -> NDArray[np.float64]:
        """How often a day one text in the log of each entry comes about; NaN where that log's days are not known."""
        return np.array([1.0 / log.days if log.days else np.nan for log in self.logs])[self.log]

    def scores(self, *, levels: bool) -> NDArray[np.float64]:
        """The new texts' scores, with or without the weight of their levels."""
        return scores_of(self.novelties, self.evidence if levels else np.zeros_like(self.evidence))


def calibrate(held_out: HeldOut, counts: NDArray[np.int64], *, levels: bool = True) -> list[float]:
    """Choose a threshold for each of `held_out.logs` by its own last part, between FLOOR and CEILING.

    Args:
        counts: how many lines each new text stands for, in the order of `held_out.patterns`.
        levels: whether scores are weighed by level.
    """
    scores = held_out.scores(levels=levels)
    chosen = []
    for index, log in enumerate(held_out.logs):
        own = held_out.log == index
        chosen.append(_calibrated(scores[own], counts[own], log))
    return chosen


def of_any_log(thresholds: Sequence[float]) -> float:
    """The threshold of a log that was not learned from: what suits the median of those that were."""
    if not thresholds:
        return PRIOR
    ordered, middle = sorted(thresholds), len(thresholds) // 2
    return (ordered[middle] + ordered[~middle]) / 2  # numpy's median imports a megabyte


def _calibrated(scores: NDArray[np.float64], counts: NDArray[np.int64], log: LearnedLog) -> float:
    """scores, counts: of what was new in the log's last part."""
    if len(scores):
        witnesses = 1.0 + np.log(counts)
        usual = min(0.95, max(0.02, _quantile(scores, witnesses)))
        weight = float(witnesses.sum())
        own = _sigmoid((weight * _logit(usual) + PRIOR_WEIGHT * _logit(PRIOR)) / (weight + PRIOR_WEIGHT))
    else:
        own = PRIOR * min(1.0, CLOSED_LINES / max(1.0, log.tried))
    # The share that is known to be covered, less the share that is known not to be.
    trust = max(0.0, 2.0 * log.coverage - 1.0)
    return min(CEILING, max(FLOOR, trust * own + (1.0 - trust) * PRIOR))


def for_target(
    held_out: HeldOut, counts: NDArray[np.int64], alerts_per_day: float, *, levels: bool = True
) -> list[float] | None:
    """The lowest thresholds at which the last parts would have given no more than so many new texts a day.

    Those that `calibrate` chooses, all moved by as much on the scale of log-odds: a noisy log stays less believed than
    a quiet one.

    Returns:
        None where the lines have no timestamps, so that nobody knows what a day brings.
    """
    per_day = held_out.per_day
    if not np.isfinite(per_day).all():
        return None
    usual = np.array([_logit(threshold) for threshold in calibrate(held_out, counts, levels=levels)])
    scores = held_out.scores(levels=levels).clip(0.001, 0.999)
    over = np.log(scores / (1.0 - scores)) - usual[held_out.log]
    order = np.argsort(-over, kind="stable")
    above = np.cumsum(per_day[order])
    within = int(np.searchsorted(above, alerts_per_day, side="right"))
    if within == len(scores):
        return [FLOOR] * len(usual)
    moved = usual + over[order[within]] + _HAIR
    return [min(0.999, max(FLOOR, _sigmoid(odds))) for odds in moved.tolist()]


def _quantile(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(reached, QUANTILE * reached[-1])]])


def _logit(share: float) -> float:
    return math.log(share / (1.0 - share))


def _sigmoid(odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-odds))
