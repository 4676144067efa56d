"""The last events of each file, which an alert on its next line is told with."""

from __future__ import annotations

from collections import OrderedDict, deque

from logwatchd.records import Block, Lane

CONTEXT_LINES = 50
_MAX_EVENT_BYTES = 16_384
_MAX_BYTES = 8 << 20
_ENTRY_BYTES = 50  # what an event takes beside its text


class Context:
    """Owned by the score stage. When it is full, the files that were quiet the longest are forgotten."""

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._files: OrderedDict[Lane, deque[bytes]] = OrderedDict()  # the one that spoke last at the end
        self._max_bytes = max_bytes
        self._bytes = 0

    def before(self, file: Lane) -> tuple[bytes, ...]:
        """The file's last events, oldest first, one line each."""
        return tuple(self._files.get(file, ()))

    def remember(self, block: Block) -> None:
        """Keep the last events of a block that is dealt with."""
        events = self._files.pop(block.lane, None) or deque(maxlen=CONTEXT_LINES)
        self._bytes -= _size(events)
        last = block.flat()[:-1].rsplit(b"\n", CONTEXT_LINES)[-CONTEXT_LINES:]
        events.extend(event[:_MAX_EVENT_BYTES] for event in last)
        self._files[block.lane] = events
        self._bytes += _size(events)
        while self._bytes > self._max_bytes and len(self._files) > 1:
            self._bytes -= _size(self._files.popitem(last=False)[1])


def _size(events: deque[bytes]) -> int:
    return sum(map(len, events)) + _ENTRY_BYTES * len(events)
