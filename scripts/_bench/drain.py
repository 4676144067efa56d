"""`scripts/bench daemon`: a large backlog through the whole daemon, beside scan on the same lines.

The baseline knows every line of the backlog but its last. A run's time begins when the daemon is started and ends when
it alerts of that line, which it does once all before it are judged.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from _bench import corpus, texts
from _bench.options import count, resampled, say, where_to
from _bench.runs import timed
from _bench.watching import Watching

TARGET_SHARE = 0.5  # of scan's lines a second


def add_to(benchmarks: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = benchmarks.add_parser(
        "daemon",
        help="a backlog of a million lines through the whole daemon, beside scan",
        description="Drains a backlog with logwatchd run (tail, parse, normalise, score, checkpoint; local embedder) "
        "in turns with logwatchd scan on the same lines.",
    )
    parser.add_argument("--lines", type=count, default=1_000_000, help="how many (default: 1,000,000)")
    resampled(parser, "mixed")
    where_to(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        BenchError: the corpus cannot be made, or a program failed.
    """
    folder = Path(tempfile.mkdtemp(prefix="logwatchd-bench-", dir=given.folder))
    try:
        log, baseline = folder / "backlog.log", folder / "baseline"
        say(f"making {given.lines:,} lines", passing=True)
        corpus.make(given.lines, log, given.system)
        timed("baseline", "build", "--output", baseline, log)
        last = next(texts.novel(7))
        with log.open("a") as out:
            out.write(last + "\n")
        drains_s, scans_s = [], []
        for turn in range(given.rounds):
            say(f"round {turn + 1} of {given.rounds}", passing=True)
            drains_s.append(_drain(folder / f"run-{turn}", log, baseline, last))
            scans_s.append(timed("scan", "--baseline", baseline, log, ok=(0, 1)).seconds)
    finally:
        shutil.rmtree(folder)
    say("", passing=True)
    daemon, scan = given.lines / statistics.median(drains_s), given.lines / statistics.median(scans_s)
    print(f"daemon {daemon:,.0f} lines/s, scan {scan:,.0f} lines/s: {daemon / scan:.2f}")
    print(f"at least {TARGET_SHARE:g} of scan: {'yes' if daemon >= TARGET_SHARE * scan else 'no'}")
    if given.json:
        figures = {"benchmark": "daemon", "lines": given.lines, "daemon_s": drains_s, "scan_s": scans_s}
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def _drain(home: Path, log: Path, baseline: Path, last: str) -> float:
    home.mkdir()
    began = time.perf_counter()
    with Watching(home, [str(log)], baseline, start_at="beginning") as daemon:
        return daemon.event("ANOMALY", lambda entry: entry["line"] == last) - began
