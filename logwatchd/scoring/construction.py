"""What known-good lines taught -> a baseline."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from logwatchd import __version__
from logwatchd.scoring import combinations, variables
from logwatchd.scoring.baseline import FORMAT, Baseline, Manifest
from logwatchd.scoring.calibration import calibrate, of_any_log
from logwatchd.scoring.clustering import cluster
from logwatchd.scoring.concern import concern_of
from logwatchd.scoring.embedder import Embedder
from logwatchd.scoring.held_out import held_out_of
from logwatchd.scoring.knowledge import Knowledge
from logwatchd.vectors import Embed

MAX_PATTERNS = 100_000  # distinct texts that are kept; the rarest beyond are left out


def construct(
    knowledge: Knowledge,
    embed: Embed,
    embedder: Embedder,
    *,
    clusters: int | None,
    threshold: float | None,
    built_at: datetime,
) -> Baseline:
    """Embed, cluster, learn variables, calibrate.

    Args:
        embed: vectors of all texts at once, float32 (N, D), in whatever batches it likes.
        clusters: how many centroids; None to follow the data. threshold: None to calibrate.
    """
    texts = sorted(knowledge.counts, key=lambda text: -knowledge.counts[text])[:MAX_PATTERNS]
    texts.sort(key=lambda text: text in knowledge.newcomers)  # the old ones first
    counts = np.array([knowledge.counts[text] for text in texts], dtype=np.int64)
    levels = [knowledge.levels[text] for text in texts]
    index = {log.name: number for number, log in enumerate(knowledge.logs)}
    news = [[index[log] for log in knowledge.newcomers[text]] for text in texts if text in knowledge.newcomers]
    vectors = embed(texts)
    held_out = held_out_of(texts, levels, vectors, news, knowledge.logs)
    groups = cluster(vectors, counts, clusters)
    concerns = np.full(len(groups.centroids), -np.inf, dtype=np.float32)
    alarms = np.zeros(len(groups.centroids), dtype=np.bool_)
    failed = np.zeros(len(groups.centroids), dtype=np.float32)
    for text, level, label in zip(texts, levels, groups.labels.tolist(), strict=True):
        concern = concern_of(level, text)
        concerns[label] = max(concerns[label], concern.level)
        alarms[label] |= concern.alarming
        failed[label] = max(failed[label], concern.failed)
    return Baseline(
        manifest=Manifest(
            format=FORMAT,
            embedder=embedder.name,
            dimensions=int(vectors.shape[1]),
            normaliser=knowledge.normaliser,
            lines=knowledge.lines,
            patterns=len(texts),
            centroids=len(groups.centroids),
            threshold=of_any_log(calibrate(held_out, counts[held_out.patterns])) if threshold is None else threshold,
            threshold_mode="auto" if threshold is None else "fixed",
            held_out_lines=held_out.lines,
            held_out_new_texts=held_out.texts,
            coverage=knowledge.coverage,
            built_at=built_at.isoformat(timespec="seconds"),
            sources=knowledge.sources,
            logwatchd=__version__,
            read_bytes=knowledge.read_bytes,
            of_bytes=knowledge.of_bytes,
            masks=knowledge.masks,
        ),
        centroids=groups.centroids,
        radii=groups.radii,
        weights=groups.weights,
        concerns=concerns,
        alarms=alarms,
        failed=failed,
        examples=tuple(tuple(texts[i] for i in members) for members in groups.members),
        patterns=dict(zip(texts, counts.tolist(), strict=True)),
        levels=bytes(levels),
        variables=variables.learn(texts),
        combinations=combinations.learn(texts),
        held_out=held_out,
    )
