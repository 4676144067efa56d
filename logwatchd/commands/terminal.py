"""What commands print with: standard streams that take any text and are always there, and a console for people."""

from __future__ import annotations

import io
import os
import sys
from typing import IO, TYPE_CHECKING

from logwatchd.alerting.text import visible

if TYPE_CHECKING:
    from rich.console import Console

ANY_WIDTH = 100_000


def prepare() -> None:
    """Make the standard streams fit for whatever a log or a file's name holds, and for whoever called us.

    UTF-8, whatever the locale says: JSON has to be, and logs are. What is no character there (names of files may have
    any bytes) is written as `\\udcff`, which JSON takes as well. An output that the caller closed is the null device;
    of a closed standard input nothing can be read, which is not the same as nothing being in it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            null = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, open(null, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - open to the end
        elif isinstance(stream, io.TextIOWrapper) and (stream.encoding, stream.errors) != ("utf-8", "backslashreplace"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def abandon_output() -> None:
    """Let what nobody can take any more go nowhere: Python would try once more at its end, and exit with 120."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def console(out: IO[str] | None = None) -> Console:
    """Prints to `out`, else standard output: in colour on a terminal, elsewhere neither folded nor cut to a width."""
    from rich.console import Console

    found = Console(file=out, highlight=False, soft_wrap=True, markup=False)
    if not found.is_terminal:
        found.width = ANY_WIDTH
    return found


def say(text: str, style: str = "") -> None:
    """A line of what was done, or of what to know of it, to standard error; a file's name in it steers no terminal."""
    text = visible(text)
    if sys.stderr.isatty():
        console(sys.stderr).print(text, style=style)
    else:
        print(text, file=sys.stderr)
