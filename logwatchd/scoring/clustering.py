"""Distinct weighted vectors -> centroids: as many as the data has, up to a bound."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logwatchd.scoring.embedder import unit_rows
from logwatchd.vectors import Vectors

AUTO_MAX = 2000  # beyond it a further centroid costs more time and memory than it adds
EXAMPLES = 3
_BATCHES_ABOVE = 20_000  # texts; full k-means takes minutes beyond
_ROWS_AT_ONCE = 1024
_PROJECTED = 128  # dimensions


@dataclass(frozen=True, slots=True)
class Clusters:
    """centroids: float32 (K, D), rows unit length, or zero where all members are. radii: float32 (K,), cosine distance
    of the farthest member; a zero vector, of a text of which the embedder knows no word, says nothing of it.

    weights: int64 (K,), lines. labels: (N,), the centroid of each text. members: for each centroid the indices of its
    EXAMPLES nearest members, nearest first.
    """

    centroids: Vectors
    radii: NDArray[np.float32]
    weights: NDArray[np.int64]
    labels: NDArray[np.int64]
    members: list[list[int]]


def cluster(vectors: Vectors, counts: NDArray[np.int64], wanted: int | None) -> Clusters:
    """Group distinct texts.

    Args:
        vectors: float32 (N, D), rows unit length, N >= 1.
        counts: int64 (N,), how many lines each text stands for.
        wanted: how many centroids; None for one a text up to AUTO_MAX (rare normal texts are lost in fewer).
    """
    limit = min(len(vectors), wanted or AUTO_MAX)
    labels = np.arange(len(vectors)) if limit == len(vectors) else _kmeans(vectors, counts, limit)
    return _describe(vectors, counts, labels)


def _kmeans(vectors: Vectors, counts: NDArray[np.int64], wanted: int) -> NDArray[np.int64]:
    """Labels (N,) by k-means on the unit sphere. Weights are damped: a text seen a million times is still one text.

    Who belongs together is found in fewer dimensions, which keep distances well enough (Johnson and Lindenstrauss,
    1984) at a tenth of the cost; centroids and radii are computed in all of them.
    """
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    weights = 1.0 + np.log(counts)
    if vectors.shape[1] > _PROJECTED:
        directions = np.random.default_rng(42).standard_normal((vectors.shape[1], _PROJECTED), dtype=np.float32)
        vectors = unit_rows(vectors @ directions)
    if len(vectors) > _BATCHES_ABOVE:
        model = MiniBatchKMeans(wanted, random_state=42, n_init=1, batch_size=4096, max_iter=20)
    else:
        # k-means++ takes seven times as long as all that follows, for less where nearly every text is a centroid.
        start = vectors[_farthest_first(vectors, wanted)] if wanted > len(vectors) / 2 else "k-means++"
        model = KMeans(wanted, init=start, random_state=42, n_init=1, max_iter=20)
    with warnings.catch_warnings():
        # Texts of the same words in another order have one vector: there may be fewer of these than centroids wanted.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(model.fit_predict(vectors, sample_weight=weights), dtype=np.int64)


def _farthest_first(vectors: Vectors, wanted: int) -> list[int]:
    """Texts for centroids to start from, (wanted,), each the farthest from those before it.

    T. Gonzalez, Clustering to Minimize the Maximum Intercluster Distance, 1985. What is left out lies nearest to what
    is chosen: no radius has to be large.
    """
    chosen = [0]
    apart = np.full(len(vectors), np.inf, dtype=np.float32)
    while len(chosen) < wanted:
        np.minimum(apart, 1.0 - vectors @ vectors[chosen[-1]], out=apart)
        apart[chosen[-1]] = -np.inf  # copies of it are a little apart by rounding, or not at all
        chosen.append(int(apart.argmax()))
    return chosen


def _describe(vectors: Vectors, counts: NDArray[np.int64], labels: NDArray[np.int64]) -> Clusters:
    used, labels = np.unique(labels, return_inverse=True)
    sums = np.zeros((len(used), vectors.shape[1]), dtype=np.float64)
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        np.add.at(sums, labels[rows], vectors[rows] * (1.0 + np.log(counts[rows]))[:, None])
    centroids = unit_rows(sums.astype(np.float32))
    distances = np.empty(len(vectors), dtype=np.float32)
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        distances[rows] = 1.0 - np.einsum("ij,ij->i", vectors[rows], centroids[labels[rows]])
    distances = np.maximum(distances, 0.0)
    radii = np.zeros(len(used), dtype=np.float32)
    np.maximum.at(radii, labels, np.where(vectors.any(axis=1), distances, 0.0))
    weights = np.bincount(labels, weights=counts, minlength=len(used)).astype(np.int64)
    members: list[list[int]] = [[] for _ in used]
    for index in np.argsort(distances, kind="stable"):
        nearest = members[labels[index]]
        if len(nearest) < EXAMPLES:
            nearest.append(int(index))
    return Clusters(centroids, radii, weights, labels, members)
