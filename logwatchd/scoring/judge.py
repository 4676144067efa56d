"""Lines -> verdicts through the pattern cache; every line with the same pattern shares its verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence, Set
from itertools import filterfalse

import numpy as np
from numpy.typing import NDArray

from logwatchd.records import Level, Verdict, unjudged
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.difference import differs
from logwatchd.scoring.ids import Ids, PatternId
from logwatchd.scoring.lexicon import Lexicon
from logwatchd.vectors import Embed, Vectors

MAX_VECTOR_BYTES = 32 << 20
_VERDICT_BYTES = 400  # with its nearest, its numbers and its entry


class Judge:
    """One detector's verdicts on every pattern met. Owned by one thread."""

    def __init__(self, detector: Detector, cache_bytes: int | None = None, *, keep_vectors: bool = True) -> None:
        """cache_bytes: see `Lexicon`. keep_vectors: whether `vector` is going to be asked."""
        self.detector = detector
        self._lexicon = Lexicon(detector.baseline.manifest.masks, cache_bytes)
        self._verdicts: dict[PatternId, Verdict] = {}
        self._suspects: set[PatternId] = set()  # anomalies in one log at least
        self._keep_vectors = keep_vectors
        self._vectors: dict[PatternId, NDArray[np.float16]] = {}  # of these
        self._vector_bytes = 0
        self._by: dict[PatternId, Detector] = {}  # who judged, where it was another detector

    def full(self) -> bool:
        """Whether the cache has reached its bound: make a new Judge before the next block."""
        return self._lexicon.full(_VERDICT_BYTES * len(self._verdicts)) or self._vector_bytes > MAX_VECTOR_BYTES

    def ids_of(self, data: bytes) -> Ids:
        """int64 (lines,): the pattern of each line of `data`."""
        return self._lexicon.ids_of(data)

    def ids_of_each(self, data: bytes) -> Ids:
        """The same line by line; see `Lexicon.ids_of_each`."""
        return self._lexicon.ids_of_each(data)

    def pattern(self, pattern_id: PatternId) -> str:
        return self._lexicon.patterns[pattern_id]

    def undecided(self, pattern_ids: Iterable[PatternId], skip_levels: frozenset[Level]) -> list[PatternId]:
        """Those that need a vector first, each once, in order; patterns of skipped levels never do."""
        wanted: dict[PatternId, None] = {}
        for pattern_id in filterfalse(self._verdicts.__contains__, pattern_ids):
            pattern, level = self._lexicon.patterns[pattern_id], self._lexicon.levels[pattern_id]
            known = self.detector.known(pattern, level)
            if known is not None:
                self._verdicts[pattern_id] = known
            elif level not in skip_levels:
                wanted[pattern_id] = None
        return list(wanted)

    def decide(self, pattern_ids: Sequence[PatternId], vectors: Vectors, by: Detector | None = None) -> None:
        """Judge patterns by their vectors, float32 (len(pattern_ids), D), whatever was said of them before.

        by: another detector in place of its own.
        """
        detector = by or self.detector
        patterns = [self._lexicon.patterns[i] for i in pattern_ids]
        levels = [self._lexicon.levels[i] for i in pattern_ids]
        lowest = detector.thresholds.lowest
        for pattern_id, verdict, vector in zip(
            pattern_ids, detector.judge(patterns, levels, vectors), vectors, strict=True
        ):
            self._forget(pattern_id)
            self._verdicts[pattern_id] = verdict
            if by:
                self._by[pattern_id] = by
            if verdict.score > lowest:
                self._suspects.add(pattern_id)
            if verdict.score > lowest and self._keep_vectors:
                # Half of the bytes, which hardly moves a cosine; and no view of a batch that then stays.
                self._vectors[pattern_id] = vector.astype(np.float16)
                self._vector_bytes += self._vectors[pattern_id].nbytes

    def settle(self, pattern_ids: Sequence[PatternId], embed: Embed, by: Detector | None = None) -> None:
        """`decide` by the vectors that an embedder gives at once; it is not called for none."""
        if pattern_ids:
            self.decide(pattern_ids, embed([self.pattern(i) for i in pattern_ids]), by)

    def take_as_new(self, pattern_id: PatternId) -> None:
        """Have a pattern that cannot be judged be as far as can be from all that is known."""
        pattern, level = self._lexicon.patterns[pattern_id], self._lexicon.levels[pattern_id]
        threshold = self.detector.thresholds.common
        self._forget(pattern_id)
        self._verdicts[pattern_id] = Verdict(pattern, level, 1.0, threshold, anomaly=True, nearest=None, novelty=1.0)
        self._suspects.add(pattern_id)
        if self._keep_vectors:
            self._vectors[pattern_id] = np.zeros(self.detector.baseline.centroids.shape[1], dtype=np.float16)
            self._vector_bytes += self._vectors[pattern_id].nbytes

    @property
    def by_another(self) -> Set[PatternId]:
        """The patterns that another detector judged."""
        return self._by.keys()

    def anomalous(
        self, pattern_ids: Iterable[PatternId], skip_levels: frozenset[Level], log: str | None
    ) -> set[PatternId]:
        """Which of these decided patterns are anomalies in a log of which these levels are skipped."""
        found = self._suspects.intersection(pattern_ids) if self._suspects else ()
        return {i for i in found if self._lexicon.levels[i] not in skip_levels and self.verdict(i, log).anomaly}

    def verdict(self, pattern_id: PatternId, log: str | None) -> Verdict:
        """The verdict on a decided pattern in a log, see `Thresholds.of`, or one that says it was skipped."""
        verdict = self._verdicts.get(pattern_id)
        if verdict is None:
            verdict = unjudged(self._lexicon.patterns[pattern_id], self._lexicon.levels[pattern_id])
        return self._by.get(pattern_id, self.detector).in_log(verdict, log)

    def differs(self, pattern_id: PatternId) -> tuple[str, ...]:
        """The words that made a decided pattern far; see `difference.differs`."""
        return differs(self._verdicts[pattern_id], self._by.get(pattern_id, self.detector).baseline)

    def vector(self, pattern_id: PatternId) -> Vectors:
        """The embedding of an anomalous pattern, float32 (D,)."""
        found: Vectors = self._vectors[pattern_id].astype(np.float32)
        found /= math.sqrt(found @ found) or 1.0
        return found

    def _forget(self, pattern_id: PatternId) -> None:
        """What another detector said of it."""
        self._by.pop(pattern_id, None)
        self._suspects.discard(pattern_id)
        if pattern_id in self._vectors:
            self._vector_bytes -= self._vectors.pop(pattern_id).nbytes
