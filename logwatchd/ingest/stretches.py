"""Reads known-good logs to learn from: whole where there is time for that, else stretches of whole events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, NamedTuple

from logwatchd.ingest.encoding import Coding, coding_of
from logwatchd.ingest.lines import MAX_LINE_BYTES
from logwatchd.ingest.multiline import MAX_EVENT_BYTES, join, joiner_of
from logwatchd.ingest.offline import CHUNK_BYTES, opened, read_events, whole_lines
from logwatchd.ingest.sampling import stretch_of, wanted
from logwatchd.ingest.unpacking import is_packed, pieces_of
from logwatchd.records import SourceSpec

_MARK_BYTES = 4  # the longest byte order mark
_ENOUGH_LINES = 16  # bytes that look like a newline: in wide encodings not each of them is one
_LOOK_BYTES = 1 << 20  # of a compressed file, to see how much smaller it was made


class Run(NamedTuple):
    """Whole events of a file.

    data, inner: see `records.Block`. line: the first one's number in the file, from 1; None where what is before it was
    not read. at: where it begins, in bytes of the (unpacked) file; about, where that is not UTF-8 or
    something was left out of it.
    """

    data: bytes
    inner: tuple[int, ...]
    line: int | None
    at: int


@dataclass(slots=True)
class Extent:
    """How much of a file was read, in bytes of its (unpacked) content; complete once its runs were."""

    path: Path
    read_bytes: int = 0
    of_bytes: int = 0


class _Stretch(NamedTuple):
    """A part of a file, and what stands before it, up to the length of the longest event, and behind it, up to that of
    the longest line where the part does not end with a shorter one."""

    at: int
    before: bytes
    data: bytes
    after: bytes
    last: bool


def size_of(path: Path) -> int:
    """How many bytes a file holds; of a compressed one an estimate from its beginning.

    Raises:
        UsageError: it cannot be read.
        UnpackError: nothing of it can be unpacked.
    """
    with opened(path) as raw:
        packed_bytes = path.stat().st_size
        if not is_packed(path):
            return packed_bytes
        found = len(next(pieces_of(path, raw, _LOOK_BYTES), b""))
        return found if found < _LOOK_BYTES else found * packed_bytes // max(1, raw.tell())


def read_share(
    extent: Extent, spec: SourceSpec, size: int, share: int, on_bytes: Callable[[int], None] | None = None
) -> Iterator[Run]:
    """Read a file whole, or so many bytes of it in stretches that are spread over it.

    Args:
        extent: whose path is read; the rest of it is filled in. size: as `size_of` has it. share: as `sampling.shares`
            has it. on_bytes: gets how many bytes were dealt with, read or not.

    Raises:
        UsageError: the file cannot be read.
        UnpackError: not all of it can be unpacked; what could be came before.
    """
    if size <= share:
        line, at = 1, 0
        try:
            for data, inner in read_events(extent.path, spec, lambda done: _count(extent, done, on_bytes)):
                yield Run(data, inner, line, at)
                line += data.count(b"\n")
                at += len(data)
        finally:
            extent.of_bytes = extent.read_bytes
        return
    with opened(extent.path) as raw:
        packed = is_packed(extent.path)
        stretches = _streamed(raw, extent, share) if packed else _sought(raw, extent, size, share)
        coding: Coding | None = None
        done = 0
        for stretch in stretches:
            coding = coding or coding_of(spec.encoding, stretch.data[:_MARK_BYTES])
            run = _whole_events(stretch, spec, coding)
            extent.read_bytes += len(stretch.data)
            if run.data:
                yield run
            if on_bytes:
                on_bytes(stretch.at + len(stretch.data) - done)
                done = stretch.at + len(stretch.data)


def _count(extent: Extent, done: int, on_bytes: Callable[[int], None] | None) -> None:
    extent.read_bytes += done
    if on_bytes:
        on_bytes(done)


def _sought(file: IO[bytes], extent: Extent, size: int, share: int) -> Iterator[_Stretch]:
    """The stretches of a plain file; what is left out is not read."""
    length = stretch_of(share)
    count = -(-size // length)
    edges = [(size * number // count) & ~3 for number in range(count)] + [size]
    extent.of_bytes, taken = size, 0
    for begin, end in pairwise(edges):
        if end == size or wanted(begin / size, taken, share - length):
            lead = max(0, begin - MAX_EVENT_BYTES)
            file.seek(lead)
            before, data = file.read(begin - lead), file.read(end - begin)
            after = file.read(MAX_EVENT_BYTES) if end < size else b""
            if after and after.count(b"\n") < _ENOUGH_LINES:
                after += file.read(MAX_LINE_BYTES)
            yield _Stretch(begin, before, data, after, end == size)
            taken += len(data)


def _streamed(raw: IO[bytes], extent: Extent, share: int) -> Iterator[_Stretch]:
    """The stretches of a compressed file, all of which has to be unpacked; its packed bytes tell how far it is."""
    packed_bytes = max(1, extent.path.stat().st_size)
    length = stretch_of(share)
    pieces = pieces_of(extent.path, raw, length)
    ahead: deque[tuple[float, bytes]] = deque()  # parts that were read, and where in the file each begins (0 to 1)
    before, at, taken, ended = b"", 0, 0, False
    while True:
        while not ended and sum(len(data) for _, data in ahead) < length + MAX_LINE_BYTES:
            begins_at = min(1.0, raw.tell() / packed_bytes) if at or ahead else 0.0
            data = next(pieces, b"")
            # What is short is the end; or stands before damage, which is then raised.
            ended = len(data) < length and not next(pieces, b"")
            if ended and ahead:  # what is left is no stretch of its own
                begins_at, previous = ahead.pop()
                data = previous + data
            if data:
                ahead.append((begins_at, data))
        if not ahead:
            return
        begins_at, data = ahead.popleft()
        extent.of_bytes += len(data)
        if not ahead or wanted(begins_at, taken, share - length):
            yield _Stretch(at, before, data, b"".join(data for _, data in ahead), last=not ahead)
            taken += len(data)
        before, at = data[-MAX_EVENT_BYTES:], at + len(data)


def _whole_events(stretch: _Stretch, spec: SourceSpec, coding: Coding) -> Run:
    """The events that begin within the stretch, as they would be in the whole file."""
    raw, own_at = stretch.before + stretch.data + stretch.after, len(stretch.before)
    first = 0 if own_at == stretch.at else _line_at(raw, coding.width, coding)
    begin = _line_at(raw, own_at, coding)
    own_end = own_at + len(stretch.data)
    end = len(raw) if stretch.last else _line_at(raw, own_end, coding)
    behind = end if stretch.last else max(end, coding.rfind(raw, 0, own_end + MAX_EVENT_BYTES) + coding.width)
    own_bytes = raw[begin:end].removeprefix(coding.mark) if stretch.at == 0 else raw[begin:end]
    before, data = _lines(raw[first:begin], coding), _lines(own_bytes, coding)
    joiner = joiner_of(spec)
    if joiner is None:
        return Run(data, (), None, stretch.at + begin - own_at)
    text = before + data + _lines(raw[end:behind], coding)
    inner = join(joiner, text, flush=True).inner
    within = set(inner)
    edges = []
    for edge in (len(before), len(before) + len(data)):
        while edge - 1 in within:
            edge = text.index(b"\n", edge) + 1
        edges.append(edge)
    own = tuple(position - edges[0] for position in inner if edges[0] <= position < edges[1])
    return Run(text[edges[0] : edges[1]], own, None, stretch.at + begin - own_at)


def _lines(raw: bytes, coding: Coding) -> bytes:
    """Whole lines in UTF-8, as the tailer would deliver them."""
    chunks = (raw[at : at + CHUNK_BYTES] for at in range(0, len(raw), CHUNK_BYTES))
    return b"".join(coding.to_utf8(run) for run in whole_lines(chunks, coding))


def _line_at(raw: bytes, at: int, coding: Coding) -> int:
    """Where the first line at or behind `at` begins; the end of raw where none does."""
    if at < coding.width:
        return 0
    found = coding.find(raw, at - coding.width)
    return found + coding.width if found >= 0 else len(raw)
