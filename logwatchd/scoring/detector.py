"""Patterns and vectors -> verdicts: the distance to the nearest centroid, compared with the log's threshold."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from logwatchd.records import Level, Nearest, Verdict
from logwatchd.scoring.baseline import Baseline
from logwatchd.scoring.combinations import shares_of
from logwatchd.scoring.concern import Concern, concern_of, evidence_of, least_novelty, refusals_of, score_of
from logwatchd.scoring.thresholds import Thresholds, own_thresholds
from logwatchd.vectors import Vectors

_ROWS_AT_ONCE = 512
_THREADS = 2  # that compare rows with centroids; each has 4 MB of similarities
_CORES = len(os.sched_getaffinity(0))


class Detector:
    """Judges patterns against one baseline. Immutable: a reload makes a new one.

    A pattern that the baseline holds is normal, whatever its vector. The novelty of any other one is how far it lies
    outside of the nearest centroid's own radius: (distance - radius) / (1 - radius), from 0 to 1. Where it only has a
    new value of a learned variable, or of several, most of that is taken off, see `variables` and `combinations`. Its
    level and its words of failure weigh on it, see `concern`; what comes of that is the score. Verdicts are first given
    by the threshold that is common to all logs; `in_log` gives those of a log.
    """

    def __init__(self, baseline: Baseline, thresholds: Thresholds | None = None, *, levels: bool = True) -> None:
        """thresholds: None for the baseline's own. levels: whether they weigh on the score."""
        self._baseline = baseline
        self._levels = levels
        self._radii: list[float] = baseline.radii.tolist()
        columns = (baseline.concerns.tolist(), map(bool, baseline.alarms.tolist()), baseline.failed.tolist())
        self._known = tuple(map(Concern, *columns))
        self._refusals = refusals_of(baseline.patterns)
        self.thresholds = thresholds or own_thresholds(baseline, levels=levels)

    @property
    def baseline(self) -> Baseline:
        return self._baseline

    def known(self, pattern: str, level: Level) -> Verdict | None:
        """The verdict on an empty pattern or one that the baseline holds; None when a vector is needed."""
        if pattern and pattern not in self._baseline.patterns:
            return None
        return Verdict(pattern, level, 0.0, self.thresholds.common, anomaly=False, nearest=None)

    def in_log(self, verdict: Verdict, log: str | None) -> Verdict:
        """The same verdict by the threshold of one log; see `Thresholds.of`."""
        threshold = self.thresholds.of(log)
        if threshold == verdict.threshold:
            return verdict
        return replace(verdict, threshold=threshold, anomaly=verdict.score > threshold)

    def judge(self, patterns: Sequence[str], levels: Sequence[Level], vectors: Vectors) -> list[Verdict]:
        """Verdicts on unknown patterns; vectors is float32 (len(patterns), D), unit rows."""
        nearest, distances = self._nearest(vectors)
        concerns = list(map(concern_of, levels, patterns))
        calm = [i for i, centroid in enumerate(nearest) if concerns[i].total <= self._known[centroid].total]
        places = self._baseline.variables, self._baseline.combinations
        kept = dict(zip(calm, shares_of([patterns[i] for i in calm], *places).tolist(), strict=True))
        return [
            self._verdict(pattern, level, concerns[i], nearest[i], distances[i], kept.get(i, 1.0))
            for i, (pattern, level) in enumerate(zip(patterns, levels, strict=True))
        ]

    def _nearest(self, vectors: Vectors) -> tuple[list[int], list[float]]:
        """Of each row the nearest centroid and its cosine distance."""
        parts = [vectors[start : start + _ROWS_AT_ONCE] for start in range(0, len(vectors), _ROWS_AT_ONCE)]
        if len(parts) < 2 or _CORES < 2:
            found = [*map(self._nearest_of, parts)]
        else:
            from concurrent.futures import ThreadPoolExecutor

            # A product lets go of the interpreter: two threads are nearly twice as fast. Those of OpenBLAS would spin
            # where there is little to do.
            try:
                with ThreadPoolExecutor(_THREADS, "nearest") as pool:
                    found = [*pool.map(self._nearest_of, parts)]
            except RuntimeError:  # no thread can be started
                found = [*map(self._nearest_of, parts)]
        return [*chain.from_iterable(nearest for nearest, _ in found)], [*chain.from_iterable(far for _, far in found)]

    def _nearest_of(self, rows: Vectors) -> tuple[list[int], list[float]]:
        similarities = rows @ self._baseline.centroids.T
        return similarities.argmax(axis=1).tolist(), np.maximum(0.0, 1.0 - similarities.max(axis=1)).tolist()

    def _verdict(
        self, pattern: str, level: Level, concern: Concern, centroid: int, distance: float, share: float
    ) -> Verdict:
        """share: how much of its novelty it keeps: not all where it only has a new value of a learned variable."""
        radius, known = self._radii[centroid], self._known[centroid]
        novelty = min(1.0, max(0.0, (distance - radius) / (1.0 - radius))) if radius < 1 else 0.0
        novelty = max(novelty * share, least_novelty(concern, pattern, self._baseline.patterns, self._refusals))
        score = score_of(novelty, evidence_of(concern, known) if self._levels else 0.0)
        return Verdict(
            pattern=pattern,
            level=level,
            score=score,
            threshold=self.thresholds.common,
            anomaly=score > self.thresholds.common,
            nearest=Nearest(centroid, distance, radius, self._baseline.examples[centroid]),
            novelty=novelty,
        )
