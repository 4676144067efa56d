"""`scripts/bench backlog`: how much memory a large backlog takes, and a line that does not end."""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from _bench import BenchError, corpus, process
from _bench.options import count, say, where_to
from _bench.tail import RUN_LIMIT_S, is_same, wait
from _bench.tailers import Logwatchd

TARGET_GROWTH_MIB = 64.0
_PART_LINES = 1_000_000
_LINE_BYTES = 100_000_000
_CHUNK = b"x" * 1_000_000
_KEPT_BYTES = 1 << 20  # of a longer line
_SPARE = 2.5  # input and output side by side, and some room


@dataclass(frozen=True, slots=True)
class Figures:
    """growth_mib: peak resident memory over that of the program when it had read one line."""

    lines: int
    bytes: int
    seconds: float
    peak_mib: float
    growth_mib: float


def add_to(benchmarks: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = benchmarks.add_parser(
        "backlog",
        help="memory that a large backlog takes, and a line that does not end",
        description="Drains a large backlog, and then a line of 100 MB, with logwatchd tail; compares every byte.",
    )
    parser.add_argument("--lines", type=count, default=10_000_000, help="how many (default: 10,000,000; 1.4 GB)")
    where_to(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        BenchError: the disk is too small, or the program did not deliver what it read.
    """
    folder = Path(tempfile.mkdtemp(prefix="logwatchd-bench-", dir=given.folder))
    try:
        backlog = _backlog(given.lines, folder)
        long_line = _long_line(folder)
    finally:
        shutil.rmtree(folder)
    say("", passing=True)
    for what, one in (("a backlog", backlog), ("a line without end", long_line)):
        print(
            f"{what:20}{one.lines:>12,} lines {one.bytes / 2**20:8,.0f} MiB {one.seconds:7.2f} s "
            f"peak RSS {one.peak_mib:4.0f} MiB, {one.growth_mib:.0f} more than idle"
        )
    within = long_line.growth_mib < TARGET_GROWTH_MIB and backlog.growth_mib < TARGET_GROWTH_MIB
    print(f"under {TARGET_GROWTH_MIB:g} MiB more: {'yes' if within else 'no'}")
    if given.json:
        figures = {"benchmark": "backlog", "backlog": asdict(backlog), "long_line": asdict(long_line)}
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def _backlog(lines: int, folder: Path) -> Figures:
    say(f"making {lines:,} lines", passing=True)
    part, source, home = folder / "part", folder / "backlog.log", folder / "run"
    home.mkdir()
    corpus.make(min(lines, _PART_LINES), part)
    copies = max(1, round(lines / _PART_LINES))
    wanted = int(part.stat().st_size * copies * _SPARE)
    if shutil.disk_usage(folder).free < wanted:
        raise BenchError(f"{folder}: {wanted / 2**30:.1f} GiB are needed; name another --folder or fewer --lines")
    with source.open("wb") as out:
        for _ in range(copies):
            with part.open("rb") as file:
                shutil.copyfileobj(file, out, 1 << 20)
    idle = _idle_mib(folder)
    say(f"draining {lines:,} lines", passing=True)
    tailer = Logwatchd(home, source)
    began = time.perf_counter()
    with tailer:
        wait(tailer, source.stat().st_size, RUN_LIMIT_S, 0.01)
        seconds = time.perf_counter() - began
        peak = process.memory_mib(tailer.pid, peak=True)
    if not is_same(source, tailer.output, 0):
        raise BenchError("what was delivered is not what was read")
    size = source.stat().st_size
    shutil.rmtree(home)
    source.unlink()
    return Figures(copies * min(lines, _PART_LINES), size, seconds, peak, peak - idle)


def _long_line(folder: Path) -> Figures:
    say("draining a line without end", passing=True)
    home, source = folder / "run", folder / "long.log"
    home.mkdir()
    source.write_bytes(b"first\n")
    tailer = Logwatchd(home, source)
    with tailer, source.open("ab", buffering=0) as log:
        wait(tailer, 1, RUN_LIMIT_S, 0.01)
        time.sleep(1.0)
        idle = process.memory_mib(tailer.pid, peak=True)
        began = time.perf_counter()
        for _ in range(_LINE_BYTES // len(_CHUNK)):
            log.write(_CHUNK)
        log.write(b"\nlast\n")
        expected = b"first\n" + b"x" * _KEPT_BYTES + b"\nlast\n"
        wait(tailer, len(expected), RUN_LIMIT_S, 0.01)
        seconds = time.perf_counter() - began
        peak = process.memory_mib(tailer.pid, peak=True)
    if tailer.output.read_bytes() != expected:
        raise BenchError("the line was not cut at 1 MiB, or what came behind it is not there")
    return Figures(3, source.stat().st_size, seconds, peak, peak - idle)


def _idle_mib(folder: Path) -> float:
    """Resident memory of a program that has read one line."""
    home, source = folder / "run-idle", folder / "idle.log"
    home.mkdir()
    source.write_bytes(b"first\n")
    with Logwatchd(home, source) as tailer:
        wait(tailer, 1, RUN_LIMIT_S, 0.01)
        time.sleep(1.0)
        return process.memory_mib(tailer.pid, peak=True)
