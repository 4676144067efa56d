"""`scripts/bench scan`: how many lines a second are judged, beside other ways to read them.

A baseline is learned from the first half of a corpus, and the unseen second half is timed, from the start of the
program to its end. The other ways are those of ../shared/speed/compare.py, where it lies beside the checkout.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from _bench import BenchError, corpus
from _bench.options import count, say, where_to
from _bench.runs import PROGRAM, split, timed

COMPARE = corpus.GENERATOR.with_name("compare.py")
SYSTEMS = (
    *("mixed", "Apache", "BGL", "HDFS", "Hadoop", "Linux"),
    *("OpenSSH", "OpenStack", "Spark", "Thunderbird", "Zookeeper"),
)
TARGETS = {"ten regexes": 12.0}  # times as fast, on each system
MIXED_TARGETS = {"ten regexes": 20.0, "drain3": 25.0}
_ROW = re.compile(r"^(.+?) +([\d,]+) +([\d.]+)$")


@dataclass(frozen=True, slots=True)
class Judged:
    """lines_per_s: of scan. peers: lines a second of the others, in the same run."""

    system: str
    lines_per_s: float
    peers: dict[str, float]


def add_to(benchmarks: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = benchmarks.add_parser(
        "scan",
        help="judging a million unseen lines, beside ten regexes, Drain3 and grep",
        description="Learns the first half of a corpus, judges the second with logwatchd scan, in turns with others.",
    )
    parser.add_argument("--lines", type=count, default=1_000_000, help="how many to judge (default: 1,000,000)")
    parser.add_argument("--rounds", type=count, default=5, help="how often (default: 5)")
    parser.add_argument(
        "--peers", type=Path, default=sys.executable, metavar="PYTHON", help="runs the others; with drain3 to have that"
    )
    parser.add_argument("--systems", nargs="+", default=SYSTEMS, metavar="SYSTEM", help="whose logs (default: all)")
    where_to(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        BenchError: the corpus cannot be made, or a program failed.
    """
    if not COMPARE.exists():
        say(f"{COMPARE} is not there: scan alone is timed, on made-up lines")
    systems = given.systems if corpus.GENERATOR.exists() else ["mixed"]
    figures = []
    print(f"{'':14}{'scan':>12}{'ten regexes':>24}{'drain3':>24}{'grep -c':>24}   lines/s; how many times that scan is")
    for system in systems:
        folder = Path(tempfile.mkdtemp(prefix="logwatchd-bench-", dir=given.folder))
        try:
            one = _judged(system, given.lines, given.rounds, folder, given.peers)
        finally:
            shutil.rmtree(folder)
        figures.append(one)
        _print(one)
    print(f"median system: {statistics.median(one.lines_per_s for one in figures):,.0f} lines/s")
    if given.json:
        given.json.write_text(json.dumps({"benchmark": "scan", "scan": [asdict(one) for one in figures]}, indent=2))
    return 0


def _judged(system: str, lines: int, rounds: int, folder: Path, peers: Path) -> Judged:
    whole, first, second, baseline = (folder / name for name in ("whole", "first", "second", "baseline"))
    say(f"{system}: making {2 * lines:,} lines", passing=True)
    corpus.make(2 * lines, whole, system)
    split(whole, first, second)
    whole.unlink()
    say(f"{system}: learning", passing=True)
    timed("baseline", "build", "--output", baseline, first)
    say(f"{system}: judging", passing=True)
    if not COMPARE.exists():
        took = [timed("scan", "--baseline", baseline, second, ok=(0, 1)).seconds for _ in range(rounds)]
        return Judged(system, lines / statistics.median(took), {})
    scan = shlex.join([PROGRAM, "scan", "--baseline", str(baseline), str(second)])
    command = [str(peers), str(COMPARE), str(second), "--rounds", str(rounds), "--"]
    command += ["sh", "-c", f"{scan} 2>&1; [ $? -le 1 ]"]  # 1: anomalies were found
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    rates = {row[1]: float(row[2].replace(",", "")) for row in map(_ROW.match, done.stdout.splitlines()) if row}
    if done.returncode or "the command" not in rates:
        raise BenchError(f"{COMPARE}: {done.stderr.strip().splitlines()[-1:] or done.stdout}")
    return Judged(system, rates.pop("the command"), rates)


def _print(one: Judged) -> None:
    say("", passing=True)
    targets = MIXED_TARGETS if one.system == "mixed" else TARGETS
    cells = []
    for name in ("ten regexes", "drain3", "grep -c"):
        if name not in one.peers:
            cells.append("-".rjust(24))
            continue
        times = one.lines_per_s / one.peers[name]
        short = f" of {targets[name]:g}" if times < targets.get(name, 0) else ""
        cells.append(f"{one.peers[name]:,.0f} {times:.2f}x{short}".rjust(24))
    print(f"{one.system:14}{one.lines_per_s:>12,.0f}{''.join(cells)}", flush=True)
