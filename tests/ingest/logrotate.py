"""The real logrotate on one writer's log, and what is left on the disk after it."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from logwatchd import clock
from tests.helpers import wait_until
from tests.ingest.writers import Writer

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_REALTIME_COARSE = 5  # Linux's number of the clock; Python has no name for it
PROGRAM = shutil.which("logrotate", path=_PATH)

# After the signal, waits until no process has the log open under another name: logrotate compresses it next.
_REOPEN = """#!/bin/sh
kill -s {signal} {pid} || exit 1
turns=0
while readlink {handles} | grep -vxF '{log}' | grep -qF '{folder}/'; do
  turns=$((turns + 1))
  [ $turns -gt 1000 ] && exit 2
  sleep 0.01
done
exit 0
"""


class Logrotate:
    """Rotates `writer.log` with the given directives whenever it is told to."""

    def __init__(self, writer: Writer, directives: str) -> None:
        assert PROGRAM is not None
        self._log = writer.log
        self._state = writer.home / "logrotate.state"
        self._config = writer.home / "logrotate.conf"
        self._stamped = "dateext" in directives
        self._last_s = 0
        reopen = writer.home / "reopen"
        handles = " ".join(f"/proc/{pid}/fd/*" for pid in writer.pids)
        reopen.write_text(
            _REOPEN.format(
                signal=writer.reopen, pid=writer.pids[0], handles=handles, log=self._log, folder=self._log.parent
            )
        )
        reopen.chmod(0o700)
        script = "" if "copytruncate" in directives else f"postrotate\n{reopen}\nendscript\n"
        # `su` because logrotate refuses folders that others may write to, which a test's folder may be.
        who = f"su {os.geteuid()} {os.getegid()}\n" if os.geteuid() == 0 else ""
        self._config.write_text(f"{self._log} {{\n{who}rotate 50\nmissingok\n{directives}\n{script}}}\n")
        self._config.chmod(0o600)

    def rotate(self) -> None:
        if self._stamped:  # two rotations in one second would have one name, and logrotate would skip the second
            wait_until(lambda: _coarse_s() > self._last_s, what="the next second")
        command = [str(PROGRAM), "-f", "-s", str(self._state), str(self._config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        self._last_s = int(clock.utc_now().timestamp())
        assert done.returncode == 0, done.stderr
        assert "error" not in done.stderr, done.stderr


def _coarse_s() -> int:
    """The time as time(2) tells it, which logrotate asks: some milliseconds behind the clock."""
    return int(time.clock_gettime(_REALTIME_COARSE))


def history(log: Path, *more_folders: Path) -> list[bytes]:
    """The content of every rotated copy, oldest first, and of the live file; compressed ones are expanded."""
    found = []
    for folder in (log.parent, *more_folders):
        for path in folder.glob(f"{log.stem}*") if folder.exists() else ():
            if path.is_file() and path != log:
                found.append(path)
    found.sort(key=_age)
    contents = [gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in found]
    return [*contents, log.read_bytes() if log.exists() else b""]


def _age(path: Path) -> tuple[int, str]:
    """Sorts app.log.3 before app.log.2, and app.log-20260101 before app.log-20260102."""
    number = re.search(r"\d[\d-]*", path.name)
    assert number is not None, path
    return (-int(number[0]), "") if len(number[0]) < 5 else (0, number[0])
