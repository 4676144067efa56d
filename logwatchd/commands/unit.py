"""What systemd gives to the daemon's unit, for commands that are given none of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_UNIT = "logwatchd.service"
_FOLDERS = ("etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system")
_CREDENTIAL = re.compile(r"^\s*(?:Load|Set)Credential(?:Encrypted)?\s*=\s*(\w+)", re.MULTILINE)


def credentials(root: Path) -> frozenset[str]:
    """The names of the credentials that the unit and its drop-ins below `root` ask for; none within the unit itself,
    which has them."""
    if "CREDENTIALS_DIRECTORY" in os.environ:
        return frozenset()
    return frozenset(name for file in _files(root) for name in _CREDENTIAL.findall(_text(file)))


def _files(root: Path) -> Iterator[Path]:
    for folder in _FOLDERS:
        yield root / folder / _UNIT
        yield from (root / folder / f"{_UNIT}.d").glob("*.conf")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
