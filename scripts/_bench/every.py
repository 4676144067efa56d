"""`scripts/bench all`: every benchmark, one after the other, and all their figures in one file."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from _bench.options import where_to

_WITHOUT_FOLDER = {"idle", "new-texts"}
_QUICK = {
    "tail": "--lines 200000 --rounds 3 --delays 50",
    "idle": "--files 200 --seconds 10",
    "backlog": "--lines 1000000",
    "scan": "--lines 200000 --rounds 3 --systems mixed OpenStack BGL",
    "build": "--lines 200000 --rounds 3",
    "growth": "--lines 1000000 2000000 --rounds 1",
    "new-texts": "--texts 5000 --rounds 3",
    "daemon": "--lines 200000 --rounds 3",
    "storm": "--lines 20000 --rounds 1",
    "latency": "--count 30",
    "footprint": "--lines 200000 --seconds 10 --rounds 1",
}

Parsers = dict[str, argparse.ArgumentParser]


def add_to(benchmarks: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """To be added behind all others, which are what it runs."""
    others: Parsers = dict(benchmarks.choices)
    parser = benchmarks.add_parser(
        "all",
        help="all of these one after the other, in half an hour; what is run without a name",
        description="Runs every benchmark with its usual options. Whatever else the machine does shows in the figures.",
    )
    parser.add_argument("--quick", action="store_true", help="fewer lines and rounds: minutes, and rougher figures")
    parser.add_argument("--peers", type=Path, metavar="PYTHON", help="see 'scripts/bench scan --help'")
    where_to(parser)
    parser.set_defaults(run=lambda given: run(given, others))


def run(given: argparse.Namespace, benchmarks: Parsers) -> int:
    """Measure and print.

    Raises:
        BenchError: one of them cannot be measured; those before it are printed.
    """
    figures = []
    with tempfile.TemporaryDirectory(prefix="logwatchd-bench-") as folder:
        for name, parser in benchmarks.items():
            file = Path(folder, f"{name}.json")
            options = ["--json", str(file), *(_QUICK[name].split() if given.quick else ())]
            if given.folder and name not in _WITHOUT_FOLDER:
                options += ["--folder", str(given.folder)]
            if given.peers and name == "scan":
                options += ["--peers", str(given.peers)]
            print(f"== {name}", flush=True)
            one, began = parser.parse_args(options), time.monotonic()
            one.run(one)
            print(f"({time.monotonic() - began:.0f} s)\n", flush=True)
            figures.append(json.loads(file.read_text()))
            if given.json:
                given.json.write_text(json.dumps({"benchmark": "all", "benchmarks": figures}, indent=2) + "\n")
    return 0
