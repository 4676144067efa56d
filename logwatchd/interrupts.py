"""Ctrl-C, and what else ends a command before its time: the process dies of that signal, wherever it struck.

Of the signal itself, not with an exit code like it: a shell gives `$?` as 130 for both, but leaves its loop only when
what it ran has died of SIGINT.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NoReturn

_came: list[int] = []  # the signals, as they came


def take(number: int, handler: Callable[[int, FrameType | None], object]) -> None:
    """Handle a signal, unless whoever started us has it ignored, as nohup does, and a script that puts an & behind."""
    if signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, handler)


def end_at_once(number: int) -> None:
    """Die of the signal where it strikes: for the time before there is anything to clean up, such as imports, which
    make other errors of an exception that strikes them (pyo3 panics)."""
    take(number, lambda number, frame: _die(number))


def break_off(number: int) -> None:
    """Leave what is being done by a KeyboardInterrupt from now on, so that it cleans up."""
    take(number, _break_off)


def raise_again() -> None:
    """What struck where an exception gets lost or becomes another one, such as a callback from C, is not lost."""
    if _came:
        raise KeyboardInterrupt


def die() -> NoReturn:
    """End the process by the signal that came, SIGINT if none is known, when all has been cleaned up."""
    _die(_came[0] if _came else signal.SIGINT)


def _break_off(number: int, frame: FrameType | None) -> NoReturn:
    _came.append(number)
    raise KeyboardInterrupt


def _die(number: int) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)  # first: whoever reads our output may not let us flush it
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError, RuntimeError):  # full, closed, or the one interrupted
            stream.flush()
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # blocked, as a parent may leave it
