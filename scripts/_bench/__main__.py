"""`scripts/bench` ends here once its environment stands."""

from __future__ import annotations

import argparse
import sys

from _bench import (
    BenchError,
    backlog,
    build,
    drain,
    every,
    footprint,
    growth,
    idle,
    latency,
    new_texts,
    scan,
    storm,
    tail,
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures logwatchd beside other programs.")
    benchmarks = parser.add_subparsers(dest="benchmark", required=True, metavar="BENCHMARK")
    for benchmark in (tail, idle, backlog, scan, build, growth, new_texts, drain, storm, latency, footprint, every):
        benchmark.add_to(benchmarks)
    given = parser.parse_args(sys.argv[1:] or ["all"])
    try:
        return int(given.run(given))
    except BenchError as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
