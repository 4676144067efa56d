"""The thread that repeats a stage."""

from __future__ import annotations

import threading
from types import FrameType
from typing import Any

import pytest

from logwatchd.errors import RetryableError
from logwatchd.stage import StageThread, start_all
from tests.helpers import no_threads

LONG_S = 30.0  # a stage that has nothing to do for so long
_LINES = 7  # that the thread passes before its first wait, at least


class Idle:
    """A stage without work."""

    name = "idle"

    def run_once(self, now: float) -> float:
        return LONG_S


@pytest.mark.parametrize("number", range(1, _LINES + 1))
def test_a_stop_ends_the_wait_at_whichever_line_it_comes(number: int) -> None:
    crashes: list[BaseException] = []
    thread = StageThread(Idle(), lambda name, error: crashes.append(error))
    lines = iter(range(1, 1000))

    def at_line(frame: FrameType, event: str, argument: object) -> Any:
        if event == "line" and next(lines) == number:
            thread.stop()
        return at_line

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        return at_line if frame.f_code is StageThread._repeat.__code__ else None

    threading.settrace(trace)
    try:
        thread.start()
    finally:
        threading.settrace(None)
    assert thread.join(LONG_S / 3)
    assert not crashes


class Busy(Idle):
    """Tells of its turns."""

    def __init__(self, turned: threading.Event) -> None:
        self._turned = turned

    def run_once(self, now: float) -> float:
        self._turned.set()
        return LONG_S


def test_stages_start_all_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    crashes: list[BaseException] = []
    turned = threading.Event()
    first, second = (StageThread(Busy(turned), lambda name, error: crashes.append(error)) for _ in range(2))
    start = StageThread.start

    def start_alone(thread: StageThread) -> None:
        if thread is first:
            start(thread)
            assert turned.wait(LONG_S)
        else:
            with no_threads():
                start(thread)

    monkeypatch.setattr(StageThread, "start", start_alone)
    with pytest.raises(RetryableError, match=r"no thread for the idle stage .*TasksMax="):
        start_all([first, second])
    assert first.join(0.0)
    assert second.join(0.0)
    assert not crashes
