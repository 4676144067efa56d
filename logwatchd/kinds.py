"""What a path names. From Python 3.14 on pathlib says no where it cannot tell; these raise the reason."""

from __future__ import annotations

import stat
from pathlib import Path


def is_file(path: Path) -> bool:
    """Whether a regular file is there.

    Raises:
        OSError: that cannot be told.
    """
    return stat.S_ISREG(_mode(path))


def is_folder(path: Path) -> bool:
    """Whether a folder is there.

    Raises:
        OSError: that cannot be told.
    """
    return stat.S_ISDIR(_mode(path))


def _mode(path: Path) -> int:
    """0 where nothing is."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return 0
