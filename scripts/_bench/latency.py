"""`scripts/bench latency`: from the write of a line that nobody has seen before to its alert."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path

from _bench import corpus, texts
from _bench.delays import p99
from _bench.options import count, say, where_to
from _bench.runs import timed
from _bench.watching import Watching

TARGET_MEDIAN_MS, TARGET_P99_MS = 100.0, 500.0
BUSY_LINES_PER_S = 50_000
STORM_LINES_PER_S = 20_000  # more than can be judged
TARGET_STORM_MS = 1000.0
_LEARNED_LINES = 100_000
_GAPS_S = (0.1, 0.4)
_TICK_S = 0.02
_STORM_LINES = 12_000  # for each line that is waited for: more than come while it is
_SETTLE_S = 2.0


@dataclass(frozen=True, slots=True)
class Delay:
    """From before the write of a line until its alert was read. traffic: lines a second of another file, all of which
    the baseline knows, or each of which is new."""

    traffic: int
    new: bool
    lines: int
    median_ms: float
    p99_ms: float
    max_ms: float


def add_to(benchmarks: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = benchmarks.add_parser(
        "latency",
        help="from a new line to its alert, alone, beside 50,000 other lines a second, and beside a storm of new ones",
        description="Appends lines that the baseline does not know to a followed file, and waits for their alerts.",
    )
    parser.add_argument("--count", type=count, default=100, help="how many lines (default: 100)")
    where_to(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        BenchError: the corpus cannot be made, or the daemon ended or missed a line.
    """
    folder = Path(tempfile.mkdtemp(prefix="logwatchd-bench-", dir=given.folder))
    try:
        known, baseline = folder / "known", folder / "baseline"
        corpus.make(_LEARNED_LINES, known)
        timed("baseline", "build", "--output", baseline, known)
        known_lines = known.read_bytes().splitlines(keepends=True)
        new_lines = [
            f"{line.split(' ', 2)[2]}\n".encode() for line in islice(texts.novel(9), given.count * _STORM_LINES)
        ]
        delays = [
            _delay(folder / "alone", [], 0, baseline, given.count, new=False),
            _delay(folder / "busy", known_lines, BUSY_LINES_PER_S, baseline, given.count, new=False),
            _delay(folder / "storm", new_lines, STORM_LINES_PER_S, baseline, given.count, new=True),
        ]
    finally:
        shutil.rmtree(folder)
    say("", passing=True)
    for one in delays:
        kind = "new" if one.new else "other"
        print(
            f"{one.traffic:>7,} {kind} lines/s: median {one.median_ms:.0f} ms, p99 {one.p99_ms:.0f} ms, "
            f"worst {one.max_ms:.0f} ms of {one.lines}"
        )
    usual = [one for one in delays if not one.new]
    met = all(one.median_ms < TARGET_MEDIAN_MS and one.p99_ms < TARGET_P99_MS for one in usual)
    print(f"median under {TARGET_MEDIAN_MS:g} ms and p99 under {TARGET_P99_MS:g} ms: {'yes' if met else 'no'}")
    met = all(one.p99_ms < TARGET_STORM_MS for one in delays if one.new)
    print(f"beside a storm p99 under {TARGET_STORM_MS:g} ms: {'yes' if met else 'no'}")
    if given.json:
        given.json.write_text(json.dumps({"benchmark": "latency", "delay": [asdict(d) for d in delays]}, indent=2))
    return 0


def _delay(home: Path, traffic: Sequence[bytes], rate: int, baseline: Path, lines: int, *, new: bool) -> Delay:
    """traffic: lines of the other file, which come again when they are over. rate: of them a second."""
    home.mkdir()
    quiet, busy = home / "quiet.log", home / "busy.log"
    quiet.touch()
    busy.touch()
    rng = random.Random(7)
    delays_ms = []
    stop = threading.Event()
    with Watching(home, [str(quiet), str(busy)], baseline) as daemon:
        writer = threading.Thread(target=_write, args=(traffic, busy, rate, stop), daemon=True)
        writer.start()
        try:
            time.sleep(_SETTLE_S)
            with quiet.open("a", buffering=1) as log:
                for number, line in enumerate(islice(texts.novel(rate), lines)):
                    say(f"{rate:,} {'new' if new else 'other'} lines/s: {number} of {lines}", passing=True)
                    time.sleep(rng.uniform(*_GAPS_S))
                    began = time.perf_counter()
                    log.write(line + "\n")
                    told = daemon.event("ANOMALY", lambda entry, line=line: entry["line"] == line, 30.0)
                    delays_ms.append((told - began) * 1000)
        finally:
            stop.set()
            writer.join()
    return Delay(rate, new, lines, statistics.median(delays_ms), p99(delays_ms), max(delays_ms))


def _write(lines: Sequence[bytes], busy: Path, rate: int, stop: threading.Event) -> None:
    """Lines at that rate, in small portions."""
    if not rate:
        return
    portion = round(rate * _TICK_S)
    portions = cycle([b"".join(lines[at : at + portion]) for at in range(0, len(lines) - portion, portion)])
    due = time.perf_counter()
    with busy.open("ab", buffering=0) as log:
        while not stop.is_set():
            log.write(next(portions))
            due += _TICK_S
            time.sleep(max(0.0, due - time.perf_counter()))
