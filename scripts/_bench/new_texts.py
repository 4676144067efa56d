"""`scripts/bench new-texts`: what masking, embedding and scoring cost where every text is new."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

from _bench import texts
from _bench.options import count

TARGET_PER_S = 20_000.0
TARGET_TIMES = 2.0  # a bare matrix product
CENTROIDS, DIMENSIONS = 2000, 1536


def add_to(benchmarks: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = benchmarks.add_parser(
        "new-texts",
        help="embedding and scoring texts that were never seen, beside one matrix product",
        description="Masks, embeds and scores never-seen texts with the local embedder; scores vectors of 1,536 "
        "dimensions against 2,000 centroids beside one numpy product of that size.",
    )
    parser.add_argument("--texts", type=count, default=10_000, help="how many (default: 10,000)")
    parser.add_argument("--rounds", type=count, default=5, help="how often (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there as well")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Measure and print."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as every command of logwatchd does
    import numpy as np

    from logwatchd.clock import utc_now
    from logwatchd.records import Level
    from logwatchd.scoring.builder import BaselineBuilder
    from logwatchd.scoring.detector import Detector
    from logwatchd.scoring.embedder import unit_rows
    from logwatchd.scoring.lexicon import Lexicon
    from logwatchd.scoring.local import LocalEmbedder

    embedder, builder = LocalEmbedder(), BaselineBuilder()
    builder.add("".join(f"{line}\n" for line in islice(texts.novel(1), CENTROIDS)).encode())
    baseline = builder.build(
        embedder.embed, embedder, clusters=None, threshold=None, sources=["made up"], built_at=utc_now()
    )
    detector = Detector(baseline)
    data = "".join(f"{line}\n" for line in islice(texts.novel(2), given.texts)).encode()
    lexicon = Lexicon()
    lexicon.ids_of(data)
    patterns, levels = lexicon.patterns, [Level.ERROR] * len(lexicon.patterns)
    rng = np.random.default_rng(7)
    centroids = unit_rows(rng.standard_normal((CENTROIDS, DIMENSIONS), dtype=np.float32))
    wide = Detector(replace(baseline, centroids=centroids[: len(baseline.centroids)]))
    vectors = unit_rows(rng.standard_normal((len(patterns), DIMENSIONS), dtype=np.float32))
    ways: dict[str, Callable[[], object]] = {
        "mask": lambda: Lexicon().ids_of(data),
        "embed": lambda: embedder.embed(patterns),
        "embed and score": lambda: detector.judge(patterns, levels, embedder.embed(patterns)),
        "score": lambda: wide.judge(patterns, levels, vectors),
        "matrix product": lambda: vectors @ wide.baseline.centroids.T,
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            took[name].append(time.perf_counter() - began)
    rates = {name: len(patterns) / statistics.median(seconds) for name, seconds in took.items()}
    for name, rate in rates.items():
        print(f"{name:18}{rate:>12,.0f} texts/s")
    both, times = rates["embed and score"], rates["matrix product"] / rates["score"]
    print(f"embedded and scored at {TARGET_PER_S:,.0f}/s: {'yes' if both >= TARGET_PER_S else 'no'}")
    print(
        f"score takes {times:.2f} x a bare product; within {TARGET_TIMES:g}: {'yes' if times <= TARGET_TIMES else 'no'}"
    )
    if given.json:
        given.json.write_text(json.dumps({"benchmark": "new-texts", "texts_per_s": rates}, indent=2) + "\n")
    return 0
