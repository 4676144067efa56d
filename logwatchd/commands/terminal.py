"""What commands print with: standard streams that take any text and are always there."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path


def prepare() -> None:
    """Make the standard streams fit for whatever a log or a file's name holds, and for whoever called us.

    UTF-8, whatever the locale says: JSON has to be, and logs are. What is no character there (names of files may have
    any bytes) is written as `\\udcff`, which JSON takes as well. A stream that the caller closed is the null device.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open to the end
        elif isinstance(stream, io.TextIOWrapper) and (stream.encoding, stream.errors) != ("utf-8", "backslashreplace"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def abandon_output() -> None:
    """Let what nobody can take any more go nowhere: Python would try once more at its end, and exit with 120."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
