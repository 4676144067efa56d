"""The lines of a block that wait for a service, with the lines before them, cut out so that they can be kept."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from itertools import pairwise
from typing import Any

from logwatchd.parsing.newlines import newlines
from logwatchd.records import Block, FileId, Level, SourceSpec

_FAST = 1
_HEAD_BYTES = 4


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A part of a block. waiting: which of its events have no verdict yet; the others are their context.

    before: lines that stood before the block, oldest first, as far as they are context too.
    """

    block: Block
    waiting: tuple[int, ...]
    before: tuple[bytes, ...]
    read_at: datetime


def excerpts(
    block: Block, waiting: Sequence[int], before: Sequence[bytes], read_at: datetime, context_lines: int
) -> list[Excerpt]:
    """Cut out the waiting events, each with up to `context_lines` events before it; together no more than the block.

    Args:
        waiting: indices of events, ascending, at least one.
    """
    ends = newlines(block.flat()).tolist()
    cuts = [0, *(i for i, (a, b) in enumerate(pairwise(waiting), start=1) if b - a > context_lines), len(waiting)]
    parts = []
    for first, last in pairwise(cuts):
        some = waiting[first:last]
        begin = max(0, some[0] - context_lines)
        start, end = ends[begin - 1] + 1 if begin else 0, ends[some[-1]] + 1
        part = Block(
            source=block.source,
            path=block.path,
            file=block.file,
            offset=block.place(start),
            data=block.data[start:end],
            end=block.place(end),
            inner=tuple(at - start for at in block.inner if start <= at < end),
            coding=block.coding,
        )
        missing = context_lines - (some[0] - begin)
        kept = tuple(before[-missing:]) if begin == 0 and missing else ()
        parts.append(Excerpt(part, tuple(i - begin for i in some), kept, read_at))
    return parts


def to_bytes(excerpt: Excerpt) -> bytes:
    """For the disk; compressed."""
    block = excerpt.block
    head = {
        "source": asdict(block.source) | {"skip_levels": sorted(block.source.skip_levels)},
        "path": block.path,
        "file": block.file,
        "offset": block.offset,
        "end": block.end,
        "inner": block.inner,
        "coding": block.coding,
        "waiting": excerpt.waiting,
        "read_at": excerpt.read_at.isoformat(),
        "before": [len(line) for line in excerpt.before],
    }
    told = json.dumps(head).encode()
    parts = (len(told).to_bytes(_HEAD_BYTES, "big"), told, *excerpt.before, block.data)
    return zlib.compress(b"".join(parts), _FAST)


def from_bytes(stored: bytes) -> Excerpt:
    """What `to_bytes` made.

    Raises:
        ValueError: it is nothing of the kind.
    """
    try:
        raw = zlib.decompress(stored)
        size = int.from_bytes(raw[:_HEAD_BYTES], "big")
        head = json.loads(raw[_HEAD_BYTES : _HEAD_BYTES + size])
        at = _HEAD_BYTES + size
        before = []
        for length in head["before"]:
            before.append(raw[at : at + length])
            at += length
        block = Block(
            source=_source(head["source"]),
            path=head["path"],
            file=FileId(*head["file"]),
            offset=head["offset"],
            data=raw[at:],
            end=head["end"],
            inner=tuple(head["inner"]),
            coding=head["coding"],
        )
        return Excerpt(block, tuple(head["waiting"]), tuple(before), datetime.fromisoformat(head["read_at"]))
    except (zlib.error, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no excerpt: {error}") from None


def _source(told: dict[str, Any]) -> SourceSpec:
    known = {field.name for field in fields(SourceSpec)}
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in told.items() if name in known
    }
    given["skip_levels"] = frozenset(Level(level) for level in told["skip_levels"])
    return SourceSpec(**given)
