"""Where a baseline is going to be written, looked at before any work is done for it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from logwatchd.errors import BaselineError, UsageError
from logwatchd.kinds import is_file, is_folder

_BASELINE = b"PK\x03\x04"  # a baseline is an archive of arrays


def check_output(output: Path) -> None:
    """Refuse a place where no baseline can be written, or where it would take the place of something else.

    Raises:
        UsageError: there is no such folder, nothing can be written to it, or what is there is no baseline: most likely
            a log, named where the baseline's name belongs.
    """
    try:
        if not is_folder(output.parent):
            raise UsageError(f"--output {output}: there is no folder {output.parent}; create it first")
        if is_folder(output):
            raise UsageError(f"--output {output}: is a folder; name a file in it")
        tempfile.TemporaryFile(dir=output.parent).close()
    except OSError as error:
        why = f"nothing can be written to {output.parent}: {error.strerror}"
        raise UsageError(f"--output {output}: {why}; name a folder that you may write to") from None
    if not output.exists():
        return
    try:
        replaceable = is_file(output) and _head(output) in (_BASELINE, b"")
    except OSError as error:
        raise UsageError(f"--output {output}: cannot be read: {error.strerror}; name another file") from None
    if not replaceable:
        raise UsageError(f"--output {output}: is there and no baseline; name another file, or take it away first")


def make_folder_of(baseline: Path) -> None:
    """Make the folder in which the daemon looks for its baseline, where it is not there yet: only its user may see it.

    Raises:
        BaselineError: it cannot be made.
    """
    try:
        baseline.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BaselineError(f"{baseline}: its folder cannot be made: {error.strerror}; run it as root") from None


def _head(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(len(_BASELINE))
