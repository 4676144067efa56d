"""The anomalous events of a decided block, with all that is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from functools import partial

from logwatchd.parsing.normalise import decode
from logwatchd.parsing.own import is_own
from logwatchd.parsing.service import service_of
from logwatchd.parsing.timestamp import timestamp_of
from logwatchd.records import INNER, Anomaly, Background
from logwatchd.scoring.lexicon import PatternId
from logwatchd.scoring.waiting import Waiting

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
    for index, pattern_id in enumerate(item.ids.tolist()):
        end = at + len(lines[index])
        if index >= item.told and pattern_id in found and index in judged and not _is_own(item, lines[index]):
            yield (
                index,
                _anomaly(item, pattern_id, at, end, partial(_background, item, pattern_id, before, lines, index)),
            )
        at = end + 1


def _is_own(item: Waiting, raw: bytes) -> bool:
    """Asked of anomalous lines only: to judge them would be to answer ourselves, for ever."""
    own = is_own(decode(raw[:_OWN_HEADER_BYTES]))
    item.own += own
    return own


def _anomaly(item: Waiting, pattern_id: PatternId, at: int, end: int, background: partial[Background]) -> Anomaly:
    """at, end: where in the block the event begins and its last newline stands."""
    block = item.block
    line = decode(block.data[at:end])[:MAX_LINE_CHARS]
    return Anomaly(
        source=block.source,
        service=service_of(line, block.source.service, block.path),
        path=block.path,
        file=block.file,
        offset=block.place(at),
        end=block.place(end + 1),
        line=line,
        verdict=item.judge.verdict(pattern_id, block.path),
        background=background,
        read_at=item.read_at,
        timestamp=timestamp_of(line, item.read_at.astimezone()),
        vector=item.judge.vector(pattern_id),
        late=item.late is not None,
        by_twin=pattern_id in item.judge.by_another,
    )


def _background(
    item: Waiting, pattern_id: PatternId, before: Sequence[bytes], lines: Sequence[bytes], index: int
) -> Background:
    context = [*before, *lines[max(0, index - CONTEXT_LINES) : index]][-CONTEXT_LINES:]
    shown = tuple(decode(text.replace(_INNER, b" "))[:MAX_LINE_CHARS] for text in context)
    return Background(item.judge.differs(pattern_id), shown)
