"""A running daemon with a baseline, and what it writes, with the moment at which it was read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from _bench import BenchError
from _bench.runs import PROGRAM

START_LIMIT_S = 30.0
STOP_LIMIT_S = 30.0
_POLL_S = 0.0005


class Watching:
    """`logwatchd run` in a folder of its own, by default with the local embedder and no keys. Owns its process."""

    def __init__(
        self,
        folder: Path,
        paths: list[str],
        baseline: Path,
        start_at: str = "end",
        extra: str = "",
        keys: Mapping[str, str] | None = None,
    ) -> None:
        """extra: tables of its configuration. keys: variables of its environment."""
        self._keys = dict(keys or {})
        self.entries: list[tuple[float, dict[str, Any]]] = []
        self._config = folder / "logwatchd.toml"
        self._config.write_text(
            f"state_dir = {json.dumps(str(folder / 'state'))}\n[[source]]\npaths = {json.dumps(paths)}\n"
            f'start_at = "{start_at}"\n[baseline]\npath = {json.dumps(str(baseline))}\n{extra}'
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Raises BenchError if it is not running."""
        if self._process is None:
            raise BenchError("logwatchd run is not running")
        return self._process.pid

    def event(
        self, name: str, told: Callable[[dict[str, Any]], bool] = lambda entry: True, limit_s: float = 600
    ) -> float:
        """Wait for such an entry; returns when it was read, as time.perf_counter() counts.

        Raises:
            BenchError: it ended, or the entry did not come within the limit.
        """
        deadline, looked_at = time.perf_counter() + limit_s, 0
        while time.perf_counter() < deadline:
            while looked_at < len(self.entries):
                at, entry = self.entries[looked_at]
                looked_at += 1
                if entry.get("event") == name and told(entry):
                    return at
            if self._process is None or self._process.poll() is not None:
                raise BenchError(f"logwatchd run ended: {self.entries[-1:] or 'it said nothing'}")
            time.sleep(_POLL_S)
        raise BenchError(f"logwatchd run did not say {name} within {limit_s:g} s: {self.entries[-3:]}")

    def __enter__(self) -> Self:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LOGWATCHD_", "NOTIFY_"))}
        for name in ("JOURNAL_STREAM", "STATE_DIRECTORY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
            kept.pop(name, None)
        kept |= self._keys
        self._process = subprocess.Popen(
            [PROGRAM, "run", "--config", str(self._config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=kept,
        )
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()
        try:
            self.event("READY", limit_s=START_LIMIT_S)
        except BenchError:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            at = time.perf_counter()
            try:
                self.entries.append((at, json.loads(line)))
            except ValueError:
                self.entries.append((at, {"event": "", "text": line.decode(errors="replace")}))
