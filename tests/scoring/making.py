"""Baselines for the tests of scoring, learned by the real builder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from string import ascii_lowercase

import numpy as np

from logwatchd import clock
from logwatchd.flow import BlockQueue
from logwatchd.parsing.keys import key_of, show_kept
from logwatchd.parsing.level import level_of
from logwatchd.parsing.masks import Masks
from logwatchd.parsing.normalise import decode, pattern_of_key
from logwatchd.records import Anomaly, Block, FileId, Level, SourceSpec
from logwatchd.scoring.baseline import Baseline
from logwatchd.scoring.builder import BaselineBuilder
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.embedder import Embedder
from logwatchd.scoring.embedders import embed_all
from logwatchd.scoring.local import LocalEmbedder
from logwatchd.scoring.outage import Outage
from logwatchd.scoring.stage import ScoreStage

NORMAL = [
    "INFO user 17 logged in from 10.0.0.1",
    "INFO user 17 logged out",
    "INFO order 4711 accepted in 12ms",
    "WARNING cache miss for key 88, reading from disk",
    "INFO request served with status=200",
]
QUIET = ["INFO job picked", "INFO job done"] * 1000  # a log that says nothing new, ever
REWORDED = "INFO job handed to another worker"  # news there, and too little news for NOISY
SPEC = SourceSpec(("/var/log/*.log",))
FAULT = "ERROR sqlite3.OperationalError: database is locked"


def block_of(lines: Sequence[str]) -> bytes:
    return b"".join(line.encode() + b"\n" for line in lines)


def noise(lines: int, seed: int) -> list[str]:
    """Lines of which each has a text of its own."""
    rng = Random(seed)
    return ["ERROR " + " ".join("".join(rng.choices(ascii_lowercase, k=8)) for _ in range(5)) for _ in range(lines)]


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


def rewrite_manifest(file: Path, **changes: object) -> None:
    """Have a baseline's file say something else of itself."""
    with np.load(file) as archive:
        parts = {name: archive[name] for name in archive.files}
    manifest = json.loads(parts["manifest"].tobytes()) | changes
    parts["manifest"] = np.frombuffer(json.dumps(manifest).encode(), np.uint8)
    with file.open("wb") as out:
        np.savez(out, **parts)


def damaged_header(baseline: bytes) -> bytes:
    """One byte of the file, in a member that is long enough for its header to be read before its sum is."""
    at = baseline.index(b"(", baseline.index(b"'shape': ", baseline.index(b"centroids.npy")))
    return baseline[:at] + b"\0" + baseline[at + 1 :]


def definition_of(line: bytes) -> tuple[str, Level]:
    """The pattern and the level of a line by their definitions alone: no block, no cache, no other line."""
    key = key_of(line)
    return pattern_of_key(key), level_of(decode(show_kept(key)))


class StageBench:
    """A score stage with its neighbours: turns are taken by hand, `answer` plays the embedding service.

    trouble: what storing an anomaly meets, such as a full disk, once `trouble_after` are stored. outage: with lines
    kept on the disk, see `Outage`.
    """

    def __init__(self, baseline: Baseline | None = None, outage: Outage | None = None) -> None:
        self.asked: dict[str, None] = {}
        self.anomalies: list[Anomaly] = []
        self.done: list[Block] = []
        self.trouble: Exception | None = None
        self.trouble_after = 0
        self.queue = BlockQueue()
        detector = Detector(baseline or learn())
        self.stage = ScoreStage(self.queue, detector, self._submit, self._store, self._commit, outage)

    def _submit(self, texts: Sequence[str]) -> None:
        self.asked.update(dict.fromkeys(texts))

    def _store(self, anomalies: Sequence[Anomaly], now: float) -> None:
        if self.trouble and len(self.anomalies) >= self.trouble_after:
            raise self.trouble
        self.anomalies.extend(anomalies)

    def _commit(self, block: Block) -> None:
        self.done.append(block)
        self.queue.done(block)

    def put(self, lines: Sequence[str], inode: int = 1, offset: int = 0) -> Block:
        data = block_of(lines)
        block = Block(SPEC, f"/var/log/{inode}.log", FileId(1, inode, 0), offset, data, offset + len(data))
        self.queue.put(block)
        return block

    def turn(self) -> float:
        return self.stage.run_once(clock.monotonic())

    def answer(self, at_once: int = 1 << 20) -> None:
        """at_once: texts in an answer."""
        embedder = LocalEmbedder()
        texts, self.asked = list(self.asked), {}
        for start in range(0, len(texts), at_once):
            some = texts[start : start + at_once]
            self.stage.give(some, embedder.embed(some), embedder.name)
