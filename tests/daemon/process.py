"""A real `logwatchd run` as a child process, with a real notify socket and its JSON log lines."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.helpers import wait_until
from tests.scoring.making import NORMAL, block_of

ROOT = Path(__file__).resolve().parents[2]


class Daemon:
    """One daemon in a folder of its own: logs/, state/, baseline, logwatchd.toml. Ends the process it started."""

    def __init__(self, folder: Path, extra: str = "", env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.state = folder / "state"
        self.baseline = folder / "baseline"
        self.config = folder / "logwatchd.toml"
        self.log = self.logs / "app.log"
        self.entries: list[dict[str, Any]] = []
        self.notified: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None
        self._env = dict(env or {})
        self.logs.mkdir(exist_ok=True)
        self.write_config(extra)

    def write_config(self, extra: str = "", paths: Sequence[str] = ()) -> None:
        """A configuration that follows logs/*.log (or `paths`), with `extra` tables behind it."""
        globs = json.dumps(list(paths) or [f"{self.logs}/*.log"])
        self.config.write_text(
            f'state_dir = "{self.state}"\n[[source]]\npaths = {globs}\n[baseline]\npath = "{self.baseline}"\n{extra}'
        )

    def learn(self, lines: Sequence[str] = NORMAL * 300) -> None:
        """Build the baseline by the command, from a file that is not followed."""
        good = self.folder / "good.txt"
        good.write_bytes(block_of(lines))
        done = self.command("baseline", "build", "--output", self.baseline, "--config", self.config, good)
        assert done.returncode == 0, done.stderr

    def argv(self, *args: object) -> list[str]:
        """Of a logwatchd command."""
        return [sys.executable, "-m", "logwatchd", *map(str, args)]

    def environment(self) -> dict[str, str]:
        """What our processes are started with."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LOGWATCHD_", "NOTIFY_"))}
        for name in ("JOURNAL_STREAM", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY"):
            kept.pop(name, None)
        return {**kept, "PYTHONPATH": str(ROOT), **self._env}

    def command(self, *args: object) -> subprocess.CompletedProcess[str]:
        """Another logwatchd command, in the daemon's environment."""
        return subprocess.run(
            self.argv(*args), capture_output=True, text=True, env=self.environment(), timeout=60, check=False
        )

    def start(self, ready: bool = True) -> None:
        """Start it, and wait for READY=1."""
        self.notified = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        address = self.folder / "notify"
        address.unlink(missing_ok=True)
        self._socket.bind(str(address))
        self._listener = threading.Thread(target=self._listen, args=(self._socket, self.notified), daemon=True)
        self._listener.start()
        self.process = subprocess.Popen(
            self.argv("run", "--config", self.config),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**self.environment(), "NOTIFY_SOCKET": str(address)},
        )
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        if ready:
            self.wait(lambda: "READY=1" in self.notified, "READY=1")

    def append(self, *lines: str, file: Path | None = None) -> None:
        with (file or self.log).open("ab") as out:
            out.write(block_of(lines))

    def events(self, name: str) -> list[dict[str, Any]]:
        return [entry for entry in list(self.entries) if entry.get("event") == name]

    def alerted(self) -> list[str]:
        """The lines that were alerted, in order."""
        return [entry["line"] for entry in self.events("ANOMALY")]

    def status(self) -> str:
        """What systemd was told last."""
        return next((line for line in reversed(self.notified) if line.startswith("STATUS=")), "")

    def wait(self, predicate: Any, what: str, timeout_s: float = 60.0) -> None:
        """Wait for a condition, but not for a dead process."""

        def done() -> object:
            assert self.process is not None
            if predicate():
                return True
            if self.process.poll() is not None:
                self._reader.join()
                assert predicate(), f"{what}: the daemon ended with {self.process.returncode}: {self.entries[-3:]}"
                return True
            return False

        wait_until(done, timeout_s, what)

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout_s: float = 60.0) -> int:
        """Send the signal and wait for the end; returns the exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        status = self.process.wait(timeout_s)
        self._reader.join(60)
        self._hear_out()
        self.process = None
        return status

    def stored(self) -> list[str]:
        """The lines of all alerts in the outbox, in order."""
        with sqlite3.connect(f"file:{self.state}/alerts.sqlite3?mode=ro", uri=True) as database:
            rows = database.execute("SELECT alert FROM alerts ORDER BY seq").fetchall()
        return [json.loads(row[0])["line"] for row in rows]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            self._hear_out()

    def _hear_out(self) -> None:
        """Take what the daemon has sent, and end the listener."""
        self._socket.shutdown(socket.SHUT_RD)  # what has come is still received
        self._listener.join(60)

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            try:
                self.entries.append(json.loads(line))
            except ValueError:
                self.entries.append({"event": "", "text": line.decode(errors="replace")})

    @staticmethod
    def _listen(receiver: socket.socket, into: list[str]) -> None:
        with receiver:  # closed by nobody else: while we wait, its number might be given out again
            while data := receiver.recv(8192):
                into.extend(data.decode().split("\n"))
