"""A real `logwatchd tail` as a child process: started, frozen, killed, and asked what it delivered."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.conftest import ROOT
from tests.helpers import wait_until


class Follower:
    """One tailer in a folder of its own: logwatchd.toml, state/, delivered. Ends the process it started.

    folder: is created if need be; two followers of the same logs have two folders. start: how the process is started,
    for tests that do that in another way than `logwatchd`.
    """

    def __init__(
        self,
        folder: Path,
        *patterns: str | Path,
        state: Path | None = None,
        env: Mapping[str, str] | None = None,
        start: tuple[str, ...] = (sys.executable, "-m", "logwatchd"),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.state = state or folder / "state"
        self.output = folder / "delivered"
        self.process: subprocess.Popen[bytes] | None = None
        self._errors = folder / "stderr"
        self._config = folder / "logwatchd.toml"
        self._config.write_text(
            f"state_dir = {json.dumps(str(self.state))}\n[[source]]\n"
            f'paths = {json.dumps([str(pattern) for pattern in patterns])}\nstart_at = "beginning"\n'
        )
        self._argv = (*start, "tail", "--config", str(self._config), "--output", str(self.output))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LOGWATCHD_")}
        for name in ("JOURNAL_STREAM", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY"):
            kept.pop(name, None)
        self._env = {**kept, "PYTHONPATH": str(ROOT), **(env or {})}
        self.output.touch()
        self._errors.touch()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def delivered(self) -> bytes:
        return self.output.read_bytes()

    @property
    def lines(self) -> list[bytes]:
        return self.delivered.split(b"\n")[:-1]

    @property
    def said(self) -> str:
        """What it wrote to stderr, in all its runs."""
        return self._errors.read_text(errors="replace")

    def start(self) -> None:
        with self._errors.open("ab") as errors:
            self.process = subprocess.Popen(
                self._argv, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, env=self._env
            )

    def wait(self, predicate: Callable[[], object], what: str, timeout_s: float = 60.0) -> None:
        """Wait for a condition, but not for a dead process."""

        def done() -> bool:
            if predicate():
                return True
            assert self.process is not None
            assert self.process.poll() is None, f"{what}: it ended with {self.process.returncode}: {self.said}"
            return False

        wait_until(done, timeout_s, what)

    def wait_for(self, count: int, timeout_s: float = 60.0) -> list[bytes]:
        """Wait until so many lines are delivered; returns all that are."""
        self.wait(lambda: len(self.lines) >= count, f"the delivery of {count} lines", timeout_s)
        return self.lines

    def wait_bytes(self, expected: bytes, timeout_s: float = 60.0) -> None:
        """Wait until as many bytes are delivered as are expected, and hold them to be the same."""
        self.wait(lambda: self.output.stat().st_size >= len(expected), f"{len(expected)} bytes", timeout_s)
        self.assert_delivered(expected)

    def assert_delivered(self, expected: bytes) -> None:
        """Hold what is delivered to be exactly this, and say in which way it is not."""
        if self.delivered == expected:
            return
        wanted, got = Counter(expected.split(b"\n")), Counter(self.lines)
        pytest.fail(
            f"{self.output}: never delivered: {list((wanted - got).elements())[:5]}, "
            f"too often: {list((got - wanted).elements())[:5]}, or in another order; it said: {self.said}"
        )

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Everything within happens between two of its looks."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            wait_until(self._is_stopped, what="the stop of every thread")
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """SIGTERM, and hold it to end well."""
        assert self.process is not None
        self.process.terminate()
        status = self.process.wait(60)
        self.process = None
        assert status == 0, self.said

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None:
            self.kill()

    def _is_stopped(self) -> bool:
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return all((task / "stat").read_text().rsplit(")", 1)[1].split()[0] == "T" for task in tasks)
