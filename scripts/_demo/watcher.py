"""logwatchd itself as the demonstration sees it: its command line, its readiness, and every word that it says."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from _demo import children
from _demo.children import ChildError
from _demo.verdict import Told
from logwatchd.journal import Event
from logwatchd.parsing.level import level_of
from logwatchd.records import Alert, Analysis, FileId, Severity

READY_TIMEOUT_S = 20.0
_LAST_WORDS = 8


@dataclass(frozen=True, slots=True)
class Joined:
    """A line of another kind that logwatchd put to an incident of which it had told before."""

    alert_id: str
    line: str
    reason: str


@dataclass(frozen=True, slots=True)
class Words:
    """Claude's analysis of an alert."""

    alert_id: str
    analysis: Analysis


def logwatchd(*arguments: str) -> list[str]:
    """The command that was installed beside this Python."""
    return [str(Path(sys.executable).parent / "logwatchd"), *arguments]


def learn(baseline: Path, config: Path, logs: list[Path]) -> str:
    """Build the baseline; what the command said last.

    Raises:
        ChildError: it failed.
    """
    command = logwatchd("baseline", "build", "--output", str(baseline), "--config", str(config), *map(str, logs))
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=children.environment(), timeout=60
    )
    said = (done.stdout + done.stderr).strip().splitlines() or ["it said nothing"]
    if done.returncode != 0:
        raise ChildError(f"'logwatchd baseline build' failed with status {done.returncode}: {said[-1]}")
    return said[-1].removeprefix(f"{baseline}: ")


class Watcher:
    """Owns the `logwatchd run` process, its readiness socket and the thread that reads its log."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._told: list[Told] = []
        self._joined: list[Joined] = []
        self._words: list[Words] = []
        self._last: deque[str] = deque(maxlen=_LAST_WORDS)
        self._process: subprocess.Popen[bytes] | None = None
        self._reader = threading.Thread(target=self._read, name="watcher", daemon=True)

    def __enter__(self) -> Watcher:
        # An abstract address needs no file, so that a long folder name cannot make it too long.
        address = f"logwatchd-demo-{os.getpid()}-{secrets.token_hex(4)}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as readiness:
            readiness.bind("\0" + address)
            readiness.settimeout(0.1)
            self._process = subprocess.Popen(
                children.tied_to_us(logwatchd("run", "--config", str(self._config))),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=children.environment({"NOTIFY_SOCKET": f"@{address}"}),
                start_new_session=True,
            )
            try:
                self._reader.start()
                self._wait_until_ready(readiness)
            except BaseException:
                self.__exit__()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._reader.join(children.STOP_TIMEOUT_S)
            children.stop(self._process)

    def _wait_until_ready(self, readiness: socket.socket) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                if b"READY=1" in readiness.recv(4096).split(b"\n"):
                    return
            except TimeoutError:
                self.check()
        raise ChildError(f"'logwatchd run' was not ready after {READY_TIMEOUT_S:.0f} s; it said:\n{self.last_words()}")

    def check(self) -> None:
        """Raises ChildError when logwatchd has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            self._reader.join(1.0)
            raise ChildError(f"'logwatchd run' ended with {self._process.returncode}; it said:\n{self.last_words()}")

    @property
    def told(self) -> tuple[Told, ...]:
        """Every alert so far."""
        with self._lock:
            return tuple(self._told)

    @property
    def joined(self) -> tuple[Joined, ...]:
        """Every line so far that joined an incident and was the first of its kind in it."""
        with self._lock:
            return tuple(self._joined)

    @property
    def words(self) -> tuple[Words, ...]:
        """Every analysis so far."""
        with self._lock:
            return tuple(self._words)

    def last_words(self) -> str:
        with self._lock:
            return "\n".join(self._last)

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            line = raw.decode("utf-8", "replace").rstrip()
            at = time.time()
            entry = _object(line)
            told, joined, words = told_of(entry, at), joined_of(entry), words_of(entry)
            with self._lock:
                if last := last_word(line, entry):
                    self._last.append(last)
                if told:
                    self._told.append(told)
                if joined:
                    self._joined.append(joined)
                if words:
                    self._words.append(words)


def _object(line: str) -> Mapping[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def last_word(line: str, entry: Mapping[str, Any]) -> str:
    """What a line of logwatchd's output says of an early end; '' for its everyday entries."""
    if entry.get("level") in {"debug", "info"} or entry.get("event") == Event.ANOMALY.name:
        return ""
    if not entry:
        return line
    error = str(entry.get("traceback", "")).strip().rsplit("\n", 1)[-1]
    return f"{entry.get('level')}: {entry.get('message')}" + (f" ({error})" if error else "")


def told_of(entry: Mapping[str, Any], at: float) -> Told | None:
    """The alert that a log entry of logwatchd is, if it is one."""
    if entry.get("event") != Event.ANOMALY.name:
        return None
    # The place in the file and the lines before it do not stand in the entry, and are not shown either.
    return Told(
        at,
        Alert(
            id=str(entry["alert_id"]),
            fingerprint=str(entry["fingerprint"]),
            service=str(entry["service"]),
            path=str(entry["path"]),
            line=str(entry["line"]),
            pattern=str(entry["pattern"]),
            level=level_of(str(entry["line"])),
            score=float(entry["score"]),
            threshold=float(entry["threshold"]),
            distance=float(entry["distance"]),
            centroid=entry.get("centroid"),
            nearest_examples=tuple(map(str, entry["nearest"])),
            differs=tuple(map(str, entry["differs"])),
            context=(),
            severity=Severity(entry["severity"]),
            read_at=datetime.fromtimestamp(at, UTC),
            file=FileId(0, 0, 0),
            offset=0,
        ),
    )


def joined_of(entry: Mapping[str, Any]) -> Joined | None:
    """The growth of an incident that a log entry of logwatchd tells, if it does."""
    if entry.get("event") != Event.INCIDENT_GREW.name:
        return None
    return Joined(str(entry["alert_id"]), str(entry["line"]), str(entry["reason"]))


def words_of(entry: Mapping[str, Any]) -> Words | None:
    """The analysis that a log entry of logwatchd is, if it is one."""
    if entry.get("event") != Event.ANALYSIS.name:
        return None
    analysis = Analysis(
        likely_cause=str(entry["likely_cause"]),
        severity=Severity(entry["severity"]),
        suggested_action=str(entry["suggested_action"]),
        model=str(entry["model"]),
    )
    return Words(str(entry["alert_id"]), analysis)
