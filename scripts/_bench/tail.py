"""`scripts/bench tail`: how fast a large file is drained, and how late a single line comes.

A run's time begins when the program is started, or, if it is running and follows the name already, when the file is
renamed into place; it ends when the output has the last byte. Every output is compared with its input. Programs take
turns, so that whatever else the machine does meets all of them; what the first round takes, which warms caches, does
not count.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from _bench import BenchError, corpus
from _bench.delays import p99
from _bench.options import count, say
from _bench.tailers import TAILERS, Tailer

POLL_S = 0.001
RUN_LIMIT_S = 300.0
LINE_LIMIT_S = 10.0
SETTLE_S = 1.5  # until a program that has just delivered its first line waits for the next one
GAPS_S = (0.02, 0.12)
TARGET_MS = 50.0
_FIRST_LINE = b"the first line\n"


@dataclass(frozen=True, slots=True)
class Drain:
    """Medians over the rounds, and every round.

    running: the program ran already. first_s: from the beginning of a run's time until the first byte is there.
    cpu_s: user and system, of the whole run; rss_mib: its peak.
    """

    name: str
    running: bool
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
    parser.add_argument("--lines", type=count, default=1_000_000, help="how many lines to drain (default: 1,000,000)")
    parser.add_argument("--rounds", type=count, default=5, help="how often each program drains them (default: 5)")
    parser.add_argument("--delays", type=count, default=200, help="how many single lines to time (default: 200)")
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
            say(f"{kind.name} is left out: {kind.program} is not installed (apt install {kind.package})")
    folder = Path(tempfile.mkdtemp(prefix="logwatchd-bench-", dir=given.folder))
    try:
        source, origin = _source(given, folder)
        size = source.stat().st_size
        with source.open("rb") as file:  # also warms the page cache
            lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
        say(f"{lines:,} lines, {size / 2**20:.0f} MiB, {origin}; {platform.machine()}, {os.cpu_count()} cores")
        drains = drain(kinds, source, lines, given.rounds, folder)
        drains += drain(kinds, source, lines, given.rounds, folder, running=True)
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


@dataclass(frozen=True, slots=True)
class _Run:
    """One program, one file."""

    seconds: float
    first_s: float
    cpu_s: float
    rss_mib: float


def drain(
    kinds: list[type[Tailer]], source: Path, lines: int, rounds: int, folder: Path, running: bool = False
) -> list[Drain]:
    """Let every program read the whole file, in turns.

    Raises:
        BenchError: one of them ended, was too slow, or wrote something else than it read.
    """
    runs: dict[type[Tailer], list[_Run]] = {kind: [] for kind in kinds}
    size = source.stat().st_size
    for turn in range(rounds + 1):
        for kind in kinds[turn % len(kinds) :] + kinds[: turn % len(kinds)]:
            how = "already running" if running else "from its start"
            say(f"draining {how}, round {turn} of {rounds}: {kind.name}", passing=True)
            home = folder / "run"
            home.mkdir()
            run = _drain_running(kind, source, home) if running else _drain_from_start(kind, source, home)
            if turn:
                runs[kind].append(run)
            shutil.rmtree(home)
    return [
        Drain(
            name=kind.name,
            running=running,
            version=kind.version(),
            median_s=(median := statistics.median(run.seconds for run in runs[kind])),
            first_s=statistics.median(run.first_s for run in runs[kind]),
            lines_per_s=lines / median,
            mib_per_s=size / 2**20 / median,
            cpu_s=statistics.median(run.cpu_s for run in runs[kind]),
            rss_mib=statistics.median(run.rss_mib for run in runs[kind]),
            rounds_s=[run.seconds for run in runs[kind]],
        )
        for kind in kinds
    ]


def _drain_from_start(kind: type[Tailer], source: Path, home: Path) -> _Run:
    tailer = kind(home, source)
    began = time.perf_counter()
    with tailer:
        return _timed(tailer, began, 0, source)


def _drain_running(kind: type[Tailer], source: Path, home: Path) -> _Run:
    log, new = home / "app.log", home / "new"
    log.write_bytes(_FIRST_LINE)
    try:
        new.hardlink_to(source)
    except OSError:  # on another disk
        shutil.copyfile(source, new)
    tailer = kind(home, log)
    with tailer:
        wait(tailer, len(_FIRST_LINE), RUN_LIMIT_S, POLL_S)
        time.sleep(SETTLE_S)
        began = time.perf_counter()
        new.replace(log)
        return _timed(tailer, began, len(_FIRST_LINE), source)


def _timed(tailer: Tailer, began: float, before: int, source: Path) -> _Run:
    """Wait until the whole of `source` is behind the `before` bytes of the output, and end the program."""
    wait(tailer, before + 1, RUN_LIMIT_S, POLL_S)
    first_s = time.perf_counter() - began
    wait(tailer, before + source.stat().st_size, RUN_LIMIT_S, POLL_S)
    seconds = time.perf_counter() - began
    usage = tailer.stop()
    if not is_same(source, tailer.output, before):
        raise BenchError(f"{tailer.name} wrote {tailer.size():,} bytes that are not those that it read")
    return _Run(seconds, first_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def is_same(source: Path, output: Path, before: int) -> bool:
    """Whether the output is the source, behind its first `before` bytes."""
    with source.open("rb") as expected, output.open("rb") as found:
        found.seek(before)
        while block := expected.read(1 << 20):
            if found.read(len(block)) != block:
                return False
        return not found.read(1)


def delay(kind: type[Tailer], count: int, folder: Path) -> Delay:
    """Append single lines to a file that is otherwise idle, at random moments.

    Raises:
        BenchError: the program ended, or did not deliver a line for a long time.
    """
    home = folder / "run"
    home.mkdir()
    rng = random.Random(7)
    source = home / "app.log"
    source.write_bytes(_FIRST_LINE)
    tailer = kind(home, source)
    delays_ms = []
    with tailer, source.open("ab", buffering=0) as log:
        wait(tailer, 1, RUN_LIMIT_S, POLL_S)
        time.sleep(SETTLE_S)
        for number in range(count):
            if number % 20 == 0:
                say(f"single lines: {kind.name}, {number} of {count}", passing=True)
            time.sleep(rng.uniform(*GAPS_S))
            wanted = source.stat().st_size + len(line := b"single line %d\n" % number)
            began = time.perf_counter()
            log.write(line)
            wait(tailer, wanted, LINE_LIMIT_S, 0.0001)
            delays_ms.append((time.perf_counter() - began) * 1000)
    shutil.rmtree(home)
    return Delay(
        name=kind.name,
        lines=count,
        median_ms=statistics.median(delays_ms),
        p99_ms=p99(delays_ms),
        max_ms=max(delays_ms),
    )


def _source(given: argparse.Namespace, folder: Path) -> tuple[Path, str]:
    if given.corpus:
        if not given.corpus.is_file():
            raise BenchError(f"--corpus {given.corpus}: no such file")
        return given.corpus.resolve(), str(given.corpus)
    say(f"making {given.lines:,} lines", passing=True)
    source = folder / "corpus.log"
    return source, corpus.make(given.lines, source)


def wait(tailer: Tailer, size: int, limit_s: float, poll_s: float) -> None:
    """Wait until so many bytes are delivered.

    Raises:
        BenchError: the program ended, or nothing came for `limit_s`.
    """
    deadline = time.monotonic() + limit_s
    while tailer.size() < size:
        if not tailer.is_alive():
            raise BenchError(f"{tailer.name} ended: {tailer.words() or 'it said nothing'}")
        if time.monotonic() > deadline:
            raise BenchError(f"{tailer.name} delivered {tailer.size():,} bytes and no more within {limit_s:g} s")
        time.sleep(poll_s)


def _print(drains: list[Drain], delays: list[Delay]) -> None:
    say("", passing=True)
    heads = ("drained in", "first byte", "lines/s", "MiB/s", "CPU", "peak RSS", "its time")
    for running in (False, True):
        rows = [one for one in drains if one.running is running]
        _row("already running" if running else "from its start", *heads)
        for one in rows:
            _row(
                one.name,
                f"{one.median_s:.3f} s",
                f"{one.first_s:.3f} s",
                f"{one.lines_per_s:,.0f}",
                f"{one.mib_per_s:.0f}",
                f"{one.cpu_s:.2f} s",
                f"{one.rss_mib:.0f} MiB",
                f"{one.median_s / rows[0].median_s:.2f}x",
            )
        faster = [one.name for one in rows[1:] if one.median_s < rows[0].median_s]
        print(f"at least as fast as the others: {'yes' if not faster else 'not as ' + ', '.join(faster)}\n")
    _row("a single line", "median", "p99", "worst")
    for each in delays:
        _row(each.name, f"{each.median_ms:.1f} ms", f"{each.p99_ms:.1f} ms", f"{each.max_ms:.1f} ms")
    print(f"\na single line within {TARGET_MS:g} ms (median): {'yes' if delays[0].median_ms < TARGET_MS else 'no'}")


def _row(name: str, *cells: str) -> None:
    print(f"{name:16}" + "".join(f"{cell:>12}" for cell in cells))
