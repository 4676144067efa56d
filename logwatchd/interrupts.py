"""Ctrl-C, and what else ends a command before its time: the process dies of that signal, wherever it struck.

Of the signal itself, not with an exit code like it: a shell gives `$?` as 130 for both, but leaves its loop only when
what it ran has died of SIGINT.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

TYPE_CHECKING = False  # of `typing`, which takes longer to import than all else here: Ctrl-C may come meanwhile
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import NoReturn

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_AGAIN_S = 1.0
_FLUSH_S = 1.0

_came: list[tuple[int, float]] = []  # the signals that broke off what was being done, and when


def take(number: int, handler: Callable[[int, FrameType | None], object]) -> None:
    """Handle a signal, unless whoever started us has it ignored, as nohup does, and a script that puts an & behind."""
    if signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, handler)


def end_at_once(number: int) -> None:
    """Die of the signal where it strikes: for the time when there is nothing to clean up, such as before imports, which
    make other errors of an exception that strikes them (pyo3 panics)."""
    take(number, _at_once)


def break_off() -> None:
    """Leave what is being done by a KeyboardInterrupt from now on, so that it cleans up."""
    for number in ENDING:
        take(number, _break_off)


def done() -> None:
    """What could be broken off has come to its end, and has cleaned up."""
    for number in ENDING:
        if signal.getsignal(number) is _break_off:
            end_at_once(number)


def let_go() -> None:
    """Nothing is left to be written. Python deals with no signal while it takes itself down; the kernel does."""
    for number in ENDING:
        if signal.getsignal(number) is _at_once:
            signal.signal(number, signal.SIG_DFL)


def raise_again() -> None:
    """What struck where an exception gets lost or becomes another one, such as a callback from C, is not lost."""
    if _came:
        raise KeyboardInterrupt


def die() -> NoReturn:
    """End the process by the signal that came, SIGINT if none is known, when all has been cleaned up."""
    _die(_came[0][0] if _came else signal.SIGINT)


def _at_once(number: int, frame: FrameType | None) -> None:
    _die(number)


def _break_off(number: int, frame: FrameType | None) -> None:
    """One that follows at once is no second wish: keys repeat, and what started us may pass on what we got as well. It
    would break off the cleaning up. A later one breaks off whatever holds that up."""
    now = time.monotonic()
    if _came and now < _came[-1][1] + _AGAIN_S:
        return
    _came.append((number, now))
    raise KeyboardInterrupt


def _die(number: int) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)
    # Whoever reads our output may have stopped. A second signal does not wait for this one's time either.
    signal.signal(signal.SIGALRM, lambda *_: _strike(number))
    signal.setitimer(signal.ITIMER_REAL, _FLUSH_S)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError, RuntimeError):  # full, closed, or the one interrupted
            stream.flush()
    _strike(number)


def _strike(number: int) -> NoReturn:
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # as PID 1, which no signal kills
