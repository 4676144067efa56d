"""What the shop does without being asked: ending idle sessions and filling up the stock."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from _demo.shop.store import Store

INTERVAL_S = 0.7
LOW_PIECES = 4
FULL_PIECES = 12

log = logging.getLogger("shop.jobs")


class Jobs(threading.Thread):
    """Does one job after the other, one an interval; a job that fails is logged and tried again at its next turn."""

    def __init__(self, store: Store, session_lifetime_s: Callable[[], int]) -> None:
        super().__init__(name="jobs", daemon=True)
        self._store = store
        self._session_lifetime_s = session_lifetime_s
        self._stopping = threading.Event()

    def run(self) -> None:
        jobs = (self._end_sessions, self._restock)
        turn = 0
        while not self._stopping.wait(INTERVAL_S):
            job = jobs[turn % len(jobs)]
            turn += 1
            try:
                job()
            except Exception as error:
                log.exception("job %s failed: %s", job.__name__.removeprefix("_"), error)

    def stop(self) -> None:
        self._stopping.set()

    def _end_sessions(self) -> None:
        began = time.monotonic()
        removed, left = self._store.end_sessions(self._session_lifetime_s())
        took_ms = (time.monotonic() - began) * 1000
        log.info("sessions: %d idle ones ended, %d open, in %.1f ms", removed, left, took_ms)

    def _restock(self) -> None:
        filled = self._store.restock(LOW_PIECES, FULL_PIECES)
        for product in filled:
            log.warning("stock: %s (product %d) was down to %d pieces", product.name, product.id, product.pieces)
        log.info("stock: %d products filled up to %d pieces", len(filled), FULL_PIECES)
