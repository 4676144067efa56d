"""Faults that nobody foresaw, over one line: it is told or passed over, so that the daemon does not end at it again and
again and leave all other lines unwatched."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path

from logwatchd.errors import LogwatchdError
from logwatchd.journal import Event, logger
from logwatchd.records import Block
from logwatchd.scoring.ids import Ids, PatternId
from logwatchd.scoring.judge import Judge
from logwatchd.scoring.places import Places
from logwatchd.vectors import Vectors

MOST = 100  # faults of a process; there are no so many lines of that kind
_NO_LINES = (MemoryError, OSError, LogwatchdError)  # the machine's faults, or foreseen ones


class Stumbles:
    """What was stumbled over, said and counted. Owned by one thread. lines: that were passed over."""

    def __init__(self) -> None:
        self.lines = 0
        self._left = MOST

    def admit(self, error: Exception) -> None:
        """Count a fault; it is raised where no line can be at fault."""
        if not self._left or isinstance(error, _NO_LINES):
            raise error
        self._left -= 1

    def ids_of(self, judge: Judge, block: Block, error: Exception) -> Ids:
        """The block's patterns, line by line. judge: a new one; what the old one knows may be half of it."""
        self.admit(error)
        logger("score").error(
            Event.STUMBLED, path=block.path, offset=block.offset, bytes=len(block.data), reason=_where(error)
        )
        return judge.ids_of_each(block.flat())

    def decide(self, judge: Judge, pattern_ids: Sequence[PatternId], vectors: Vectors, error: Exception) -> None:
        """Judge patterns one by one; what even so cannot be judged is as new as can be."""
        self.admit(error)
        logger("score").error(Event.STUMBLED, texts=len(pattern_ids), reason=_where(error))
        for row, pattern_id in enumerate(pattern_ids):
            try:
                judge.decide([pattern_id], vectors[row : row + 1])
            except Exception:
                judge.take_as_new(pattern_id)

    def pass_over(self, block: Block, event: int, error: Exception) -> None:
        """Say where an event stands that cannot be told, but not what it says: redaction may be what stumbled."""
        self.lines += 1
        begin, end = Places(block.data, block.inner).span(event)
        logger("score").critical(
            Event.LINE_UNTOLD, path=block.path, offset=block.place(begin), bytes=end - begin, reason=_where(error)
        )


def _where(error: Exception) -> str:
    """Kind and place of a fault. Its message may have the line in it."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    return f"{type(error).__name__} at {Path(frames[-1].filename).name}:{frames[-1].lineno}, {frames[-1].name}"
