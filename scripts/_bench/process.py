"""What the kernel tells of a running process."""

from __future__ import annotations

import os
from pathlib import Path

from _bench import BenchError

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """User and system time so far.

    Raises:
        BenchError: it has ended.
    """
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_mib(pid: int, peak: bool = False) -> float:
    """Resident memory now, or at its most.

    Raises:
        BenchError: it has ended.
    """
    name = "VmHWM:" if peak else "VmRSS:"
    return next(int(line.split()[1]) for line in _read(pid, "status").splitlines() if line.startswith(name)) / 1024


def handles(pid: int) -> int:
    """How many files it holds open.

    Raises:
        BenchError: it has ended.
    """
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        raise BenchError(f"process {pid} has ended") from None


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        raise BenchError(f"process {pid} has ended") from None
