"""Known-good texts, their vectors and what the held-out part showed -> a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from logwatchd import __version__
from logwatchd.parsing.masks import Masks
from logwatchd.parsing.normalise import NORMALISER_VERSION
from logwatchd.records import Level
from logwatchd.scoring.baseline import FORMAT, Baseline, Manifest
from logwatchd.scoring.calibration import HeldOut, calibrate
from logwatchd.scoring.clustering import cluster
from logwatchd.scoring.concern import concern_of
from logwatchd.scoring.variables import learn
from logwatchd.vectors import Vectors


def construct(
    texts: Sequence[str],
    counts: NDArray[np.int64],
    levels: Sequence[Level],
    vectors: Vectors,
    held_out: HeldOut,
    *,
    embedder: str,
    lines: int,
    sources: Iterable[str],
    built_at: datetime,
    clusters: int | None,
    threshold: float | None,
    masks: Masks = (),
    read_bytes: int = 0,
    of_bytes: int = 0,
) -> Baseline:
    """Cluster, learn variables, calibrate.

    Args:
        texts: distinct, at least one. counts: (N,), lines each. levels: the most serious of each. vectors: (N, D).
        embedder: its name. clusters: how many centroids; None to follow the data. threshold: None to calibrate.
        masks: the user's, which the texts were made with.
    """
    groups = cluster(vectors, counts, clusters)
    concerns = np.full(len(groups.centroids), -np.inf, dtype=np.float32)
    alarms = np.zeros(len(groups.centroids), dtype=np.bool_)
    for text, level, label in zip(texts, levels, groups.labels.tolist(), strict=True):
        concern = concern_of(level, text)
        concerns[label] = max(concerns[label], concern.level)
        alarms[label] |= concern.alarming
    return Baseline(
        manifest=Manifest(
            format=FORMAT,
            embedder=embedder,
            dimensions=int(vectors.shape[1]),
            normaliser=NORMALISER_VERSION,
            lines=lines,
            patterns=len(texts),
            centroids=len(groups.centroids),
            threshold=calibrate(held_out, counts[held_out.patterns]) if threshold is None else threshold,
            threshold_mode="auto" if threshold is None else "fixed",
            held_out_lines=held_out.lines,
            held_out_new_texts=len(held_out.patterns),
            coverage=held_out.coverage,
            built_at=built_at.isoformat(timespec="seconds"),
            sources=tuple(sources),
            logwatchd=__version__,
            read_bytes=read_bytes,
            of_bytes=of_bytes,
            masks=masks,
        ),
        centroids=groups.centroids,
        radii=groups.radii,
        weights=groups.weights,
        concerns=concerns,
        alarms=alarms,
        examples=tuple(tuple(texts[i] for i in members) for members in groups.members),
        patterns=dict(zip(texts, counts.tolist(), strict=True)),
        levels=bytes(levels),
        variables=learn(texts),
        held_out=held_out,
    )
