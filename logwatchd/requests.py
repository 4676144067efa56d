"""What is asked of the running daemon, by signals and by its own threads, and what of it comes first."""

from __future__ import annotations

import os
import queue
import signal
from collections.abc import Sequence
from enum import Enum, auto
from types import FrameType

from logwatchd import clock

_AGAIN_S = 1.0


class Request(Enum):
    """One thing to do. Several of a kind that wait are one: each is done after all of them were asked for."""

    STOP = auto()
    RELOAD = auto()
    ENDED = auto()  # standard input was all there was to follow
    LEARNED = auto()  # the warm-up's baseline is in its place
    DIED = auto()  # a stage
    EVICTED = auto()  # the state folder is not ours any more


_ENDING = {Request.STOP, Request.ENDED, Request.DIED, Request.EVICTED}


class Phase(Enum):
    """How far the daemon is: what a signal leads to depends on it."""

    STARTING = auto()
    SERVING = auto()
    STOPPING = auto()


def first_of(waiting: Sequence[Request]) -> tuple[Request, list[Request]]:
    """The one to deal with now, and what is left after it: what ends the daemon goes first, else what waits longest."""
    chosen = next((request for request in waiting if request in _ENDING), waiting[0])
    return chosen, [request for request in waiting if request is not chosen]


class Requests:
    """`put`: any thread; the rest: the main thread."""

    def __init__(self) -> None:
        self.phase = Phase.STARTING
        self._asked_at: float | None = None  # to stop, by a signal
        self._queue: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._waiting: list[Request] = []

    def listen(self) -> None:
        """Take the signals from now on. A SIGHUP that comes while starting leads to a reload after it."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._signalled)

    def put(self, request: Request) -> None:
        self._queue.put(request)

    def next(self, timeout_s: float) -> Request | None:
        """What is to be done now; None when nothing was asked for in that time."""
        if not self._waiting:
            try:
                self._waiting.append(self._queue.get(timeout=timeout_s))
            except queue.Empty:
                return None
        while not self._queue.empty():
            self._waiting.append(self._queue.get())
        chosen, self._waiting = first_of(self._waiting)
        return chosen

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        """Only enqueues: a handler may interrupt anything. But a start can be left at any point, for nothing was read
        yet, and without an exception, which gets lost in some imports; and the second request to stop is not a
        request, unless it is the first one: keys repeat, and what started us may pass on what we got as well."""
        if number == signal.SIGHUP:
            self._queue.put(Request.RELOAD)
        elif self.phase is Phase.STARTING:
            os._exit(0)
        elif self.phase is Phase.SERVING:
            self._asked_at = self._asked_at or clock.monotonic()
            self._queue.put(Request.STOP)
        elif self._asked_at is None or clock.monotonic() >= self._asked_at + _AGAIN_S:
            os._exit(128 + number)
