"""Known-good lines -> a baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from logwatchd import __version__
from logwatchd.errors import BaselineError
from logwatchd.parsing.normalise import NORMALISER_VERSION
from logwatchd.records import Level
from logwatchd.scoring.baseline import FORMAT, Baseline, Manifest
from logwatchd.scoring.calibration import HELD_OUT, Calibration, calibrate
from logwatchd.scoring.clustering import cluster
from logwatchd.scoring.embedder import Embedder
from logwatchd.scoring.lexicon import Lexicon
from logwatchd.vectors import Vectors

MAX_PATTERNS = 100_000  # distinct texts that are kept; the rarest beyond are left out
_ROWS_AT_ONCE = 1024


@dataclass(slots=True)
class _Log:
    """One log's lines so far, and the number of the line that had a pattern first."""

    lines: int = 0
    first_seen: dict[str, int] = field(default_factory=dict)

    @property
    def held_out(self) -> int:
        """How many lines at its end the calibration keeps apart."""
        return int(self.lines * HELD_OUT)


class BaselineBuilder:
    """Takes known-good lines in the order they were written, then builds.

    Memory grows with distinct texts, not with lines.
    """

    def __init__(self) -> None:
        self._lexicon = Lexicon()
        self._logs: dict[str, _Log] = {}
        self._counts: dict[str, int] = {}
        self.lines = 0

    @property
    def patterns(self) -> int:
        return len(self._counts)

    def add(self, data: bytes, skip_levels: frozenset[Level] = frozenset({Level.DEBUG}), log: str = "") -> None:
        """Learn a run of whole lines, each ended by a newline.

        Args:
            skip_levels: lines of these are only counted. log: whose next lines these are; each log's are in order.
        """
        source = self._logs.setdefault(log, _Log())
        if self._lexicon.full():
            self._lexicon = Lexicon()
        ids = self._lexicon.ids_of(data)
        unique, first, counts = np.unique(ids, return_index=True, return_counts=True)
        for pattern_id, index, count in zip(unique.tolist(), first.tolist(), counts.tolist(), strict=True):
            pattern = self._lexicon.patterns[pattern_id]
            if pattern and self._lexicon.levels[pattern_id] not in skip_levels:
                source.first_seen.setdefault(pattern, source.lines + index)
                self._counts[pattern] = self._counts.get(pattern, 0) + count
        source.lines += len(ids)
        self.lines += len(ids)

    def build(
        self,
        embed: Callable[[Sequence[str]], Vectors],
        embedder: Embedder,
        *,
        clusters: int | None,
        threshold: float | None,
        sources: Iterable[str],
        built_at: datetime,
    ) -> Baseline:
        """Embed, cluster and calibrate.

        Args:
            embed: vectors of all patterns at once, float32 (N, D), in whatever batches it likes.
            clusters: how many centroids; None to follow the data. threshold: None to calibrate.

        Raises:
            BaselineError: there was nothing to learn from.
        """
        if not self._counts:
            raise BaselineError(
                f"no baseline: {self.lines} lines were read and none of them had anything to learn; "
                "name files with known-good log lines"
            )
        chosen = sorted(self._counts, key=lambda text: -self._counts[text])[:MAX_PATTERNS]
        old = self._old_patterns()
        chosen.sort(key=lambda text: text not in old)  # the old ones first
        counts = np.array([self._counts[text] for text in chosen], dtype=np.int64)
        vectors = embed(chosen)
        groups = cluster(vectors, counts, clusters)
        calibration = self._calibrate(sum(text in old for text in chosen), vectors)
        return Baseline(
            manifest=Manifest(
                format=FORMAT,
                embedder=embedder.name,
                dimensions=int(vectors.shape[1]),
                normaliser=NORMALISER_VERSION,
                lines=self.lines,
                patterns=len(chosen),
                centroids=len(groups.centroids),
                threshold=calibration.threshold if threshold is None else threshold,
                threshold_mode="auto" if threshold is None else "fixed",
                held_out_lines=calibration.lines,
                held_out_new_texts=calibration.new_texts,
                built_at=built_at.isoformat(timespec="seconds"),
                sources=tuple(sources),
                logwatchd=__version__,
            ),
            centroids=groups.centroids,
            radii=groups.radii,
            weights=groups.weights,
            examples=tuple(tuple(chosen[i] for i in members) for members in groups.members),
            patterns=dict(zip(chosen, counts.tolist(), strict=True)),
        )

    def _old_patterns(self) -> set[str]:
        """Those that some log has before its held-out part."""
        return {
            pattern
            for log in self._logs.values()
            for pattern, line in log.first_seen.items()
            if line < log.lines - log.held_out
        }

    def _calibrate(self, old: int, vectors: Vectors) -> Calibration:
        """The first `old` vectors are those of old patterns, the others stand only in held-out parts."""
        distances = np.empty(len(vectors) - old, dtype=np.float32)
        if old:
            for start in range(old, len(vectors), _ROWS_AT_ONCE):
                rows = slice(start, start + _ROWS_AT_ONCE)
                nearest = (vectors[rows] @ vectors[:old].T).max(axis=1)
                distances[start - old : start - old + len(nearest)] = np.maximum(0.0, 1.0 - nearest)
        else:
            distances = distances[:0]
        return calibrate(distances, sum(log.held_out for log in self._logs.values()))
