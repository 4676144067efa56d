"""Wakes whoever reads pipes: says once for each question that a handle can be read or that its other end is gone."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable

from logwatchd.errors import starved


class Readiness:
    """Owns one thread, which begins with the first question and only calls `on_ready`.

    `ask`, `is_ready`, `forget`, `close`: one thread. A handle that was never asked about counts as ready.
    """

    def __init__(self, on_ready: Callable[[], None]) -> None:
        self._on_ready = on_ready
        self._asked: set[int] = set()  # removed by our thread as it answers; single operations, so without a lock
        self._known: set[int] = set()
        self._epoll: select.epoll | None = None
        self._end = -1
        self._thread: threading.Thread | None = None
        self._fault: BaseException | None = None  # what ended our thread

    def is_ready(self, handle: int) -> bool:
        """Whether a read is due: the last question about it has been answered."""
        return handle not in self._asked

    def ask(self, handle: int) -> None:
        """Call `on_ready` as soon as the handle can be read, at once if it can now.

        A regular file, which epoll does not take, stays ready: a read of it never waits.

        Raises:
            RetryableError: there is no thread for it.
            BaseException: what ended the thread; without it nobody would ever be called.
        """
        if self._fault is not None:
            raise self._fault
        epoll = self._epoll or self._start()
        events = select.EPOLLIN | select.EPOLLONESHOT
        self._asked.add(handle)
        try:
            if handle in self._known:
                epoll.modify(handle, events)
            else:
                epoll.register(handle, events)
                self._known.add(handle)
        except PermissionError:
            self._asked.discard(handle)

    def forget(self, handle: int) -> None:
        """Ask no more; before the handle is closed, for its number will be given out again."""
        self._asked.discard(handle)
        if handle in self._known and self._epoll is not None:
            self._known.discard(handle)
            self._epoll.unregister(handle)

    def close(self) -> None:
        if self._epoll is None or self._thread is None:
            return
        os.eventfd_write(self._end, 1)
        self._thread.join()
        self._epoll.close()
        os.close(self._end)
        self._epoll = None

    def _start(self) -> select.epoll:
        epoll = select.epoll()
        thread = threading.Thread(target=self._answer, args=(epoll,), name="readiness", daemon=True)
        self._end = os.eventfd(0, os.EFD_CLOEXEC)
        epoll.register(self._end, select.EPOLLIN)
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            epoll.close()
            os.close(self._end)
            raise starved("whoever waits for pipes and journals", error) from None
        self._epoll, self._thread = epoll, thread
        return epoll

    def _answer(self, epoll: select.epoll) -> None:
        try:
            while True:
                ready = {handle for handle, _ in epoll.poll()}
                if self._end in ready:
                    return
                self._asked -= ready
                self._on_ready()
        except BaseException as error:
            self._fault = error
            self._asked.clear()  # they are looked at, and asked about again
            self._on_ready()
