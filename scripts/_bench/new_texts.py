"""`scripts/bench new-texts`: what masking, embedding and scoring cost where every text is new.

Lines are timed by the processor time that they take, for the machine may be shared; texts by the clock on the wall, for
scoring uses two cores.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from _bench import texts
from _bench.options import count, say
from _bench.scan import COMPARE

if TYPE_CHECKING:
    from logwatchd.scoring.baseline import Baseline

TARGET_PER_S = 20_000.0
TARGET_TIMES = 2.0  # a bare matrix product
CENTROIDS, DIMENSIONS = 2000, 1536
_BLOCK_BYTES = 1 << 20

Ways = dict[str, Callable[[], object]]


@dataclass(frozen=True, slots=True)
class Stream:
    """Lines a second: normalised (masked, with a level), judged (embedded and scored as well), by the ten regexes."""

    name: str
    lines: int
    mib: float
    normalised: float
    judged: float
    ten_regexes: float | None


def add_to(benchmarks: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = benchmarks.add_parser(
        "new-texts",
        help="lines of which every one is new, beside ten regexes; embedding and scoring them, beside a matrix product",
        description="Normalises and judges streams in which every line is new, beside the ten regexes of "
        "../shared/speed/compare.py. Embeds and scores never-seen texts with the local embedder; scores vectors of "
        "1,536 dimensions against 2,000 centroids beside one numpy product of that size.",
    )
    parser.add_argument("--texts", type=count, default=10_000, help="how many (default: 10,000)")
    parser.add_argument("--rounds", type=count, default=5, help="how often (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there as well")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        BenchError: the corpus cannot be made.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as every command of logwatchd does
    from logwatchd.clock import utc_now
    from logwatchd.scoring.builder import BaselineBuilder
    from logwatchd.scoring.local import LocalEmbedder

    embedder, builder = LocalEmbedder(), BaselineBuilder()
    builder.add("".join(f"{line}\n" for line in islice(texts.novel(1), CENTROIDS)).encode())
    baseline = builder.build(
        embedder.embed, embedder, clusters=None, threshold=None, sources=["made up"], built_at=utc_now()
    )
    rates = _texts(baseline, given.texts, given.rounds)
    streams = [_stream(baseline, name, lines, given.rounds) for name, lines in texts.streams(given.texts).items()]
    _print_texts(rates)
    _print_streams(streams)
    if given.json:
        figures = {"benchmark": "new-texts", "texts_per_s": rates, "streams": [asdict(stream) for stream in streams]}
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def _texts(baseline: Baseline, how_many: int, rounds: int) -> dict[str, float]:
    """Texts a second, by what is done with them."""
    import numpy as np

    from logwatchd.scoring.detector import Detector
    from logwatchd.scoring.embedder import unit_rows
    from logwatchd.scoring.lexicon import Lexicon
    from logwatchd.scoring.local import LocalEmbedder

    embedder, detector, lexicon = LocalEmbedder(), Detector(baseline), Lexicon()
    lexicon.ids_of("".join(f"{line}\n" for line in islice(texts.novel(2), how_many)).encode())
    patterns, levels = lexicon.patterns, lexicon.levels
    rng = np.random.default_rng(7)
    centroids = unit_rows(rng.standard_normal((CENTROIDS, DIMENSIONS), dtype=np.float32))
    wide = Detector(replace(baseline, centroids=centroids[: len(baseline.centroids)]))
    vectors = unit_rows(rng.standard_normal((len(patterns), DIMENSIONS), dtype=np.float32))
    ways: Ways = {
        "embed": lambda: embedder.embed(patterns),
        "embed and score": lambda: detector.judge(patterns, levels, embedder.embed(patterns)),
        "score": lambda: wide.judge(patterns, levels, vectors),
        "matrix product": lambda: vectors @ wide.baseline.centroids.T,
    }
    return {name: len(patterns) / seconds for name, seconds in _medians(ways, rounds, time.perf_counter).items()}


def _stream(baseline: Baseline, name: str, lines: list[bytes], rounds: int) -> Stream:
    from logwatchd.parsing import normalise
    from logwatchd.parsing.masking import Masking
    from logwatchd.parsing.rules import RULES
    from logwatchd.scoring.detector import Detector
    from logwatchd.scoring.judge import Judge
    from logwatchd.scoring.local import LocalEmbedder

    say(name, passing=True)
    blocks, decoded = list(_blocks(lines)), [line.decode(errors="replace") for line in lines]
    detector, embedder = Detector(baseline), LocalEmbedder()

    def read(judged: bool) -> None:
        normalise._MASK = Masking(RULES)  # what it remembers of the round before is not new any more
        judge = Judge(detector)
        for block in blocks:
            if judge.full():
                judge = Judge(detector)
            new = judge.undecided(set(judge.ids_of(block).tolist()), frozenset())
            if judged:
                judge.settle(new, embedder.embed)

    ten = ten_regexes()
    ways: Ways = {"normalised": lambda: read(False), "judged": lambda: read(True)}
    if ten is not None:
        ways["ten regexes"] = lambda: ten(decoded)
    rates = {way: len(lines) / seconds for way, seconds in _medians(ways, rounds, time.process_time).items()}
    mib = sum(map(len, lines)) / (1 << 20)
    return Stream(name, len(lines), mib, rates["normalised"], rates["judged"], rates.get("ten regexes"))


def _blocks(lines: Iterable[bytes]) -> Iterable[bytes]:
    """The lines in blocks of about a megabyte, as they are read from a file."""
    block = bytearray()
    for line in lines:
        block += line + b"\n"
        if len(block) >= _BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


def ten_regexes() -> Callable[[list[str]], object] | None:
    """The reference design's masks in turn, if they lie beside the checkout."""
    spec = importlib.util.spec_from_file_location("compare", COMPARE) if COMPARE.exists() else None
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    ten: Callable[[list[str]], object] = module.ten_regexes
    return ten


def _medians(ways: Ways, rounds: int, clock: Callable[[], float]) -> dict[str, float]:
    """Seconds that each way takes by a clock; they take turns."""
    from logwatchd.ingest.memory import settle_memory

    settle_memory()  # as all that reads logs does before it begins
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            began = clock()
            way()
            took[name].append(max(1e-9, clock() - began))
    return {name: statistics.median(seconds) for name, seconds in took.items()}


def _print_texts(rates: dict[str, float]) -> None:
    say("", passing=True)
    for name, rate in rates.items():
        print(f"{name:18}{rate:>12,.0f} texts/s")
    kernels = os.environ.get("OPENBLAS_CORETYPE")
    if kernels:
        print(
            f"all products by OpenBLAS's kernels for {kernels}, as OPENBLAS_CORETYPE says, whatever the processor has"
        )
    both, times = rates["embed and score"], rates["matrix product"] / rates["score"]
    print(f"embedded and scored at {TARGET_PER_S:,.0f}/s: {'yes' if both >= TARGET_PER_S else 'no'}")
    print(
        f"score takes {times:.2f} x a bare product; within {TARGET_TIMES:g}: {'yes' if times <= TARGET_TIMES else 'no'}"
    )


def _print_streams(streams: list[Stream]) -> None:
    print(f"\n{'every line is new':32}{'normalised':>14}{'ten regexes':>22}{'judged':>12}   lines/s; MiB/s normalised")
    for stream in streams:
        ten = stream.ten_regexes
        cell = f"{ten:,.0f} {stream.normalised / ten:.2f}x" if ten else "-"
        speed = stream.normalised * stream.mib / stream.lines
        print(f"{stream.name:32}{stream.normalised:>14,.0f}{cell:>22}{stream.judged:>12,.0f}{speed:>12,.1f}")
