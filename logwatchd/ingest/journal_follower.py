"""Follows one part of the journal through one journalctl at a time."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace
from hashlib import blake2b
from typing import NamedTuple

from logwatchd import clock, journal
from logwatchd.flow import BlockQueue
from logwatchd.ingest.cursors import Cursors, Place
from logwatchd.ingest.journal_entry import Entry, Oneself, joined, parse
from logwatchd.ingest.journalctl import Journalctl, following, last_entry
from logwatchd.ingest.readiness import Readiness
from logwatchd.journal import Event
from logwatchd.records import Block, FileId, SourceSpec

PATH = "journal"  # what alerts call it
MAX_ENTRY_BYTES = 16 << 20  # of JSON; an entry with a binary message of 1 MiB has about 4
BLOCK_BYTES = 1 << 20
TURN_BYTES = 4 << 20
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
STEADY_S = 3.0  # a journalctl that has run for so long works
EXIT_S = 1.0  # what a journalctl that has closed its output may take to end
_NO_DEVICE = 0  # no file's device
_MAX_SAID = 100
_BAD_CURSOR = "Failed to seek to cursor"

_log = journal.logger("tail")


class _Unsettled(NamedTuple):
    """A block in flight and the place to remember once it has been dealt with."""

    end: int
    place: Place


class Follower:
    """Owner: the tail thread; `commit`: any thread.

    settled: it is known from where on entries are delivered, or why that cannot be found out. garbled: lines of
    journalctl that were no entries.
    """

    def __init__(
        self,
        spec: SourceSpec,
        part: str,
        queue: BlockQueue,
        cursors: Cursors,
        readiness: Readiness,
        oneself: Oneself,
    ) -> None:
        self.spec = spec
        self.bytes = self.own_lines = self.garbled = 0
        self._part = part
        self._queue = queue
        self._cursors = cursors
        self._readiness = readiness
        self._oneself = oneself
        self._child: Journalctl | None = None
        self._locating = False  # the child only tells where the journal ends
        self._status = 0  # of the last child
        self._began_at = 0.0
        self._retry_at = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._failing = False
        self._words: list[str] = []  # that the present child complained, not told yet
        self._said: set[str] = set()
        self._rest = bytearray()  # the beginning of a line of JSON
        self._skipping = False
        self._drained = False
        self._lock = threading.Lock()
        self._in_flight: deque[_Unsettled] = deque()
        generation = int(clock.utc_now().timestamp() * 1e6)
        known = cursors.get(part)
        self._located = known is not None or spec.start_at == "beginning"
        self._place = known or Place(None, 0, generation)
        if self._located and known is None:
            cursors.record(part, self._place)
        inode = int.from_bytes(blake2b(part.encode(), digest_size=6).digest())
        self.file = FileId(_NO_DEVICE, inode, self._place.generation)

    @property
    def settled(self) -> bool:
        return self._located or self._failing

    @property
    def failing(self) -> bool:
        """Whether the journal cannot be read at present."""
        return self._failing

    @property
    def drained(self) -> bool:
        return self._drained

    @property
    def in_flight(self) -> bool:
        """Whether entries of it are on their way."""
        with self._lock:
            return bool(self._in_flight)

    def run_once(self, now: float) -> float:
        if self._child is None:
            if now < self._retry_at:
                return self._retry_at - now
            self._begin(now)
        child = self._child
        if child is None:
            return max(0.0, self._retry_at - now)
        self._drained = not self._readiness.is_ready(child.output)
        if self._readiness.is_ready(child.complaints):
            self._words += child.words()
            self._readiness.ask(child.complaints)
        if now - self._began_at >= STEADY_S:
            self._is_steady()
        taken = 0
        while self._readiness.is_ready(child.output):
            if not self._queue.room(self.file.lane):
                break
            if taken >= TURN_BYTES:
                return 0.0
            taken += self._read(child, now)
            if self._child is None:
                return 0.0
        return STEADY_S

    def commit(self, block: Block) -> None:
        with self._lock:
            while self._in_flight:
                unsettled = self._in_flight.popleft()
                if unsettled.end == block.end:
                    self._cursors.record(self._part, unsettled.place)
                    return

    def stop(self, patience_s: float = 0.0) -> None:
        """End the present journalctl."""
        if self._child is not None:
            self._readiness.forget(self._child.output)
            self._readiness.forget(self._child.complaints)
            self._status = self._child.end(patience_s)
            self._child = None

    def _begin(self, now: float) -> None:
        self._locating = not self._located
        try:
            self._child = Journalctl(last_entry() if self._locating else following(self.spec, self._place.cursor))
        except OSError as error:
            self._fail(f"journalctl: {error.strerror}", now)
            return
        self._began_at = now
        self._rest.clear()
        self._skipping = False

    def _read(self, child: Journalctl, now: float) -> int:
        """Take and deliver some entries; returns how many bytes of JSON were read."""
        entries: list[Entry] = []
        taken = 0
        while taken < BLOCK_BYTES:
            data = child.read()
            if data is None:
                self._readiness.ask(child.output)
                break
            if not data:
                self._hand_over(entries)
                self._ended(child, now)
                return taken
            taken += len(data)
            entries += self._entries(data)
        self._hand_over(entries)
        return taken

    def _entries(self, data: bytes) -> list[Entry]:
        """The entries that these bytes complete."""
        searched = len(self._rest)
        self._rest += data
        newline = self._rest.rfind(b"\n", searched)
        if newline < 0:
            if len(self._rest) > MAX_ENTRY_BYTES:
                self._skipping = True
                self._rest.clear()
            return []
        lines = bytes(self._rest[:newline]).split(b"\n")
        del self._rest[: newline + 1]
        if self._skipping:
            self._skipping = False
            del lines[0]
            self._garbled("an entry of over 16 MiB")
        entries = []
        for line in lines:
            try:
                entries.append(parse(line, self._oneself))
            except (ValueError, TypeError, RecursionError):
                self._garbled(repr(line[:80]))
        return entries

    def _hand_over(self, entries: list[Entry]) -> None:
        if not entries:
            return
        self._pause_s = FIRST_PAUSE_S
        if self._failing:
            self._works_again()
        if self._locating:
            self._locate(entries[-1].cursor)
            return
        data, inner = joined(entry for entry in entries if not entry.own)
        self.own_lines += sum(entry.own for entry in entries)
        start = self._place.offset
        self._place = Place(entries[-1].cursor, start + len(data), self._place.generation)
        with self._lock:
            if data:
                self._in_flight.append(_Unsettled(self._place.offset, self._place))
            elif not self._in_flight:
                self._cursors.record(self._part, self._place)
        if data:
            self.bytes += len(data)
            self._queue.put(Block(self.spec, PATH, self.file, start, data, start + len(data), inner))

    def _locate(self, cursor: str | None) -> None:
        """Begin behind the entry that is the last one now; behind nothing if there is none yet."""
        self._located = True
        self._place = replace(self._place, cursor=cursor)
        self._cursors.record(self._part, self._place)

    def _ended(self, child: Journalctl, now: float) -> None:
        """journalctl is gone: as it should be once it has told the last entry, else it is begun again after a while."""
        words = [*self._words, *child.words()]
        self._words.clear()
        self.stop(EXIT_S)
        if self._locating and self._status == 0:
            if not self._located:
                self._locate(None)
            return
        if self._place.cursor and any(_BAD_CURSOR in line for line in words):
            self._forget_cursor()
        self._fail(words[-1] if words else f"journalctl ended with status {self._status}", now)

    def _forget_cursor(self) -> None:
        _log.error(
            Event.CHECKPOINTS_DAMAGED,
            cursor=self._place.cursor,
            message="the journal does not take the read position that was kept; it is begun anew as at the first start",
        )
        self._place = replace(self._place, cursor=None)
        self._located = self.spec.start_at == "beginning"

    def _fail(self, reason: str, now: float) -> None:
        self._retry_at = now + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        if not self._failing:
            self._failing = True
            _log.warning(Event.JOURNAL_UNREADABLE, reason=reason)

    def _works_again(self) -> None:
        self._failing = False
        self._pause_s = FIRST_PAUSE_S
        self._said.clear()
        _log.info(Event.JOURNAL_READABLE)

    def _is_steady(self) -> None:
        """It has run for a while: what it said was no farewell."""
        if self._failing and self._drained:
            self._works_again()
        for words in self._words:
            if words not in self._said and len(self._said) < _MAX_SAID:
                self._said.add(words)
                _log.warning(Event.JOURNAL_SAYS, reason=words)
        self._words.clear()

    def _garbled(self, what: str) -> None:
        self.garbled += 1
        if self.garbled == 1:
            _log.warning(Event.JOURNAL_GARBLED, what=what)
