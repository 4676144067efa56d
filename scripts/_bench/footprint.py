"""`scripts/bench footprint`: memory and idle CPU of a daemon with ten sources and warm caches; the start of --help."""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from _bench import corpus, process, texts
from _bench.options import count, say, where_to
from _bench.runs import timed
from _bench.watching import Watching

TARGET_MIB, TARGET_HELP_MS, TARGET_IDLE_PERCENT = 80.0, 150.0, 1.0
SOURCES = 10
_HELPS = 15
_SETTLE_S = 3.0


def add_to(benchmarks: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = benchmarks.add_parser(
        "footprint",
        help="memory and idle CPU of a warm daemon with ten sources; how long --help takes",
        description="Lets logwatchd run read a backlog in ten files, and looks at it once it is idle. Local embedder.",
    )
    parser.add_argument("--lines", type=count, default=1_000_000, help="how many warm its caches (default: 1,000,000)")
    parser.add_argument("--seconds", type=count, default=20, help="how long it is looked at idle (default: 20)")
    where_to(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        BenchError: the corpus cannot be made, or a program failed.
    """
    help_ms = 1000 * statistics.median(timed("--help").seconds for _ in range(_HELPS))
    folder = Path(tempfile.mkdtemp(prefix="logwatchd-bench-", dir=given.folder))
    try:
        figures = _running(folder, given.lines, given.seconds) | {"help_ms": help_ms}
    finally:
        shutil.rmtree(folder)
    say("", passing=True)
    for name, target in (("rss_mib", TARGET_MIB), ("help_ms", TARGET_HELP_MS), ("idle_percent", TARGET_IDLE_PERCENT)):
        print(f"{name:14}{figures[name]:>9.2f}   under {target:g}: {'yes' if figures[name] < target else 'no'}")
    print(f"{'peak_mib':14}{figures['peak_mib']:>9.2f}")
    if given.json:
        given.json.write_text(json.dumps({"benchmark": "footprint", **figures}, indent=2) + "\n")
    return 0


def _running(folder: Path, lines: int, seconds: int) -> dict[str, float]:
    whole, baseline, logs, home = folder / "whole", folder / "baseline", folder / "logs", folder / "run"
    logs.mkdir()
    home.mkdir()
    say(f"making {lines:,} lines", passing=True)
    corpus.make(lines, whole)
    timed("baseline", "build", "--output", baseline, whole)
    ends = []
    files = [(logs / f"{number}.log").open("wb") for number in range(SOURCES)]
    with whole.open("rb") as read:
        for number, line in enumerate(read):
            files[number % SOURCES].write(line)
    for file, last in zip(files, texts.novel(7), strict=False):
        ends.append(last)
        file.write(last.encode() + b"\n")
        file.close()
    with Watching(home, [str(logs / "*.log")], baseline, start_at="beginning") as daemon:
        for last in ends:
            daemon.event("ANOMALY", lambda entry, last=last: entry["line"] == last)
        time.sleep(_SETTLE_S)
        before, began = process.cpu_s(daemon.pid), time.monotonic()
        time.sleep(seconds)
        idle = 100 * (process.cpu_s(daemon.pid) - before) / (time.monotonic() - began)
        return {
            "rss_mib": process.memory_mib(daemon.pid),
            "peak_mib": process.memory_mib(daemon.pid, peak=True),
            "idle_percent": idle,
        }
