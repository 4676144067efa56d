"""Commands of logwatchd that run to their end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from _bench import BenchError

PROGRAM = str(Path(sys.executable).with_name("logwatchd"))


@dataclass(frozen=True, slots=True)
class Run:
    """seconds: of the clock on the wall. cpu_s: user and system. peak_mib: resident. words: what it wrote to stderr."""

    seconds: float
    cpu_s: float
    peak_mib: float
    words: str


def timed(*args: object, ok: tuple[int, ...] = (0,), env: Mapping[str, str] | None = None) -> Run:
    """Run `logwatchd ARGS` without its output. env: variables that it gets beside ours.

    Raises:
        BenchError: it ended with another status than those of `ok`.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        [PROGRAM, *map(str, args)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **(env or {})},
    )
    assert process.stderr is not None
    words = process.stderr.read().decode(errors="replace").strip()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode not in ok:
        raise BenchError(f"logwatchd {args[0]} ended with {process.returncode}: {words or 'it said nothing'}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, words)


def split(whole: Path, first: Path, second: Path) -> None:
    """Put the first half of a file's lines into one file and the second into another."""
    with whole.open("rb") as lines:
        count = sum(block.count(b"\n") for block in iter(lambda: lines.read(1 << 20), b""))
        lines.seek(0)
        with first.open("wb") as one, second.open("wb") as other:
            for number, line in enumerate(lines):
                (one if number < count // 2 else other).write(line)
