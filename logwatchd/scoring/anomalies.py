"""The anomalous events of a decided block, with all that is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from datetime import datetime

from logwatchd.parsing.normalise import decode
from logwatchd.parsing.own import is_own
from logwatchd.parsing.service import service_of
from logwatchd.parsing.timestamp import timestamp_of
from logwatchd.records import INNER, Anomaly, Background
from logwatchd.scoring.lexicon import PatternId
from logwatchd.scoring.waiting import Waiting
from logwatchd.vectors import Vectors

CONTEXT_LINES = 50
MAX_LINE_CHARS = 16_384
_OWN_HEADER_BYTES = 1024
_INNER = bytes([INNER])


def anomalies_of(item: Waiting, found: Set[PatternId], before: Sequence[bytes]) -> Iterator[tuple[int, Anomaly]]:
    """Those that are still to be told, in order, each with its number among the block's events.

    Args:
        found: the anomalous patterns. before: the last lines of the file before the block, oldest first.
    """
    lines = item.block.flat().split(b"\n")[:-1]
    judged = set(item.late.waiting) if item.late else set(range(len(item.ids))) - item.kept
    at = 0
    block, place, placed = item.block, item.block.offset, 0  # where in the file the byte `placed` of the block stands
    for index, pattern_id in enumerate(item.ids.tolist()):
        end = at + len(lines[index])
        if index >= item.told and pattern_id in found and index in judged and not _is_own(item, lines[index]):
            place += block.length(placed, at)
            placed = at
            line = decode(block.data[at:end])[:MAX_LINE_CHARS]
            details = _Details(item, pattern_id, line, before, lines, index)
            yield index, _anomaly(item, pattern_id, place, place + block.length(at, end + 1), line, details)
        at = end + 1


class _Details:
    """See `records.Details`. Used by the thread that owns the judge."""

    __slots__ = ("_before", "_index", "_item", "_line", "_lines", "_pattern_id", "_timestamp", "_vector")

    def __init__(
        self,
        item: Waiting,
        pattern_id: PatternId,
        line: str,
        before: Sequence[bytes],
        lines: Sequence[bytes],
        index: int,
    ) -> None:
        """index: of the event among the block's lines, which have one an event."""
        self._item = item
        self._pattern_id = pattern_id
        self._line = line
        self._before = before
        self._lines = lines
        self._index = index
        self._timestamp: tuple[datetime | None] | None = None
        self._vector: Vectors | None = None

    def background(self) -> Background:
        context = [*self._before, *self._lines[max(0, self._index - CONTEXT_LINES) : self._index]][-CONTEXT_LINES:]
        shown = tuple(decode(text.replace(_INNER, b" "))[:MAX_LINE_CHARS] for text in context)
        return Background(self._item.judge.differs(self._pattern_id), shown)

    def timestamp(self) -> datetime | None:
        if self._timestamp is None:
            self._timestamp = (timestamp_of(self._line, self._item.read_at.astimezone()),)
        return self._timestamp[0]

    def vector(self) -> Vectors:
        if self._vector is None:
            self._vector = self._item.judge.vector(self._pattern_id)
        return self._vector


def _is_own(item: Waiting, raw: bytes) -> bool:
    """Asked of anomalous lines only: to judge them would be to answer ourselves, for ever."""
    own = is_own(decode(raw[:_OWN_HEADER_BYTES]))
    item.own += own
    return own


def _anomaly(item: Waiting, pattern_id: PatternId, offset: int, end: int, line: str, details: _Details) -> Anomaly:
    """offset, end: in the file."""
    block = item.block
    return Anomaly(
        source=block.source,
        service=service_of(line, block.source.service, block.path),
        path=block.path,
        file=block.file,
        offset=offset,
        end=end,
        line=line,
        verdict=item.judge.verdict(pattern_id, block.path),
        read_at=item.read_at,
        details=details,
        late=item.late is not None,
        by_twin=pattern_id in item.judge.by_another,
    )
