"""One open file and the place up to which its whole lines were read."""

from __future__ import annotations

import os
import stat
from collections import deque
from enum import Enum, auto
from typing import NamedTuple

from logwatchd.ingest.encoding import UTF8, Coding, coding_of
from logwatchd.ingest.identity import HEAD_BYTES, MARK_BYTES, FileKey, Position, Print, holds, key_of
from logwatchd.ingest.lines import MAX_LINE_BYTES, cut
from logwatchd.ingest.multiline import Joiner, join
from logwatchd.records import FileId

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_TRAIL_READS = 16  # as many as there may be between the end of logrotate's copying and its truncation
_SLACK_BYTES = 4096  # read past the size that a stat told, to meet the end of a growing file


class Chunk(NamedTuple):
    """Whole lines in UTF-8 and their place; data is empty where bytes were only skipped.

    inner: where in data newlines stand inside of an event. coding: the name of the file's own encoding.
    """

    data: bytes
    offset: int
    end: int
    inner: tuple[int, ...] = ()
    coding: str = "utf-8"


class Stop(Enum):
    """Why a read gave no lines."""

    AT_END = auto()
    REPLACED = auto()  # the bytes before the position are not those that were read: truncated or written over


class Lapse(NamedTuple):
    """What a file was before it started anew: where reading had come to, and what it held behind that.

    partial: bytes of the file; last_words: the same as lines, None where nothing is to be delivered. seen: bytes that
    stood behind the position, partial or not, to know them by. trail: the ends of the last reads, oldest first, each
    with the bytes before it.
    """

    position: Position
    partial: bytes
    seen: bytes
    last_words: Chunk | None
    trail: tuple[tuple[int, bytes], ...]


class Reader:
    """Reads whole lines of one file, identified by its key, whatever its path is now. Owner: the tail thread.

    The position is always the end of a whole event; what follows, a partial line or an event that may go on, is read
    again when it has grown, and kept only so that it can be told from other bytes and delivered when nothing follows.

    encoding, joiner: how the file is written; whoever owns the reader may set them at any time.
    """

    def __init__(self, key: FileKey, path: str, position: Position | None = None, generation: int = 0) -> None:
        """position: where an earlier run had come to; it is checked against the content before anything is read.

        `path` and `live` (whether that is a configured name) are labels that whoever owns the reader keeps up to date.
        """
        self.key = key
        self.path = path
        self.generation = position.file.generation if position else generation
        self.offset = position.offset if position else 0
        self.skipping = position.skipping if position else False
        self.partial = b""
        self._head = b""
        self._mark = b""
        self._glimpse = b""  # the head as far as it was there, read or not
        self._trail: deque[tuple[int, bytes]] = deque(maxlen=_TRAIL_READS)
        self._unverified = position
        self._more = False
        self._handle: int | None = None
        self._held = 0  # bytes of `partial` that are whole lines: an event that may go on
        self.live = True
        self.encoding = "utf-8"
        self.joiner: Joiner | None = None

    @property
    def id(self) -> FileId:
        return FileId(*self.key, self.generation)

    @property
    def handle(self) -> int | None:
        """The open file, for looking only."""
        return self._handle

    @property
    def is_open(self) -> bool:
        return self._handle is not None

    @property
    def is_unpacking(self) -> bool:
        """Whether it was opened and will be open once its content has been unpacked."""
        return False

    @property
    def is_cut(self) -> bool:
        """Whether what can be read ends before the content does: its last line is no whole one."""
        return False

    def open(self) -> bool:
        """Open the file at `path`; False if another file stands there by now, or while it has to be unpacked first.

        Raises:
            OSError: it cannot be opened.
        """
        handle = os.open(self.path, _FLAGS)
        status = os.fstat(handle)
        if key_of(status) != self.key or not stat.S_ISREG(status.st_mode):
            os.close(handle)
            return False
        self._handle = self._prepare(handle)
        return self.is_open

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def size(self) -> int:
        """Raises OSError if it is not open."""
        return os.fstat(self._open_handle()).st_size

    def is_same(self) -> bool:
        """Whether the content up to the position still is what was read.

        Raises:
            OSError: it cannot be read.
        """
        handle = self._open_handle()
        if self._unverified is not None:
            if not holds(handle, self._unverified):
                return False
            self._head = os.pread(handle, self._unverified.head.length, 0)
            self._mark = os.pread(handle, self._unverified.mark.length, self.offset - self._unverified.mark.length)
            self._unverified = None
            return True
        start = self.offset - len(self._mark)
        expected = self._mark + self.partial
        head = os.pread(handle, HEAD_BYTES, 0)
        if not (head.startswith(self._head) and head.startswith(self._glimpse)):
            return False
        self._glimpse = head.rstrip(b"\0")  # NULs may be space that was set aside
        return os.pread(handle, len(expected), start) == expected

    def restart(self) -> Lapse:
        """Begin again at 0 as a new generation; what was before is returned."""
        position, partial = self.position(), self.partial
        seen = partial or self._glimpse[position.offset :]
        lapse = Lapse(position, partial, seen, self._rest(), tuple(self._trail))
        self._trail.clear()
        self.generation += 1
        self.offset = self._held = 0
        self.skipping = False
        self.partial = self._head = self._mark = self._glimpse = b""
        self._unverified = None
        return lapse

    def seek(self, offset: int) -> None:
        """Take up reading at a line's beginning, without having read what is before it.

        Raises:
            OSError: it cannot be read; nothing has changed then.
        """
        handle = self._open_handle()
        head = os.pread(handle, min(HEAD_BYTES, offset), 0)
        mark = os.pread(handle, min(MARK_BYTES, offset), max(0, offset - MARK_BYTES))
        self.offset, self._head, self._mark = offset, head, mark
        self.skipping = False
        self.partial = b""
        self._held = 0
        self._unverified = None

    def seek_last_line(self, size: int) -> None:
        """Take up reading at the beginning of the last, unfinished line, or at `size` if the last line is whole.

        Raises:
            OSError: it cannot be read.
        """
        start = max(0, size - MAX_LINE_BYTES)
        tail = os.pread(self._open_handle(), size - start, start)
        coding = self._coding()
        skew = start % coding.width
        newline = coding.rfind(tail, skew and coding.width - skew, len(tail))
        inside_long_line = newline < 0 and start > 0
        self.seek(size if inside_long_line else start + newline + coding.width if newline >= 0 else 0)
        self.skipping = inside_long_line

    def position(self) -> Position:
        """Where reading has come to; as an earlier run left it as long as that has not been checked."""
        if self._unverified is not None:
            return self._unverified
        return Position(
            file=self.id,
            path=self.path,
            offset=self.offset,
            head=Print.of(self._head),
            mark=Print.of(self._mark),
            skipping=self.skipping,
            live=self.live,
        )

    def read(self, size: int) -> Chunk | Stop:
        """The next whole lines, up to 1 MiB.

        size: the file's size as far as it is known, only to read no more than there is.

        Raises:
            OSError: it cannot be read.
        """
        marked = len(self._mark)
        known = MAX_LINE_BYTES if self._more else max(size - self.offset, len(self.partial)) + _SLACK_BYTES
        want = min(MAX_LINE_BYTES, known)
        raw = os.pread(self._open_handle(), marked + want, self.offset - marked)
        begins = self.partial if self.offset else max(self.partial, self._glimpse, key=len)
        if raw[:marked] != self._mark or not raw.startswith(begins[:want], marked):
            return Stop.REPLACED
        coding = self._coding()
        if coding.width == 1 and len(raw) > marked and raw[marked] == 0 and not self.skipping:
            return self._skip_nuls(raw, marked)
        result = cut(raw, marked, self.skipping, coding)
        lines, inner, held = self._join(result.data, coding, flush=False)
        more = len(raw) == marked + want
        if held and not lines and more and want == MAX_LINE_BYTES:
            # As much as is ever read at once, and yet less than the longest event: so it is where a character has four
            # bytes. Waiting for its end would be waiting for ever.
            lines, inner, held = self._join(result.data, coding, flush=True)
        end, offset = result.end - held, self.offset
        if end > marked:
            self._advance(raw[max(0, end - MARK_BYTES) : end], offset + end - marked)
            self.skipping = result.skipping
        self._more = more
        self.partial = b"" if more else raw[end : result.end] + result.rest
        self._held = 0 if more else held
        if end == marked:
            if offset - marked + len(raw) < size:  # less than there is: the kernel says why only where it begins
                os.pread(self._open_handle(), 1, offset - marked + len(raw))
            return Stop.AT_END
        return Chunk(lines, offset + self._marked(raw[marked:end], offset, coding), self.offset, inner, coding.name)

    @property
    def holds_event(self) -> bool:
        """Whether whole lines are held back because more may belong to them."""
        return self._held > 0

    @property
    def unfinished(self) -> bool:
        """Whether the file ends with a line that has no newline yet."""
        return len(self.partial) > self._held

    def release(self) -> Chunk | None:
        """The event that was held back, now that nothing more belongs to it; None without one.

        Raises:
            OSError: it is not open, or cannot be read; the event is still held then.
        """
        if not self._held:
            return None
        raw, rest = self.partial[: self._held], self.partial[self._held :]
        coding, offset = self._coding(), self.offset
        lines, inner, _ = self._join(raw, coding, flush=True)
        self._advance((self._mark + raw)[-MARK_BYTES:], offset + len(raw))
        self.partial, self._held = rest, 0
        return Chunk(lines, offset + self._marked(raw, offset, coding), self.offset, inner, coding.name)

    def finish(self) -> Chunk | None:
        """What is left of a file that will not grow any more, a last newline supplied; None if nothing is.

        Raises:
            OSError: it is not open, or cannot be read; nothing was taken then.
        """
        chunk = self._rest()
        if chunk is not None:
            self._advance((self._mark + self.partial)[-MARK_BYTES:], chunk.end)
            self.partial, self._held = b"", 0
        return chunk

    def _rest(self) -> Chunk | None:
        if not self.partial or self.skipping:
            return None
        coding = self._coding()
        whole = len(self.partial) == self._held
        raw = self.partial if whole else self.partial + coding.newline
        lines, inner, _ = self._join(raw, coding, flush=True)
        begin = self.offset + self._marked(raw, self.offset, coding)
        return Chunk(lines, begin, self.offset + len(self.partial), inner, coding.name)

    def _coding(self) -> Coding:
        if self.encoding == "utf-8":
            return UTF8
        head = self._head if len(self._head) >= 4 else os.pread(self._open_handle(), 4, 0)
        return coding_of(self.encoding, head)

    def _join(self, raw: bytes, coding: Coding, flush: bool) -> tuple[bytes, tuple[int, ...], int]:
        """Whole lines of the file -> those to deliver in UTF-8, newlines inside of events, and bytes held back."""
        raw = raw[self._marked(raw, self.offset, coding) :]
        lines = coding.to_utf8(raw)
        if self.joiner is None or not raw:
            return lines, (), 0
        joined = join(self.joiner, lines, flush)
        if joined.take == len(lines):
            return lines, joined.inner, 0
        taken = lines[: joined.take]
        if coding is UTF8:
            return taken, joined.inner, len(lines) - joined.take
        at = 0
        for _ in range(taken.count(b"\n")):
            at = coding.find(raw, at) + coding.width
        return taken, joined.inner, len(raw) - at

    @staticmethod
    def _marked(raw: bytes, offset: int, coding: Coding) -> int:
        """How many bytes of a byte order mark `raw` begins with; a mark stands nowhere but at a file's beginning."""
        return len(coding.mark) if coding.mark and offset == 0 and raw.startswith(coding.mark) else 0

    def _prepare(self, handle: int) -> int | None:
        """What is to be read, given the file's own handle, which is then this method's to close; None if not yet."""
        return handle

    def _open_handle(self) -> int:
        if self._handle is None:
            raise OSError("file is not open")
        return self._handle

    def _advance(self, mark: bytes, offset: int) -> None:
        """Raises OSError if it cannot be read; nothing has changed then."""
        if len(self._head) < HEAD_BYTES:
            self._head = os.pread(self._open_handle(), min(HEAD_BYTES, offset), 0)
        self.offset = offset
        self._mark = mark
        self._trail.append((offset, mark))

    def _skip_nuls(self, raw: bytes, begin: int) -> Chunk | Stop:
        """Skip the hole that a writer without O_APPEND leaves when its file is truncated.

        NULs up to the file's end are waited for: they may be space that was set aside and is still to be written.
        """
        handle = self._open_handle()
        offset = self.offset
        while raw.count(0, begin) == len(raw) - begin:
            here = offset + len(raw) - begin
            try:
                data = os.lseek(handle, here, os.SEEK_DATA)
            except OSError:  # nothing but a hole up to the end
                return Stop.AT_END
            offset, begin = max(here, data), 0
            raw = os.pread(handle, MAX_LINE_BYTES, offset)
            if not raw:
                return Stop.AT_END
        nuls = len(raw) - begin - len(raw[begin:].lstrip(b"\0"))
        start, end = self.offset, offset + nuls
        mark = os.pread(handle, min(MARK_BYTES, end), max(0, end - MARK_BYTES))
        self._advance(mark, end)
        self.partial = b""
        self._held = 0
        return Chunk(b"", start, end)
