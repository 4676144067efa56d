"""The anomalous events of a decided block, with all that is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from datetime import datetime

import numpy as np

from logwatchd.parsing.normalise import decode
from logwatchd.parsing.own import HEADER_BYTES, is_own
from logwatchd.parsing.service import service_of
from logwatchd.parsing.timestamp import timestamp_of
from logwatchd.records import INNER, Anomaly, Background
from logwatchd.scoring.context import CONTEXT_LINES
from logwatchd.scoring.ids import PatternId
from logwatchd.scoring.places import Places
from logwatchd.scoring.waiting import Waiting
from logwatchd.vectors import Vectors

_MAX_LINE_CHARS = 16_384
_MAX_LINE_BYTES = 4 * _MAX_LINE_CHARS  # so many characters at least
_INNER = bytes([INNER])


def anomalies_of(item: Waiting, found: Set[PatternId], before: Sequence[bytes]) -> Iterator[tuple[int, Anomaly]]:
    """Those that are still to be told, in order, each with its number among the block's events.

    Args:
        found: the anomalous patterns. before: the last events of the file before the block, oldest first.
    """
    block = item.block
    places = Places(block.data, block.inner)
    waiting = set(item.late.waiting) if item.late else None
    place, placed = block.offset, 0  # where in the file the byte `placed` of the block stands
    for index in np.flatnonzero(np.isin(item.ids, list(found))).tolist():
        if index < item.told or index in item.kept or (waiting is not None and index not in waiting):
            continue
        item.at = index
        begin, end = places.span(index)
        raw = block.data[begin : min(end, begin + _MAX_LINE_BYTES)]
        if is_own(decode(raw[:HEADER_BYTES])):  # to judge it would be to answer ourselves, for ever
            item.own += 1
            continue
        place += block.length(placed, begin)
        placed = begin
        line = decode(raw)[:_MAX_LINE_CHARS]
        pattern_id = int(item.ids[index])
        details = _Details(item, pattern_id, line, before, places, index)
        yield index, _anomaly(item, pattern_id, place, place + block.length(begin, end + 1), line, details)


class _Details:
    """See `records.Details`. Used by the thread that owns the judge."""

    __slots__ = ("_before", "_index", "_item", "_line", "_pattern_id", "_places", "_timestamp", "_vector")

    def __init__(
        self,
        item: Waiting,
        pattern_id: PatternId,
        line: str,
        before: Sequence[bytes],
        places: Places,
        index: int,
    ) -> None:
        """places, index: where the event stands in the block."""
        self._item = item
        self._pattern_id = pattern_id
        self._line = line
        self._before = before
        self._places = places
        self._index = index
        self._timestamp: tuple[datetime | None] | None = None
        self._vector: Vectors | None = None

    def background(self) -> Background:
        context = [*self._before, *self._places.before(self._index, CONTEXT_LINES)][-CONTEXT_LINES:]
        shown = tuple(decode(text.replace(_INNER, b" "))[:_MAX_LINE_CHARS] for text in context)
        return Background(self._item.judge.differs(self._pattern_id), shown)

    def timestamp(self) -> datetime | None:
        if self._timestamp is None:
            self._timestamp = (timestamp_of(self._line, self._item.read_at.astimezone()),)
        return self._timestamp[0]

    def vector(self) -> Vectors:
        if self._vector is None:
            self._vector = self._item.judge.vector(self._pattern_id)
        return self._vector


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
