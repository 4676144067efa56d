"""Baselines for the tests of scoring, learned by the real builder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from string import ascii_lowercase

from logwatchd.parsing.masks import Masks
from logwatchd.scoring.baseline import Baseline
from logwatchd.scoring.builder import BaselineBuilder
from logwatchd.scoring.embedder import Embedder
from logwatchd.scoring.embedders import embed_all
from logwatchd.scoring.local import LocalEmbedder

NORMAL = [
    "INFO user 17 logged in from 10.0.0.1",
    "INFO user 17 logged out",
    "INFO order 4711 accepted in 12ms",
    "WARNING cache miss for key 88, reading from disk",
    "INFO request served with status=200",
]
QUIET = ["INFO job picked", "INFO job done"] * 1000  # a log that says nothing new, ever
REWORDED = "INFO job handed to another worker"  # news there, and too little news for NOISY
FAULT = "ERROR sqlite3.OperationalError: database is locked"


def block_of(lines: Sequence[str]) -> bytes:
    return b"".join(line.encode() + b"\n" for line in lines)


def noisy_log() -> list[str]:
    """A log whose last part is full of texts that were never seen before."""
    random = Random(1)
    gossip = ["INFO " + " ".join("".join(random.choices(ascii_lowercase, k=7)) for _ in range(3)) for _ in range(60)]
    return ["INFO gossip heard"] * 700 + gossip * 3


def learn_logs(logs: Mapping[str, Sequence[str]]) -> Baseline:
    """A baseline of several logs by name."""
    embedder = LocalEmbedder()
    builder = BaselineBuilder()
    for name, lines in logs.items():
        builder.add(block_of(lines), log=name)
    built_at = datetime(2026, 1, 1, tzinfo=UTC)
    return builder.build(embedder.embed, embedder, clusters=None, threshold=None, sources=[], built_at=built_at)


def learn(
    lines: Sequence[str] = NORMAL * 100,
    embedder: Embedder | None = None,
    clusters: int | None = None,
    threshold: float | None = None,
    masks: Masks = (),
) -> Baseline:
    """A baseline of these lines."""
    embedder = embedder or LocalEmbedder()
    builder = BaselineBuilder(masks)
    builder.add(block_of(lines))
    return builder.build(
        lambda texts: embed_all(embedder, texts, 50),
        embedder,
        clusters=clusters,
        threshold=threshold,
        sources=["/var/log/test.log"],
        built_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
