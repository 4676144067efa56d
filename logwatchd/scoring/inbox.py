"""Blocks that nobody has looked at yet: files take turns, so that one with very much to say holds up no other."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable

from logwatchd.records import Block, Lane


class Inbox:
    """Owned by the score stage; the queue that the blocks come from bounds it."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[Lane, deque[Block]] = OrderedDict()  # the one that was served last at the end

    def extend(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            self._lanes.setdefault(block.lane, deque()).append(block)

    def next(self, busy: Collection[Lane | None]) -> Block | None:
        """The oldest block of the file whose turn it is; those that are busy are passed over."""
        lane = self._next(busy)
        if lane is None:
            return None
        blocks = self._lanes.pop(lane)
        block = blocks.popleft()
        if blocks:
            self._lanes[lane] = blocks
        return block

    def has_other_than(self, busy: Collection[Lane | None]) -> bool:
        """Whether `next` has one."""
        return self._next(busy) is not None

    def leave(self, may: Callable[[Block], bool]) -> list[Block]:
        """Take out whole files: those that did not start anew meanwhile, and whose newest block may be left."""
        lanes = [
            lane
            for lane, blocks in self._lanes.items()
            if all(block.file == blocks[-1].file for block in blocks) and may(blocks[-1])
        ]
        return [block for lane in lanes for block in self._lanes.pop(lane)]

    def _next(self, busy: Collection[Lane | None]) -> Lane | None:
        return next((lane for lane in self._lanes if lane not in busy), None)
