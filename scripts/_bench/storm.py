"""`scripts/bench storm`: logs of which every line is an anomaly, through the daemon and `scan`, beside ten regexes.

In one every line says something new, in the other one error comes again and again with other numbers. A run's time
begins when the daemon is ready and ends when it alerts of the last line, which is of another day and all else.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from _bench import corpus, process, texts
from _bench.new_texts import ten_regexes
from _bench.options import count, say, where_to
from _bench.runs import timed
from _bench.watching import Watching

_LEARNED_LINES = 20_000
_LAST = "2031-01-01 00:00:00 FATAL the last of them has come, and all is over"


@dataclass(frozen=True, slots=True)
class Storm:
    """Lines a second, of the daemon, of `scan` and of ten regexes, and the daemon's peak memory."""

    name: str
    lines: int
    daemon: float
    scan: float
    ten_regexes: float | None
    peak_mib: float


def add_to(benchmarks: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = benchmarks.add_parser(
        "storm",
        help="logs of which every line is an anomaly, through the whole daemon and scan",
        description="Reads a log in which every line says something new with logwatchd run and with logwatchd scan, "
        "and one in which an error comes again and again, beside the ten regexes of ../shared/speed/compare.py.",
    )
    parser.add_argument("--lines", type=count, default=60_000, help="how many (default: 60,000)")
    parser.add_argument("--rounds", type=count, default=3, help="how often (default: 3)")
    where_to(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        BenchError: the corpus cannot be made, or the daemon ended or missed the last line.
    """
    folder = Path(tempfile.mkdtemp(prefix="logwatchd-bench-", dir=given.folder))
    try:
        known, baseline = folder / "known", folder / "baseline"
        corpus.make(_LEARNED_LINES, known)
        timed("baseline", "build", "--output", baseline, known)
        storms = [
            _storm(folder, baseline, "every line is new", _new(given.lines), given.rounds),
            _storm(folder, baseline, "one error again and again", _again(given.lines), given.rounds),
        ]
    finally:
        shutil.rmtree(folder)
    say("", passing=True)
    for one in storms:
        beside = f"ten regexes {one.ten_regexes:,.0f}" if one.ten_regexes else "no ten regexes here"
        print(
            f"{one.name:28}{one.daemon:>9,.0f} lines/s, {one.peak_mib:.0f} MiB at most; scan {one.scan:,.0f}; {beside}"
        )
    if given.json:
        figures = {"benchmark": "storm", "storms": [asdict(one) for one in storms]}
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def _new(lines: int) -> list[str]:
    return [f"2026-11-27 12:00:00 {line.split(' ', 2)[2]}" for line in islice(texts.novel(5), lines)]


def _again(lines: int) -> list[str]:
    rng = random.Random(6)
    return [
        f"2026-11-27 12:00:{number * 60 // lines:02d} ERROR worker {rng.randrange(64)} cannot reach shard "
        f"{rng.randrange(1000)}: connection refused after {rng.randrange(9999)} ms"
        for number in range(lines)
    ]


def _storm(folder: Path, baseline: Path, name: str, lines: list[str], rounds: int) -> Storm:
    log = folder / "storm.log"
    log.write_text("".join(f"{line}\n" for line in (*lines, _LAST)))
    ten = ten_regexes()
    daemon_s, scan_s, ten_s, peaks_mib = [], [], [], []
    for turn in range(rounds):
        say(f"{name}, round {turn + 1} of {rounds}", passing=True)
        home = folder / "run"
        home.mkdir()
        with Watching(home, [str(log)], baseline, start_at="beginning") as daemon:
            began = time.perf_counter()
            daemon_s.append(daemon.event("ANOMALY", lambda entry: entry["line"] == _LAST) - began)
            peaks_mib.append(process.memory_mib(daemon.pid, peak=True))
        shutil.rmtree(home)
        scan_s.append(timed("scan", "--baseline", baseline, log, ok=(1,)).seconds)
        if ten:
            began = time.perf_counter()
            ten(lines)
            ten_s.append(time.perf_counter() - began)
    of_ten = len(lines) / statistics.median(ten_s) if ten_s else None
    of_daemon, of_scan = len(lines) / statistics.median(daemon_s), len(lines) / statistics.median(scan_s)
    return Storm(name, len(lines), of_daemon, of_scan, of_ten, max(peaks_mib))
