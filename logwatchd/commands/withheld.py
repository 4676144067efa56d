"""Which files the daemon's unit cannot read, for commands that run as root and see them all."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from logwatchd.commands.unit import Unit

_USER, _GROUPS = "logwatchd", ("adm", "systemd-journal")  # of the unit that comes with logwatchd
_NOBODY = 65_534
_AT_ONCE = 500  # of which names fit on a command line
_ASK = 'for file do if [ -r "$file" ]; then echo y; else echo n; fi; done'


def withheld(files: Sequence[Path], root: Path, unit: Unit | None = None) -> dict[Path, str]:
    """Those of the files below `root` that the daemon cannot read: each with one line that has reason and mend.

    Args:
        unit: whose sandbox, user and groups count; None for those of the unit that comes with logwatchd, but without
            its sandbox. To who is not root it is the present user that reads.
    """
    found = {}
    for file in files:
        setting = unit.hides(_shown(file.resolve(), root.resolve())) if unit else None
        if setting:
            found[file] = _hidden(_shown(file, root), setting)
    rest = [file for file in files if file not in found]
    user = unit.user if unit else _USER
    return found | {file: _barred(_shown(file, root), user) for file in _unreadable(rest, root, unit)}


def _hidden(name: str, setting: str) -> str:
    home = "ProtectHome=tmpfs and " if setting.startswith("ProtectHome=") else ""
    return (
        f"{name}: the daemon's unit does not see it ({setting}); let it with 'systemctl edit logwatchd', [Service],"
        f" {home}BindReadOnlyPaths={Path(name).parent}"
    )


def _barred(name: str, user: str) -> str:
    return (
        f"{name}: the daemon's user may not read it; allow it with 'setfacl -m u:{user}:r {name}',"
        f" and its folders with u:{user}:x"
    )


def _unreadable(files: Sequence[Path], root: Path, unit: Unit | None) -> list[Path]:
    if unit and unit.reads_all:
        return []
    if os.geteuid() == 0:
        user, groups = _numbers(unit.user if unit else _USER, unit.groups if unit else _GROUPS)
        found: list[Path] = []
        rest = iter(files)
        while some := list(islice(rest, _AT_ONCE)):
            answers = _answers(some, root, user, groups)
            if answers is None:
                break
            found += [file for file, answer in zip(some, answers, strict=True) if answer != b"y"]
        else:
            return found
    return [file for file in files if not os.access(file, os.R_OK, effective_ids=True)]


def _answers(files: Iterable[Path], root: Path, user: int, groups: Sequence[int]) -> list[bytes] | None:
    """What the kernel says of each to this user: folders and ACLs count as well, but what is above `root` does not.

    Returns:
        None where this process may not become that user, as in some containers.
    """
    names = [f"./{file.relative_to(root)}" if file.is_relative_to(root) else str(file) for file in files]
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", _ASK, "sh", *names],
            cwd=root,
            user=user,
            group=groups[0],
            extra_groups=groups,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.split()


def _numbers(user: str, groups: Iterable[str]) -> tuple[int, list[int]]:
    """The user's number, nobody's where it is not there yet; and those of its groups, its own first, and of these."""
    try:
        entry = pwd.getpwnam(user)
        number, numbers = entry.pw_uid, [entry.pw_gid, *os.getgrouplist(user, entry.pw_gid)]
    except KeyError:
        number, numbers = _NOBODY, [_NOBODY]
    for name in groups:
        try:
            numbers.append(grp.getgrnam(name).gr_gid)
        except KeyError:
            continue
    return number, list(dict.fromkeys(numbers))


def _shown(path: Path, root: Path) -> str:
    return f"/{path.relative_to(root)}" if path.is_relative_to(root) else str(path)
