"""`scripts/bench build`: what learning costs, in time and memory, beside judging the same lines."""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from _bench import corpus
from _bench.options import count, resampled, say, where_to
from _bench.runs import PROGRAM, timed

TARGET_TIMES = 3.0  # scan's time
TARGET_MIB = 300.0


@dataclass(frozen=True, slots=True)
class Learned:
    """Medians; of memory the most. texts: distinct ones, which are what is embedded."""

    lines: int
    texts: int
    build_s: float
    build_cpu_s: float
    build_mib: float
    scan_s: float
    scan_cpu_s: float
    scan_mib: float


def add_to(benchmarks: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = benchmarks.add_parser(
        "build",
        help="learning a baseline beside scan on the same lines",
        description="Times logwatchd baseline build and scan on the same lines, in turns, for each number of lines.",
    )
    parser.add_argument(
        "--lines", type=count, nargs="+", default=[1_000_000], metavar="N", help="how many (default: 1,000,000)"
    )
    resampled(parser, "mixed")
    where_to(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        BenchError: the corpus cannot be made, or a command failed.
    """
    figures = []
    print(f"{'lines':>12}{'texts':>9}{'build':>10}{'CPU':>9}{'peak':>10}{'scan':>10}{'CPU':>9}{'peak':>10}")
    for lines in given.lines:
        folder = Path(tempfile.mkdtemp(prefix="logwatchd-bench-", dir=given.folder))
        try:
            say(f"making {lines:,} lines", passing=True)
            corpus.make(lines, folder / "corpus.log", given.system)
            one = _learned(folder / "corpus.log", folder / "baseline", lines, given.rounds)
        finally:
            shutil.rmtree(folder)
        say("", passing=True)
        figures.append(one)
        print(
            f"{lines:>12,}{one.texts:>9,}{one.build_s:>8.1f} s{one.build_cpu_s:>7.1f} s{one.build_mib:>6.0f} MiB"
            f"{one.scan_s:>8.1f} s{one.scan_cpu_s:>7.1f} s{one.scan_mib:>6.0f} MiB",
            flush=True,
        )
    first = figures[0]
    print(f"build within {TARGET_TIMES:g} x scan: {_yes(first.build_s <= TARGET_TIMES * first.scan_s)}")
    print(f"build under {TARGET_MIB:g} MiB: {_yes(max(one.build_mib for one in figures) < TARGET_MIB)}")
    if given.json:
        given.json.write_text(json.dumps({"benchmark": "build", "build": [asdict(one) for one in figures]}, indent=2))
    return 0


def _learned(log: Path, baseline: Path, lines: int, rounds: int) -> Learned:
    builds, scans = [], []
    for turn in range(rounds):
        say(f"{lines:,} lines, round {turn + 1} of {rounds}", passing=True)
        builds.append(timed("baseline", "build", "--output", baseline, log))
        scans.append(timed("scan", "--baseline", baseline, log, ok=(0, 1)))
    shown = subprocess.run([PROGRAM, "baseline", "show", "--json", baseline], capture_output=True, check=True)
    return Learned(
        lines,
        json.loads(shown.stdout)["patterns"],
        statistics.median(one.seconds for one in builds),
        statistics.median(one.cpu_s for one in builds),
        max(one.peak_mib for one in builds),
        statistics.median(one.seconds for one in scans),
        statistics.median(one.cpu_s for one in scans),
        max(one.peak_mib for one in scans),
    )


def _yes(met: bool) -> str:
    return "yes" if met else "no"
