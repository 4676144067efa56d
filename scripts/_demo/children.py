"""The processes that the demonstration starts: each is ended by its own pid, whatever happens."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 5.0


class ChildError(Exception):
    """A process did not start, or ended when it should not have."""


def python_module(module: str, *arguments: str) -> list[str]:
    """The command that runs one of the demonstration's own modules."""
    return [sys.executable, "-m", module, *arguments]


def tied_to_us(command: Sequence[str]) -> list[str]:
    """The command, run so that it is ended even when we are killed; must be started by the main thread."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", *command] if setpriv else list(command)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours, with the demonstration's modules in reach and without what would change logwatchd's configuration."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("LOGWATCHD_") and key not in _SYSTEMD}
    return {**kept, "PYTHONPATH": str(SCRIPTS), "PYTHONUNBUFFERED": "1", **(extra or {})}


_SYSTEMD = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM", "INVOCATION_ID", "STATE_DIRECTORY"}


def start(command: Sequence[str], stderr: Path) -> subprocess.Popen[bytes]:
    """Start a process that reads nothing; its errors go to a file."""
    with stderr.open("ab") as errors:
        # A session of its own: Ctrl-C reaches the demonstration, which then ends its children in order.
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment(),
            start_new_session=True,
        )


def first_line(process: subprocess.Popen[bytes], stderr: Path) -> str:
    """The first line that a process prints: by it, it says that it is ready.

    Raises:
        ChildError: it ended before, or said nothing for START_TIMEOUT_S.
    """
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if selector.select(START_TIMEOUT_S) else b""
    if not line:
        said = stderr.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise ChildError(f"{process.args!r} did not start: {said[0]}")
    return line.decode().strip()


def stop(process: subprocess.Popen[bytes]) -> int:
    """End a process, politely first; its exit status. Harmless when it has ended already."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
    status = process.wait()
    if process.stdout is not None:
        process.stdout.close()
    return status
