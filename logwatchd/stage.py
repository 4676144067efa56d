"""A stage of the pipeline and the thread that repeats it.

A stage never blocks: `run_once` does what there is to do and says how long it can be left alone. All waiting happens
here, so a stage can be tested without a thread, and a heartbeat that goes stale means that a stage hangs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from logwatchd import clock
from logwatchd.errors import RetryableError, starved

_JOIN_S = 1.0
_SLICE_S = 1.0  # of waiting, between two heartbeats

OnCrash = Callable[[str, BaseException], None]


class Stage(Protocol):
    """One job of the pipeline, owned by one thread."""

    @property
    def name(self) -> str:
        """A short noun; the thread is named after it."""

    def run_once(self, now: float) -> float:
        """Do the work that is due.

        Args:
            now: monotonic seconds, read once for this turn.

        Returns:
            Seconds until the next turn at the latest; 0 when there is more to do at once.
        """


class StageThread:
    """Repeats one stage until it is stopped. Owns its thread, its wake-up flag and its heartbeat."""

    def __init__(self, stage: Stage, on_crash: OnCrash, max_turn_s: float = 0.0) -> None:
        """max_turn_s: how long a turn of this stage may take when all is well, where it waits for others inside one."""
        self.quiet_s = max_turn_s + 2 * _SLICE_S
        """A heartbeat that is older may be a hang; a younger one is none."""
        self._stage = stage
        self._on_crash = on_crash
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._beat = clock.monotonic()
        self._thread = threading.Thread(target=self._repeat, name=stage.name, daemon=True)

    @property
    def name(self) -> str:
        return self._stage.name

    def start(self) -> None:
        """Raises RetryableError where there is no thread or no memory for it."""
        try:
            self._thread.start()
        except (RuntimeError, MemoryError) as error:
            raise starved(f"the {self.name} stage", error) from None

    def wake(self) -> None:
        """Ask for a turn now. Any thread may call it, also before `start`."""
        self._wake.set()

    def stop(self) -> None:
        """Let the present turn be the last one; returns at once."""
        self._stopping.set()
        self._wake.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the last turn to end; True when it has, or there was none."""
        if self._thread.ident is not None:
            self._thread.join(max(0.0, timeout_s))
        return not self._thread.is_alive()

    def heartbeat_age_s(self, now: float) -> float:
        """Seconds since the stage last began or ended a turn."""
        return now - self._beat

    def _repeat(self) -> None:
        try:
            while True:
                # Cleared before the work: what arrives during the work asks for another turn; and before the look at
                # `_stopping`, whose `stop` sets both: else a stop in between would be slept over.
                self._wake.clear()
                if self._stopping.is_set():
                    return
                self._beat = now = clock.monotonic()
                delay_s = self._stage.run_once(now)
                self._beat = clock.monotonic()
                if delay_s > 0:
                    self._wait(delay_s)
        except BaseException as error:  # ends the process: half a pipeline must not look healthy
            self._on_crash(self._stage.name, error)

    def _wait(self, delay_s: float) -> None:
        """Wait in slices, so that an idle stage still has a fresh heartbeat."""
        deadline = clock.monotonic() + delay_s
        while (left_s := deadline - clock.monotonic()) > 0:
            if self._wake.wait(min(left_s, _SLICE_S)):
                return
            self._beat = clock.monotonic()


def start_all(threads: Sequence[StageThread]) -> None:
    """Start these, in their order, or none of them.

    Raises:
        RetryableError: there is no thread or no memory for one.
    """
    try:
        for thread in threads:
            thread.start()
    except RetryableError:
        for thread in threads:
            thread.stop()
        for thread in threads:
            thread.join(_JOIN_S)
        raise
