"""The bounded way from ingest to scoring: blocks in flight, from being read until their position is committed.

When it is full the reader stops reading: the log file itself is the buffer.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from logwatchd.records import Block

MAX_BYTES = 16 << 20
MAX_BLOCKS = 256


def _nobody() -> None:
    """Nobody is to be woken yet."""


class BlockQueue:
    """Blocks in order, bounded by count and bytes until they are `done`, not until they are taken.

    One producer, one consumer. `on_block` wakes the consumer and `on_room` the producer; the wiring sets both.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, max_blocks: int = MAX_BLOCKS) -> None:
        self._max_bytes = max_bytes
        self._max_blocks = max_blocks
        self._lock = threading.Lock()
        self._waiting: deque[Block] = deque()
        self._bytes_in_flight = 0
        self._blocks_in_flight = 0
        self.on_block: Callable[[], None] = _nobody
        self.on_room: Callable[[], None] = _nobody

    def room(self) -> bool:
        """Whether one more block may be put; one may always be put when nothing is in flight."""
        with self._lock:
            return self._bytes_in_flight < self._max_bytes and self._blocks_in_flight < self._max_blocks

    def put(self, block: Block) -> None:
        """Hand a block over. The producer asks `room` first; a put is never refused."""
        with self._lock:
            self._waiting.append(block)
            self._bytes_in_flight += len(block.data)
            self._blocks_in_flight += 1
        self.on_block()

    def take(self) -> list[Block]:
        """All blocks that wait, oldest first; may be empty."""
        with self._lock:
            blocks = list(self._waiting)
            self._waiting.clear()
        return blocks

    def done(self, block: Block) -> None:
        """The block's position is committed: its room is free again."""
        with self._lock:
            self._bytes_in_flight -= len(block.data)
            self._blocks_in_flight -= 1
        self.on_room()

    @property
    def in_flight(self) -> int:
        """Blocks that are read but not yet committed."""
        with self._lock:
            return self._blocks_in_flight
