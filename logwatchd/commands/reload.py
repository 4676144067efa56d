"""`logwatchd reload`: asks the running daemon to reload, waits for the outcome and tells it. ExecReload= uses it."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

from logwatchd import clock, status_file
from logwatchd.errors import Exit, NotRunningError
from logwatchd.status_file import DaemonStatus

DEADLINE_S = 60.0
SILENT_S = 15.0  # three times as long as the daemon is between two status files
_POLL_S = 0.05
_USUAL_STATE_DIR = Path("/var/lib/logwatchd")
_STATE_DIR_LINE = re.compile(r"""^\s*state_dir\s*=\s*(?:"([^"]+)"|'([^']+)')""", re.MULTILINE)


def run(config_path: Path) -> Exit:
    """Reload the daemon that was started with this configuration.

    The file is only asked for the daemon's state folder: a broken one is refused by the daemon itself, with its reason.

    Returns:
        OK when it reloaded, CONFIG when it refused (its reason is on stderr), FAILED when no answer came.

    Raises:
        NotRunningError: no daemon uses that state folder, or it may not be reached.
    """
    folders = list(dict.fromkeys(state_dirs(config_path)))
    found = next(((folder, status) for folder in folders if (status := status_file.read_running(folder))), None)
    if found is None:
        raise NotRunningError(_why_not(folders, config_path))
    folder, before = found
    written = status_file.written_at(folder)
    try:
        os.kill(before.pid, signal.SIGHUP)
    except PermissionError:
        raise NotRunningError(f"the daemon (process {before.pid}) is another user's: reload it as root") from None
    except ProcessLookupError:
        raise NotRunningError(f"the daemon (process {before.pid}) ended just now") from None
    return _tell(before, _await_outcome(folder, before, written))


def _why_not(folders: list[Path], config_path: Path) -> str:
    """Why no daemon was found, in one line."""
    for folder in folders:
        try:
            (folder / status_file.FILE_NAME).open("rb").close()
        except PermissionError:
            return f"state_dir = {folder}: may not be looked into by this user; run it as root"
        except OSError:
            continue
    readable = os.access(config_path, os.R_OK)
    missing = "" if readable else f" ({config_path}, which may name another one, cannot be read)"
    return f"no daemon runs on state_dir = {' or '.join(map(str, folders))}{missing}; start it with 'logwatchd run'"


def state_dirs(config_path: Path) -> Iterator[Path]:
    """Where the daemon's state may be: systemd's word, the override, the file's, else the usual folder."""
    if from_systemd := os.environ.get("STATE_DIRECTORY", "").split(":")[0]:
        yield Path(from_systemd)
    named = os.environ.get("LOGWATCHD_STATE_DIR") or _state_dir_in(config_path)
    yield Path(named) if named else _USUAL_STATE_DIR


def _state_dir_in(config_path: Path) -> str | None:
    """The file's state_dir, also if the rest of it is broken."""
    try:
        text = config_path.read_text(encoding="utf-8", errors="replace") if config_path.is_file() else ""
    except OSError:
        return None
    try:
        named = tomllib.loads(text).get("state_dir")
    except (tomllib.TOMLDecodeError, RecursionError):  # nested too deeply
        line = _STATE_DIR_LINE.search(text)
        named = (line[1] or line[2]) if line else None
    return named if isinstance(named, str) and named else None


def _await_outcome(folder: Path, before: DaemonStatus, written: int | None) -> DaemonStatus | str:
    """The daemon's status once the reload that was asked for has ended; or why there is none.

    Args:
        written: when `before` was, see `status_file.written_at`.
    """
    # One that was under way may have read the old files: the next one is ours.
    goal = before.reloads.count + (2 if before.state == "reloading" else 1)
    began = clock.monotonic()
    while clock.monotonic() < began + DEADLINE_S:
        now = status_file.read_running(folder)
        if now is None or now.pid != before.pid:
            return "ended in the reload; see its log"
        if now.reloads.count >= goal:
            return now
        # A daemon that is ready says first of all that it reloads; one that does something else may be long about it.
        silent = before.state == "ready" and status_file.written_at(folder) == written
        if silent and clock.monotonic() >= began + SILENT_S:
            return (
                f"has not written {folder / status_file.FILE_NAME} for {SILENT_S:.0f} s, so that nobody knows how the "
                "reload ends: its disk is full or fails, or the daemon hangs; see its log and mend that"
            )
        time.sleep(_POLL_S)
    return f"did not tell within {DEADLINE_S:.0f} s how the reload ended; see its log"


def _tell(before: DaemonStatus, after: DaemonStatus | str) -> Exit:
    if isinstance(after, str):
        print(f"logwatchd: process {before.pid} {after}", file=sys.stderr)
        return Exit.FAILED
    if not after.reloads.last_ok:
        print("logwatchd: reload refused, the old configuration stays:", file=sys.stderr)
        print(after.reloads.last_error or "no reason was given; see its log", file=sys.stderr)
        return Exit.CONFIG
    print(f"logwatchd: reloaded (process {after.pid})")
    return Exit.OK
