"""state_dir/status.json: what the running daemon tells other commands, and how they know that it runs.

The daemon owns the file; everybody else only reads it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

State = Literal["starting", "ready", "reloading", "stopping"]

FILE_NAME = "status.json"
LOCK_NAME = "lock"


@dataclass(frozen=True, slots=True)
class Reloads:
    """Reloads since the start. count: ended ones, also refused ones. last_error: why the last one was refused."""

    count: int = 0
    last_ok: bool | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """One daemon's state.

    started_at: UTC. counters: whatever the daemon counts, by name.
    """

    pid: int
    version: str
    state: State
    started_at: datetime
    reloads: Reloads = Reloads()
    counters: Mapping[str, int | float] = field(default_factory=dict)


def write(state_dir: Path, status: DaemonStatus) -> None:
    """Replace the file as a whole; a reader sees the old one or the new one.

    Raises:
        OSError: the folder is gone, full or not writable.
    """
    content = asdict(status) | {
        "started_at": status.started_at.isoformat(),
        "pid_started_ticks": _started_ticks(status.pid),
    }
    new = state_dir / f"{FILE_NAME}.new"
    # Not synced to the disk: after a crash of the machine no daemon runs, whatever the file says.
    new.write_text(json.dumps(content), encoding="utf-8")
    new.replace(state_dir / FILE_NAME)


def read(state_dir: Path) -> DaemonStatus | None:
    """What the file says, whether or not that daemon still runs; None if there is none or it is no such file."""
    content = _content(state_dir)
    return None if content is None else _status(content)


def read_running(state_dir: Path) -> DaemonStatus | None:
    """What the file says if that daemon runs now, else None.

    It runs if the process with its number is the one that wrote the file (a number may have been given out again since)
    and somebody holds the folder's lock.
    """
    content = _content(state_dir)
    status = None if content is None else _status(content)
    if content is None or status is None:
        return None
    ticks = _started_ticks(status.pid)
    alive = ticks is not None and ticks == content.get("pid_started_ticks")
    return status if alive and _is_locked(state_dir / LOCK_NAME) else None


def _content(state_dir: Path) -> dict[str, Any] | None:
    try:
        content = json.loads((state_dir / FILE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _status(content: dict[str, Any]) -> DaemonStatus | None:
    try:
        return DaemonStatus(
            pid=int(content["pid"]),
            version=str(content["version"]),
            state=content["state"],
            started_at=datetime.fromisoformat(content["started_at"]),
            reloads=Reloads(**content["reloads"]),
            counters=dict(content["counters"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _started_ticks(pid: int) -> int | None:
    """When the process began, in clock ticks since the machine's start; None when it is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # proc(5): the second field, in parentheses, may hold blanks and parentheses itself.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def _is_locked(lock: Path) -> bool:
    try:
        handle = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Shared and without waiting; let go at once, so that a daemon that starts now is not refused.
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
