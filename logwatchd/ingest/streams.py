"""Follows what cannot be read twice: standard input and FIFOs.

What was read is delivered, and that is all there is to be committed: a stream has no place to go back to.
"""

# ruff: noqa: PTH116 - a thousand plain paths may be looked at every second

from __future__ import annotations

import errno
import os
import select
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from logwatchd import clock, journal
from logwatchd.flow import BlockQueue
from logwatchd.ingest.patterns import is_glob
from logwatchd.ingest.readiness import Readiness
from logwatchd.ingest.source import IngestStatus
from logwatchd.ingest.stream_lines import Run, StreamLines
from logwatchd.ingest.wanted import Wanted
from logwatchd.journal import Event
from logwatchd.records import Block, FileId, SourceSpec

STDIN = "-"
READ_BYTES = 64 << 10  # what a pipe holds
TURN_BYTES = 1 << 20  # of one stream; then it is the next one's turn
LOOK_S = 1.0  # how often a configured path is looked at for a FIFO
EVENT_S = 0.3  # a last event that may go on, such as a stack trace, is delivered when it has not for so long
NEVER_S = 3600.0

_log = journal.logger("tail")


def _nobody() -> None:
    """Nobody is to be woken yet."""


def stream_paths(spec: SourceSpec) -> Iterator[str]:
    """The paths that may be streams: '-', and those that name one file. What a glob matches is read if it is a file."""
    return (path for path in spec.paths if path == STDIN or not is_glob(path))


@dataclass(slots=True, eq=False)
class _Stream:
    """One open stream. path: its name, '-' for standard input. named: the configuration still leads to it."""

    spec: SourceSpec
    path: str
    file: FileId
    handle: int
    lines: StreamLines = field(init=False)
    named: bool = True
    changed_at: float = 0.0

    def __post_init__(self) -> None:
        self.lines = StreamLines(self.spec)


class StreamSource:
    """The `Source` of streams. `run_once`, `flush`, `close`: the tail thread; the rest: any thread.

    Each opening of a stream is a generation of its own, for its offsets begin at 0 again. An unfinished last line is
    delivered when the writers of a FIFO are gone, when standard input ends, and at a stop.
    """

    def __init__(self, specs: Sequence[SourceSpec], queue: BlockQueue) -> None:
        self.on_wake: Callable[[], None] = _nobody
        self._queue = queue
        self._readiness = Readiness(lambda: self.on_wake())
        self._wanted = Wanted(tuple(specs))
        self._specs: dict[str, SourceSpec] = {}  # by path, '-' for standard input
        self._streams: dict[tuple[int, int], _Stream] = {}
        self._said: set[tuple[str, str]] = set()
        self._refused = 0  # that could not be opened at the last look
        self._stdin_ended = False
        self._look_at = 0.0
        self._drained = False
        self._bytes = 0

    @property
    def name(self) -> str:
        return "tail"

    def run_once(self, now: float) -> float:
        specs = self._wanted.take()
        if specs is not None:
            self._configure(specs)
        if specs is not None or now >= self._look_at:
            self._look()
            self._look_at = now + LOOK_S
        unread = [stream for stream in list(self._streams.values()) if self._read(stream, now)]
        self._drained = not unread
        self._wanted.settle()
        return self._delay_s(now, unread)

    def commit(self, block: Block) -> None:
        """Nothing is remembered of a stream."""

    def reconfigure(self, specs: Sequence[SourceSpec]) -> None:
        self._wanted.ask(specs)
        self.on_wake()

    def ready(self) -> bool:
        return self._wanted.settled

    def drained(self) -> bool:
        return self._wanted.settled and self._drained

    def ended(self) -> bool:
        """Whether standard input was all that is configured, and has ended."""
        return self._wanted.settled and self._stdin_ended and set(self._specs) == {STDIN}

    def status(self) -> IngestStatus:
        count = len(self._streams)
        return IngestStatus(streams=count, unreadable_streams=self._refused, open_handles=count, bytes=self._bytes)

    def flush(self) -> None:
        for stream in self._streams.values():
            self._deliver(stream, stream.lines.finish())

    def close(self) -> None:
        for stream in list(self._streams.values()):
            self._let_go(stream)
        self._readiness.close()

    def _configure(self, specs: Sequence[SourceSpec]) -> None:
        self._specs = {}
        for spec in specs:
            for path in stream_paths(spec):
                self._specs.setdefault(path if path == STDIN else os.path.normpath(path), spec)
        for stream in list(self._streams.values()):
            spec_now = self._specs.get(stream.path)
            if spec_now is None:
                self._deliver(stream, stream.lines.finish())
                self._let_go(stream)
            elif _way_of_reading(spec_now) != _way_of_reading(stream.spec):
                self._deliver(stream, stream.lines.finish())
                stream.lines = StreamLines(spec_now)
                stream.file = _generation(stream.handle)
            if spec_now is not None:
                stream.spec = spec_now

    def _look(self) -> None:
        """Open the streams that are there and not open yet."""
        refused = 0
        for stream in self._streams.values():
            stream.named = stream.path == STDIN
        for path, spec in self._specs.items():
            if path == STDIN:
                self._open_stdin(spec)
                continue
            try:
                status = os.stat(path)
            except OSError:
                continue  # missing, or the files' source says what is wrong with it
            if not stat.S_ISFIFO(status.st_mode):
                continue
            key = (status.st_dev, status.st_ino)
            known = self._streams.get(key)
            if known is not None:
                known.named = True
                continue
            handle = self._open(path)
            if handle is None:
                refused += 1
            else:
                # By the handle's own identity: it may have been replaced since the look.
                file = _generation(handle)
                self._streams[file[:2]] = _Stream(spec, path, file, handle)
                _log.debug(Event.FILE_FOUND, path=path)
        self._refused = refused
        for stream in self._streams.values():
            if not stream.named:
                self._readiness.forget(stream.handle)  # removed or replaced: read on until its writers are gone

    def _open_stdin(self, spec: SourceSpec) -> None:
        if self._stdin_ended or any(stream.path == STDIN for stream in self._streams.values()):
            return
        try:
            file = _generation(0)
        except OSError:  # the process was started without one
            self._stdin_ended = True
            return
        self._streams[file[:2]] = _Stream(spec, STDIN, file, 0)

    def _open(self, path: str) -> int | None:
        try:
            return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError as error:
            if error.errno != errno.ENOENT and (path, str(error.errno)) not in self._said:
                self._said.add((path, str(error.errno)))
                _log.warning(
                    Event.FILE_UNREADABLE,
                    path=path,
                    message=f"{path}: {error.strerror}; tried again until it can be",
                )
            return None

    def _read(self, stream: _Stream, now: float) -> bool:
        """Deliver what has come, as far as there is room for it; True if there may be more."""
        if self._readiness.is_ready(stream.handle):
            taken = 0
            while taken < TURN_BYTES:
                if not self._queue.room(stream.file.lane):
                    return True
                data = self._take(stream)
                if data is None:
                    self._readiness.ask(stream.handle)
                    break
                if not data:
                    self._ended(stream)
                    break
                taken += len(data)
                stream.changed_at = now
                self._deliver(stream, stream.lines.feed(data))
            else:
                return True
        if stream.lines.holds_event and now - stream.changed_at >= EVENT_S and self._queue.room(stream.file.lane):
            self._deliver(stream, stream.lines.release())
        return False

    def _take(self, stream: _Stream) -> bytes | None:
        """Bytes; b"" at the end; None when there are none now."""
        if stream.path == STDIN and not _can_read(stream.handle):
            # Asked first, for standard input is shared: to make it non-blocking would make it so for the shell, too.
            return None
        try:
            return os.read(stream.handle, READ_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:  # such as a terminal that is gone
            _log.warning(Event.FILE_UNREADABLE, path=stream.path, message=f"{stream.path}: {error.strerror}")
            return b""

    def _ended(self, stream: _Stream) -> None:
        """Standard input is over; a FIFO waits for its next writer."""
        self._deliver(stream, stream.lines.finish())
        fresh = self._open(stream.path) if stream.named and stream.path != STDIN else None
        self._stdin_ended |= stream.path == STDIN
        if fresh is None or _generation(fresh)[:2] != stream.file[:2]:
            if fresh is not None:
                os.close(fresh)
            self._let_go(stream)
            return
        # A handle that saw its writers leave would count as readable for ever. The new one is open before the old one
        # is closed, so that no writer meets a FIFO without a reader.
        self._readiness.forget(stream.handle)
        os.close(stream.handle)
        stream.handle = fresh
        self._readiness.ask(fresh)

    def _let_go(self, stream: _Stream) -> None:
        self._readiness.forget(stream.handle)
        if stream.path != STDIN:
            os.close(stream.handle)
        del self._streams[stream.file.lane]

    def _deliver(self, stream: _Stream, runs: Iterator[Run]) -> None:
        cut_before = stream.lines.cut
        for run in runs:
            self._bytes += len(run.data)
            end = run.offset + len(run.data)
            self._queue.put(Block(stream.spec, _label(stream.path), stream.file, run.offset, run.data, end, run.inner))
        if stream.lines.cut and not cut_before:
            _log.warning(Event.LINE_CUT, path=stream.path, message=f"{stream.path}: a line of over 1 MiB is cut")

    def _delay_s(self, now: float, unread: Sequence[_Stream]) -> float:
        # Without room nothing is due: whoever makes some wakes us.
        if any(self._queue.room(stream.file.lane) for stream in unread):
            return 0.0
        events = [stream for stream in self._streams.values() if stream.lines.holds_event]
        held = [stream for stream in events if self._queue.room(stream.file.lane)]
        waits = [stream.changed_at + EVENT_S - now for stream in held]
        if any(path != STDIN for path in self._specs):
            waits.append(self._look_at - now)
        return max(0.0, min(waits, default=NEVER_S))


def _label(path: str) -> str:
    return "stdin" if path == STDIN else path


def _way_of_reading(spec: SourceSpec) -> tuple[str | None, ...]:
    return spec.encoding, spec.multiline, spec.multiline_start, spec.multiline_continue


def _generation(handle: int) -> FileId:
    """A new identity for what comes out of a handle from now on, which no earlier run used either."""
    status = os.fstat(handle)
    return FileId(status.st_dev, status.st_ino, int(clock.utc_now().timestamp() * 1e6))


def _can_read(handle: int) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(0))
