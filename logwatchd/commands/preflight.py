"""What a configuration asks of this machine, as far as any user can tell. Nothing is made for it."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Sequence
from pathlib import Path

from logwatchd.config_alerting import SinkSettings

# The kernel shows itself there; nobody keeps files in them.
_NO_FILES = {"proc", "sysfs", "cgroup", "cgroup2", "devpts", "securityfs", "debugfs", "tracefs", "configfs", "bpf"}


def state_dir_problems(folder: Path) -> list[str]:
    """Why no daemon could keep its state there, by the folder or what there is of it; one line or none.

    Whether the daemon's user may write there, another user cannot tell.
    """
    key = f"state_dir = '{folder}'"
    try:
        nearest = _nearest(folder)
        if not nearest.is_dir():
            above = "" if nearest == folder else f", for {nearest} is none"
            return [f"{key}: is no folder{above}; name one, or one to be made"]
        kind = _file_system(nearest)
        read_only = bool(os.statvfs(nearest).f_flag & os.ST_RDONLY)
    except PermissionError:
        return []
    except OSError as error:
        return [f"{key}: cannot be used: {error.strerror}; make it a folder that the daemon's user can write"]
    if kind in _NO_FILES or read_only:
        why = (
            f"{nearest} is the kernel's ({kind}) and takes no files"
            if kind in _NO_FILES
            else f"{nearest} is mounted read-only"
        )
        return [f"{key}: cannot be used: {why}; name a folder that the daemon's user can write"]
    return []


def program_warnings(sinks: Sequence[SinkSettings]) -> list[str]:
    """Programs of `[[sink]]` tables that cannot be run here, one line each; of their arguments nothing is shown."""
    lines = []
    for number, sink in enumerate(sinks, start=1):
        if sink.type != "command":
            continue
        program = sink.command[0]
        try:
            if not stat.S_ISREG(Path(program).stat().st_mode):
                reason = "is no program; name one"
            elif not os.access(program, os.X_OK, effective_ids=True):
                reason = f"may not be run by {user()}; the daemon's user needs to be allowed to"
            else:
                continue
        except OSError as error:
            reason = f"cannot be run: {error.strerror}; name a program that is there"
        lines.append(f"sink[{number}].command = {program!r}: {reason}")
    return lines


def user() -> str:
    """The present user's name, or number where it has none."""
    try:
        return f"user {pwd.getpwuid(os.geteuid()).pw_name}"
    except KeyError:
        return f"user {os.geteuid()}"


def _nearest(folder: Path) -> Path:
    """The folder itself, or as much of the way to it as there is.

    Raises:
        OSError: it may not be looked at, or cannot be.
    """
    for path in (folder, *folder.parents):
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        return path
    return Path("/")


def _file_system(folder: Path) -> str:
    """The type of what is mounted there, "" where that is not known."""
    device = folder.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    for line in mounts.splitlines():  # see proc(5): what is optional ends with a dash
        fields, _, rest = line.partition(" - ")
        if rest and fields.split()[2] == number:
            return rest.split()[0]
    return ""
