"""state_dir/status.json: what the running daemon tells other commands, and how they know that it runs.

The daemon owns the file; everybody else only reads it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

State = Literal["starting", "ready", "reloading", "stopping"]

FILE_NAME = "status.json"
LOCK_NAME = "lock"
_NEW_NAME = f"{FILE_NAME}.new"
_BLOCK_BYTES = 512  # of st_blocks, whatever the filesystem's are


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


def write(folder: int, status: DaemonStatus) -> None:
    """Replace the file as a whole; a reader sees the old one or the new one.

    folder: the state folder, open: by its name it may be another daemon's by now.

    Raises:
        OSError: the folder is gone, not writable, or so full that there is no room for it.
    """
    content = json.dumps(asdict(status) | {"started_at": status.started_at.isoformat()}).encode()

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, 0o666, dir_fd=folder)

    try:
        # Not synced to the disk: after a crash of the machine no daemon runs, whatever the file says.
        with open(_NEW_NAME, "wb", opener=opener) as new:
            new.write(content)
        os.replace(_NEW_NAME, FILE_NAME, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError as error:
        with suppress(OSError):
            os.unlink(_NEW_NAME, dir_fd=folder)
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not _overwritten(folder, content):
            raise


def _overwritten(folder: int, content: bytes) -> bool:
    """Write into the room that the file has already: a reload on a full disk is waited for as well."""
    try:
        handle = os.open(FILE_NAME, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=folder)
    except OSError:
        return False
    try:
        there = os.fstat(handle)
        if len(content) > there.st_blocks * _BLOCK_BYTES:
            return False
        padded = content.ljust(there.st_size)
        return os.pwrite(handle, padded, 0) == len(padded)
    except OSError:
        return False
    finally:
        os.close(handle)


def read(state_dir: Path) -> DaemonStatus | None:
    """What the file says, whether or not that daemon still runs; None if there is none or it is no such file."""
    return _read(state_dir) or _read(state_dir)  # again where it was just being overwritten


def _read(state_dir: Path) -> DaemonStatus | None:
    try:
        content = json.loads((state_dir / FILE_NAME).read_text(encoding="utf-8"))
        return DaemonStatus(
            pid=int(content["pid"]),
            version=str(content["version"]),
            state=content["state"],
            started_at=datetime.fromisoformat(content["started_at"]),
            reloads=Reloads(**content["reloads"]),
            counters=dict(content["counters"]),
        )
    except (OSError, KeyError, TypeError, ValueError):
        return None


def written_at(state_dir: Path) -> int | None:
    """When the file was written last, in its filesystem's nanoseconds; None if there is none."""
    try:
        return (state_dir / FILE_NAME).stat().st_mtime_ns
    except OSError:
        return None


def read_running(state_dir: Path) -> DaemonStatus | None:
    """What the file says if that daemon runs now, else None.

    It runs if the folder's lock is held and names the same process: a lock ends with its holder, while a process number
    may have been given out again. /proc would tell less: a sandbox hides it.
    """
    status = read(state_dir)
    return status if status is not None and _lock_holder(state_dir / LOCK_NAME) == status.pid else None


def _lock_holder(lock: Path) -> int | None:
    """The process that holds the lock, which it wrote into the file; None when nobody does."""
    try:
        handle = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # Shared and without waiting; let go at once, so that a daemon that starts now is not refused.
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(handle, 20, 0)
        return int(text) if text.strip().isdigit() else None
    finally:
        os.close(handle)
    return None
