"""Which position is to be written once a block has been dealt with. Thread-safe."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from logwatchd.ingest.identity import FileKey, Position
from logwatchd.records import Block


class Ledger:
    """Positions of blocks in flight, in order within one file."""

    def __init__(self, record: Callable[[Position], None]) -> None:
        """record: writes a position once its block has been dealt with."""
        self._record = record
        self._lock = threading.Lock()
        self._waiting: dict[FileKey, deque[Position]] = {}

    def emit(self, position: Position) -> None:
        """A block that ends at this position is about to be handed over."""
        with self._lock:
            self._waiting.setdefault(position.key, deque()).append(position)

    def commit(self, block: Block) -> None:
        """Write the block's position, unless it is not in flight (any more). Those before it are dealt with too."""
        key = FileKey(block.file.device, block.file.inode)
        with self._lock:
            waiting = self._waiting.get(key, deque())
            found = next((at for at in waiting if (at.file, at.offset) == (block.file, block.end)), None)
            if found is None:  # such as a block of standard input's, which can be a file that is followed as well
                return
            while waiting.popleft() is not found:
                pass
            if not waiting:
                del self._waiting[key]
            self._record(found)  # still locked: at no moment is a position neither here nor there

    def last(self, key: FileKey) -> Position | None:
        """How far a file has been read; None if everything that was read of it has been dealt with."""
        with self._lock:
            waiting = self._waiting.get(key)
            return waiting[-1] if waiting else None

    def is_idle(self, key: FileKey) -> bool:
        """Whether everything that was read from a file has been dealt with."""
        with self._lock:
            return key not in self._waiting

    def label(self, key: FileKey, path: str, live: bool) -> None:
        """The file has another name by now: what is still to be written says so."""
        with self._lock:
            waiting = self._waiting.get(key)
            if waiting:
                self._waiting[key] = deque(replace(position, path=path, live=live) for position in waiting)
