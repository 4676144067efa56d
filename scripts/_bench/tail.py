"""`scripts/bench tail`: how fast a large file is drained, and how late a single line comes.

A run's time begins when the program is started and ends when its output has the last byte; every output is compared
with its input. Programs take turns, so that whatever else the machine does meets all of them.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import platform
import random
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from _bench import BenchError, corpus
from _bench.tailers import TAILERS, Tailer

POLL_S = 0.001
RUN_LIMIT_S = 300.0
LINE_LIMIT_S = 10.0
SETTLE_S = 1.5  # until a program that has just delivered its first line waits for the next one
GAPS_S = (0.02, 0.12)
TARGET_MS = 50.0


@dataclass(frozen=True, slots=True)
class Drain:
    """Medians over the rounds, and every round.

    first_s: from the start until the first byte is there. cpu_s: user and system, of the whole run; rss_mib: its peak.
    """

    name: str
    version: str
    median_s: float
    first_s: float
    lines_per_s: float
    mib_per_s: float
    cpu_s: float
    rss_mib: float
    rounds_s: list[float]


@dataclass(frozen=True, slots=True)
class Delay:
    """From before the write of a line until it is in the output, in milliseconds."""

    name: str
    lines: int
    median_ms: float
    p99_ms: float
    max_ms: float


def add_to(benchmarks: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = benchmarks.add_parser(
        "tail",
        help="draining a large file and delivering a single line, beside rsyslog's imfile and GNU tail",
        description="Drains a large file and delivers single lines through logwatchd tail, rsyslog's imfile and GNU "
        "tail -F, in turns. A program that is not installed is left out.",
    )
    parser.add_argument("--lines", type=_count, default=1_000_000, help="how many lines to drain (default: 1,000,000)")
    parser.add_argument("--rounds", type=_count, default=5, help="how often each program drains them (default: 5)")
    parser.add_argument("--delays", type=_count, default=200, help="how many single lines to time (default: 200)")
    parser.add_argument("--corpus", type=Path, help="a file to drain instead of one that is made first")
    parser.add_argument("--folder", type=Path, help="where to work; on the disk to be measured (default: $TMPDIR)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there as well")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        BenchError: nothing can be measured, or a program did not deliver what it read.
    """
    kinds = [kind for kind in TAILERS if kind.found()]
    for kind in TAILERS:
        if kind not in kinds:
            _say(f"{kind.name} is left out: {kind.program} is not installed (apt install {kind.package})")
    folder = Path(tempfile.mkdtemp(prefix="logwatchd-bench-", dir=given.folder))
    try:
        source, origin = _source(given, folder)
        size = source.stat().st_size
        with source.open("rb") as file:  # also warms the page cache
            lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
        _say(f"{lines:,} lines, {size / 2**20:.0f} MiB, {origin}; {platform.machine()}, {os.cpu_count()} cores")
        drains = drain(kinds, source, lines, given.rounds, folder)
        delays = [delay(kind, given.delays, folder) for kind in kinds]
    finally:
        shutil.rmtree(folder)
    _print(drains, delays)
    if given.json:
        figures = {
            "benchmark": "tail",
            "machine": {"system": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()},
            "corpus": {"lines": lines, "bytes": size, "origin": origin},
            "drain": [asdict(figure) for figure in drains],
            "delay": [asdict(figure) for figure in delays],
        }
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def drain(kinds: list[type[Tailer]], source: Path, lines: int, rounds: int, folder: Path) -> list[Drain]:
    """Let every program read the whole file, in turns.

    Raises:
        BenchError: one of them ended, was too slow, or wrote something else than it read.
    """
    times: dict[type[Tailer], list[float]] = {kind: [] for kind in kinds}
    first: dict[type[Tailer], list[float]] = {kind: [] for kind in kinds}
    cpu: dict[type[Tailer], list[float]] = {kind: [] for kind in kinds}
    rss: dict[type[Tailer], list[float]] = {kind: [] for kind in kinds}
    size = source.stat().st_size
    for turn in range(rounds):
        for kind in kinds[turn % len(kinds) :] + kinds[: turn % len(kinds)]:
            _say(f"draining, round {turn + 1} of {rounds}: {kind.name}", passing=True)
            home = folder / "run"
            home.mkdir()
            tailer = kind(home, source)
            began = time.perf_counter()
            with tailer:
                _wait(tailer, 1, RUN_LIMIT_S, POLL_S)
                first[kind].append(time.perf_counter() - began)
                _wait(tailer, size, RUN_LIMIT_S, POLL_S)
                times[kind].append(time.perf_counter() - began)
            if not filecmp.cmp(source, tailer.output, shallow=False):
                raise BenchError(f"{kind.name} wrote {tailer.size():,} bytes that are not the {size:,} that it read")
            if tailer.usage is not None:
                cpu[kind].append(tailer.usage.ru_utime + tailer.usage.ru_stime)
                rss[kind].append(tailer.usage.ru_maxrss / 1024)
            shutil.rmtree(home)
    return [
        Drain(
            name=kind.name,
            version=kind.version(),
            median_s=(median := statistics.median(times[kind])),
            first_s=statistics.median(first[kind]),
            lines_per_s=lines / median,
            mib_per_s=size / 2**20 / median,
            cpu_s=statistics.median(cpu[kind]),
            rss_mib=statistics.median(rss[kind]),
            rounds_s=times[kind],
        )
        for kind in kinds
    ]


def delay(kind: type[Tailer], count: int, folder: Path) -> Delay:
    """Append single lines to a file that is otherwise idle, at random moments.

    Raises:
        BenchError: the program ended, or did not deliver a line for a long time.
    """
    home = folder / "run"
    home.mkdir()
    rng = random.Random(7)
    source = home / "app.log"
    source.write_bytes(b"the first line\n")
    tailer = kind(home, source)
    delays_ms = []
    with tailer, source.open("ab", buffering=0) as log:
        _wait(tailer, 1, RUN_LIMIT_S, POLL_S)
        time.sleep(SETTLE_S)
        for number in range(count):
            if number % 20 == 0:
                _say(f"single lines: {kind.name}, {number} of {count}", passing=True)
            time.sleep(rng.uniform(*GAPS_S))
            wanted = source.stat().st_size + len(line := b"single line %d\n" % number)
            began = time.perf_counter()
            log.write(line)
            _wait(tailer, wanted, LINE_LIMIT_S, 0.0001)
            delays_ms.append((time.perf_counter() - began) * 1000)
    shutil.rmtree(home)
    delays_ms.sort()
    return Delay(
        name=kind.name,
        lines=count,
        median_ms=statistics.median(delays_ms),
        p99_ms=delays_ms[min(count - 1, round(0.99 * count))],
        max_ms=delays_ms[-1],
    )


def _source(given: argparse.Namespace, folder: Path) -> tuple[Path, str]:
    if given.corpus:
        if not given.corpus.is_file():
            raise BenchError(f"--corpus {given.corpus}: no such file")
        return given.corpus.resolve(), str(given.corpus)
    _say(f"making {given.lines:,} lines", passing=True)
    source = folder / "corpus.log"
    return source, corpus.make(given.lines, source)


def _wait(tailer: Tailer, size: int, limit_s: float, poll_s: float) -> None:
    """Wait until so many bytes are delivered."""
    deadline = time.monotonic() + limit_s
    while tailer.size() < size:
        if not tailer.is_alive():
            raise BenchError(f"{tailer.name} ended: {tailer.words() or 'it said nothing'}")
        if time.monotonic() > deadline:
            raise BenchError(f"{tailer.name} delivered {tailer.size():,} bytes and no more within {limit_s:g} s")
        time.sleep(poll_s)


def _print(drains: list[Drain], delays: list[Delay]) -> None:
    own = drains[0]
    _say("", passing=True)
    heads = ("drained in", "started in", "lines/s", "MiB/s", "CPU", "peak RSS", "its time")
    _row("", *heads)
    for one in drains:
        _row(
            one.name,
            f"{one.median_s:.2f} s",
            f"{one.first_s:.2f} s",
            f"{one.lines_per_s:,.0f}",
            f"{one.mib_per_s:.0f}",
            f"{one.cpu_s:.2f} s",
            f"{one.rss_mib:.0f} MiB",
            f"{one.median_s / own.median_s:.2f}x",
        )
    print()
    _row("a single line", "median", "p99", "worst")
    for each in delays:
        _row(each.name, f"{each.median_ms:.1f} ms", f"{each.p99_ms:.1f} ms", f"{each.max_ms:.1f} ms")
    faster = [one.name for one in drains[1:] if one.median_s < own.median_s]
    print(f"\nat least as fast as the others: {'yes' if not faster else 'not as ' + ', '.join(faster)}")
    print(f"a single line within {TARGET_MS:g} ms (median): {'yes' if delays[0].median_ms < TARGET_MS else 'no'}")


def _row(name: str, *cells: str) -> None:
    print(f"{name:16}" + "".join(f"{cell:>12}" for cell in cells))


def _say(text: str, passing: bool = False) -> None:
    """Progress goes to stderr; what is passing is overwritten on a terminal and left out elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="" if passing else "\n", file=sys.stderr, flush=True)
    elif not passing:
        print(text, file=sys.stderr, flush=True)


def _count(text: str) -> int:
    number = int(text.replace(",", "").replace("_", ""))
    if number < 1:
        raise argparse.ArgumentTypeError("has to be at least 1")
    return number
