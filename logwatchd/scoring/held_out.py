"""The last part of the baseline's logs, judged by the first: what a new normal text looks like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from logwatchd.records import Level
from logwatchd.scoring import combinations, variables
from logwatchd.scoring.calibration import HeldOut, LearnedLog
from logwatchd.scoring.concern import concern_of, evidence_of, least_novelty, refusals_of
from logwatchd.vectors import Vectors

_ROWS_AT_ONCE = 256


def held_out_of(
    texts: Sequence[str],
    levels: Sequence[Level],
    vectors: Vectors,
    news: Sequence[Sequence[int]],
    logs: tuple[LearnedLog, ...],
) -> HeldOut:
    """Score the new texts against the old ones as the detector would.

    Args:
        texts, levels, vectors: of all texts, the old ones first; float32 (N, D).
        news: of each new text the logs in whose held-out parts it stands, indices into `logs`; no more of them than
            there are texts.

    Returns:
        No new texts where there are no old ones to compare them with.
    """
    old = len(texts) - len(news)
    index = np.arange(old, len(texts)) if old else np.arange(0)
    novelties, evidence = np.empty(len(index), dtype=np.float32), np.empty(len(index), dtype=np.float32)
    concerns = [concern_of(level, text) for level, text in zip(levels, texts, strict=True)]
    known, refusals = frozenset(texts[:old]), refusals_of(texts[:old])
    places = variables.learn(texts[:old]), combinations.learn(texts[:old])
    kept = combinations.shares_of(texts[old:], *places).tolist()
    for start in range(0, len(index), _ROWS_AT_ONCE):
        rows = index[start : start + _ROWS_AT_ONCE]
        similarities = vectors[rows] @ vectors[:old].T
        nearest = similarities.argmax(axis=1)
        far = np.maximum(0.0, 1.0 - similarities.max(axis=1))
        for at, (row, near) in enumerate(zip(rows.tolist(), nearest.tolist(), strict=True)):
            novelty = far[at] * kept[start + at] if concerns[row].total <= concerns[near].total else far[at]
            novelties[start + at] = max(novelty, least_novelty(concerns[row], texts[row], known, refusals))
            evidence[start + at] = evidence_of(concerns[row], concerns[near])
    times = [len(found) for found in news[: len(index)]]
    return HeldOut(
        logs=logs,
        patterns=np.repeat(index.astype(np.int32), times),
        log=np.array([log for found in news[: len(index)] for log in found], dtype=np.int32),
        novelties=np.repeat(novelties, times),
        evidence=np.repeat(evidence, times),
    )
