"""The bounded way from ingest to scoring: blocks in flight, from being read until their position is committed.

When it is full the reader stops reading: the log file itself is the buffer.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable

from logwatchd.records import Block, Lane

MAX_BYTES = 16 << 20
MAX_BLOCKS = 256


def _nobody() -> None:
    """Nobody is to be woken yet."""


class BlockQueue:
    """Blocks in order, bounded by count and bytes until they are `done`, not until they are taken.

    A file may have as much in flight as is free: half of it all where it is alone, a third each where there are two. So
    some is always left for the lines of another (A. Choudhury and E. Hahne, Dynamic Queue Length Thresholds for
    Shared-Memory Packet Switches, 1998).

    One producer, one consumer. `on_block` wakes the consumer and `on_room` the producer; the wiring sets both.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, max_blocks: int = MAX_BLOCKS) -> None:
        self._max_bytes = max_bytes
        self._max_blocks = max_blocks
        self._lock = threading.Lock()
        self._waiting: deque[Block] = deque()
        self._bytes_in_flight = 0
        self._blocks_in_flight = 0
        self._bytes_of: Counter[Lane] = Counter()  # in flight, by file
        self._blocks_of: Counter[Lane] = Counter()
        self.on_block: Callable[[], None] = _nobody
        self.on_room: Callable[[], None] = _nobody

    def room(self, lane: Lane | None = None) -> bool:
        """Whether one more block may be put, of this file; one may always be put when nothing is in flight."""
        with self._lock:
            free_bytes = self._max_bytes - self._bytes_in_flight
            free_blocks = self._max_blocks - self._blocks_in_flight
            if lane is None:
                return free_bytes > 0 and free_blocks > 0
            return self._bytes_of[lane] < free_bytes and self._blocks_of[lane] < free_blocks

    def put(self, block: Block) -> None:
        """Hand a block over. The producer asks `room` first; a put is never refused."""
        with self._lock:
            self._waiting.append(block)
            self._bytes_in_flight += len(block.data)
            self._blocks_in_flight += 1
            self._bytes_of[block.lane] += len(block.data)
            self._blocks_of[block.lane] += 1
        self.on_block()

    def take(self) -> list[Block]:
        """All blocks that wait, oldest first; may be empty."""
        with self._lock:
            blocks = list(self._waiting)
            self._waiting.clear()
        return blocks

    def done(self, block: Block) -> None:
        """The block's position is committed, or never will be: its room is free again."""
        lane = block.lane
        with self._lock:
            self._bytes_in_flight -= len(block.data)
            self._blocks_in_flight -= 1
            self._bytes_of[lane] -= len(block.data)
            self._blocks_of[lane] -= 1
            if not self._blocks_of[lane]:
                del self._bytes_of[lane], self._blocks_of[lane]
        self.on_room()

    @property
    def in_flight(self) -> int:
        """Blocks that are read but not yet committed."""
        with self._lock:
            return self._blocks_in_flight
