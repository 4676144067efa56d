"""Cuts what comes out of a pipe into events: like `reader` for files, but nothing can ever be read again."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import NamedTuple

from logwatchd.ingest.lines import MAX_LINE_BYTES
from logwatchd.ingest.multiline import join, joiner_of
from logwatchd.records import SourceSpec

_VISIBLE = "backslashreplace"  # what is broken stays visible as \xNN


class Run(NamedTuple):
    """Whole events and their place in the stream's text, as UTF-8, in bytes. inner: see `records.Block`."""

    data: bytes
    offset: int
    inner: tuple[int, ...]


class StreamLines:
    """Owner: the tail thread. cut: how many lines were longer than MAX_LINE_BYTES and were cut there."""

    def __init__(self, spec: SourceSpec) -> None:
        self.cut = 0
        self._joiner = joiner_of(spec)
        self._decoder = None if spec.encoding == "utf-8" else codecs.getincrementaldecoder(spec.encoding)(_VISIBLE)
        self._line = bytearray()  # the beginning of a line
        self._event = b""  # whole lines before it, to which more may belong
        self._end = 0  # of what was fed, in bytes of UTF-8
        self._skipping = False

    @property
    def holds_event(self) -> bool:
        """Whether whole lines are held back because more may belong to them."""
        return bool(self._event)

    def feed(self, data: bytes) -> Iterator[Run]:
        """What can be delivered now that these bytes, at most MAX_LINE_BYTES, came."""
        if self._decoder is not None:
            data = self._decoder.decode(data).encode("utf-8", _VISIBLE)
        searched = len(self._line)
        self._line += data
        self._end += len(data)
        while self._skipping or self._begins_over_long():
            if not self._skipping:
                yield from self._cut()
            searched = 0
            if not self._skip():
                return
        newline = self._line.rfind(b"\n", searched)
        if newline >= 0:
            yield from self._lines(newline + 1)

    def release(self) -> Iterator[Run]:
        """The event that was held back, now that nothing more belongs to it."""
        if self._event:
            event, self._event = self._event, b""
            inner = join(self._joiner, event, flush=True).inner if self._joiner else ()
            yield Run(event, self._end - len(self._line) - len(event), inner)

    def finish(self) -> Iterator[Run]:
        """All that is left when the stream ends, its last newline supplied."""
        if self._decoder is not None:
            tail = self._decoder.decode(b"", final=True).encode("utf-8", _VISIBLE)
            self._end += len(tail)
            self._line += tail
            self._decoder.reset()
        if self._line and not self._skipping:
            self._line += b"\n"
            self._end += 1
            yield from self._lines(len(self._line))
        self._line.clear()
        self._skipping = False
        yield from self.release()

    def _lines(self, length: int) -> Iterator[Run]:
        """Take whole lines off the front."""
        lines = self._event + bytes(self._line[:length])
        del self._line[:length]
        offset = self._end - len(self._line) - len(lines)
        joined = join(self._joiner, lines, flush=False) if self._joiner else None
        take, inner = joined if joined else (len(lines), ())
        self._event = lines[take:]
        if take:
            yield Run(lines[:take], offset, inner)

    def _begins_over_long(self) -> bool:
        return len(self._line) > MAX_LINE_BYTES and self._line.find(b"\n", 0, MAX_LINE_BYTES + 1) < 0

    def _cut(self) -> Iterator[Run]:
        """Deliver the beginning of the over-long line that stands in front; what is left of it is to be skipped."""
        self.cut += 1
        yield from self.release()
        yield Run(bytes(self._line[:MAX_LINE_BYTES]) + b"\n", self._end - len(self._line), ())
        self._skipping = True

    def _skip(self) -> bool:
        """Drop the remainder of an over-long line as far as it has come; True when its end has."""
        newline = self._line.find(b"\n")
        if newline < 0:
            self._line.clear()
            return False
        del self._line[: newline + 1]
        self._skipping = False
        return True
