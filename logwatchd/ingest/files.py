"""Follows files: what is known of them is turned into blocks of whole lines, as far as there is room for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from logwatchd import clock, journal
from logwatchd.flow import BlockQueue
from logwatchd.ingest.checkpoints import Checkpoints
from logwatchd.ingest.followed import Followed, Place
from logwatchd.ingest.identity import MARK_BYTES, Position, Print
from logwatchd.ingest.ledger import Ledger
from logwatchd.ingest.multiline import joiner_of
from logwatchd.ingest.reader import Chunk, Stop
from logwatchd.ingest.roster import Roster
from logwatchd.ingest.source import IngestStatus
from logwatchd.ingest.wakeup import Wakeup
from logwatchd.ingest.wanted import Wanted
from logwatchd.journal import Event
from logwatchd.records import Block, FileId, SourceSpec

ACTIVE_POLL_S = 0.25
IDLE_POLL_S = 1.0
ACTIVE_S = 5.0  # after the last line
SURVEY_SHARE = 9  # a survey that took t is followed by 9 t without one, however much happens
MIN_PAUSE_S = 0.005
EVENT_S = 0.3  # a last event that may go on, such as a stack trace, is delivered when it has not for so long
FINISH_S = 2.0  # a rotated file's unfinished last line is delivered when it has not grown for so long
GRACE_S = 60.0  # a file that lost its live name is held open for so long after its last change
FILE_BYTES_A_TURN = 4 << 20
TURN_BYTES = 16 << 20

_log = journal.logger("tail")


def _nobody() -> None:
    """Nobody is to be woken yet."""


class FileSource:
    """The `Source` of files. `run_once`, `close`: the tail thread; the rest: any thread.

    Lines are delivered at least once, and exactly once unless the process is killed. What is committed is the end of
    the last whole line. A line that is longer than 1 MiB is cut there; NULs at a line's beginning are dropped.
    """

    def __init__(
        self,
        specs: Sequence[SourceSpec],
        queue: BlockQueue,
        checkpoints: Checkpoints,
        grace_s: float = GRACE_S,
    ) -> None:
        self.on_wake: Callable[[], None] = _nobody
        self._queue = queue
        self._checkpoints = checkpoints
        self._grace_s = grace_s
        self._ledger = Ledger(checkpoints.record)
        self._roster = Roster(specs, checkpoints, self._ledger)
        self._stirred = threading.Event()
        self._wakeup = Wakeup(self._stir)
        self._wanted = Wanted()
        self._survey_at = self._earliest_survey_at = 0.0
        self._active_until = 0.0
        self._after = ""  # the lineage that was read last: the next turn begins behind it
        self._status = IngestStatus()
        self._bytes = 0
        self._drained = False

    @property
    def name(self) -> str:
        return "tail"

    def run_once(self, now: float) -> float:
        specs = self._wanted.take()
        if specs is not None:
            self._roster.configure(specs)
            self._survey_at = now
        if now >= self._survey_at or (self._stirred.is_set() and now >= self._earliest_survey_at):
            self._survey(now)
        rests = self._roster.handles.rests
        if rests.go_on(now, FILE_BYTES_A_TURN):
            self._stirred.set()  # a survey can judge it now
        unread = self._read(now)
        self._drained = not unread and not rests.lineages and not self._roster.is_unsettled
        if rests.is_busy or any(self._queue.room(file.key) for file in unread):
            return 0.0
        if self._stirred.is_set():
            return max(0.0, min(self._survey_at, self._earliest_survey_at) - clock.monotonic())
        return max(0.0, self._survey_at - clock.monotonic())

    def commit(self, block: Block) -> None:
        self._ledger.commit(block)

    def reconfigure(self, specs: Sequence[SourceSpec]) -> None:
        self._wanted.ask(specs)
        self.on_wake()

    def ready(self) -> bool:
        return self._wanted.settled

    def drained(self) -> bool:
        return self._wanted.settled and self._drained

    def status(self) -> IngestStatus:
        return replace(
            self._status,
            bytes=self._bytes,
            inotify_overflows=self._wakeup.overflows,
            dead_emitters=self._wakeup.deaths,
            polling_only=self._wakeup.polling_only,
        )

    def flush(self) -> None:
        """Deliver the events that are held back, without waiting for more. Call it when the thread has ended."""
        for file in self._roster.files:
            self._release(file)

    def close(self) -> None:
        self._wakeup.close()
        self._roster.close()
        self._checkpoints.close()

    def _stir(self) -> None:
        """Something happened in a watched folder. Called by the inotify thread."""
        self._stirred.set()
        self.on_wake()

    def _survey(self, now: float) -> None:
        roster = self._roster
        self._stirred.clear()
        began = clock.monotonic()
        watched = roster.folders()
        self._wakeup.arm(watched, now)
        roster.survey(now)
        folders = roster.folders()
        if folders != watched:
            # Not watched while they were looked at for the first time: look again.
            self._wakeup.arm(folders, now)
        if folders != watched or roster.is_unsettled:
            self._stirred.set()
        for file, lapse in roster.last_words:
            if lapse.last_words is not None:
                mark = Print.of(lapse.partial[-MARK_BYTES:])
                position = replace(lapse.position, offset=lapse.last_words.end, mark=mark)
                self._deliver(file, lapse.last_words, position.file, position)
        roster.last_words.clear()
        self._finish(now)
        roster.release(now, self._grace_s)
        self._checkpoints.tend(now, roster.keys)
        self._take_stock()
        ended = clock.monotonic()
        self._earliest_survey_at = ended + max(MIN_PAUSE_S, SURVEY_SHARE * (ended - began))
        active = now < self._active_until
        self._survey_at = max(now + (ACTIVE_POLL_S if active else IDLE_POLL_S), self._earliest_survey_at)
        self._wanted.settle()

    def _read(self, now: float) -> list[Followed]:
        """Deliver what there is room for; returns the files of which some is still unread.

        Lineages take turns, beginning behind the one that was read last; within a lineage the older file comes first.
        """
        waiting = self._roster.handles.rests.lineages
        behind = (file for file in self._roster.files if file.behind and file.lineage not in waiting)
        files = sorted(behind, key=lambda file: file.sequence)
        if not files:
            return []
        self._active_until = now + ACTIVE_S
        self._survey_at = min(self._survey_at, now + ACTIVE_POLL_S)
        lineages: dict[str, list[Followed]] = {}
        for file in files:
            lineages.setdefault(file.lineage, []).append(file)
        names = list(lineages)
        if self._after in lineages:
            first = names.index(self._after) + 1
            names = names[first:] + names[:first]
        left = TURN_BYTES
        for name in names:
            if left <= 0 or not self._queue.room():
                break
            self._after = name
            for file in lineages[name]:
                left -= self._read_file(file, min(left, FILE_BYTES_A_TURN))
                if file.behind:
                    break
        return [file for file in files if file.behind]

    def _read_file(self, file: Followed, budget: int) -> int:
        """Deliver up to `budget` bytes and a block more; returns how many were read."""
        reader, start = file.reader, file.reader.offset
        reader.encoding, reader.joiner = file.spec.encoding, joiner_of(file.spec)
        try:
            while self._queue.room(file.key) and reader.offset - start < budget:
                result = reader.read(file.size)
                if file.problem is not None:
                    self._roster.handles.recovered(file)
                if isinstance(result, Stop):
                    file.behind = False
                    if result is Stop.REPLACED:
                        file.stamp = None  # the survey finds out what became of it
                        self._survey_at = 0.0
                    break
                self._deliver(file, result, reader.id, reader.position())
        except OSError as error:
            self._roster.handles.trouble(file, error)
        return reader.offset - start

    def _deliver(self, file: Followed, chunk: Chunk, id: FileId, position: Position) -> None:
        if not chunk.data:
            if self._ledger.is_idle(file.key):
                self._checkpoints.record(position)
            return
        if position.skipping and not file.cut_said:
            file.cut_said = True
            _log.warning(
                Event.LINE_CUT, path=file.reader.path, message=f"{file.reader.path}: a line of over 1 MiB is cut"
            )
        self._bytes += len(chunk.data)
        self._ledger.emit(position)
        self._queue.put(
            Block(
                source=file.spec,
                path=file.reader.path,
                file=id,
                offset=chunk.offset,
                data=chunk.data,
                end=chunk.end,
                inner=chunk.inner,
                coding=chunk.coding,
            )
        )

    def _finish(self, now: float) -> None:
        """Deliver events that nothing was added to, and unfinished last lines of files that lost their live name."""
        for file in self._roster.files:
            reader = file.reader
            quiet_s = now - file.changed_at
            # The unfinished last line of a rotated file belongs to its event: they are finished together, below. That
            # of a damaged one is no whole line, and may become one.
            is_over = self._roster.is_over(file) and not reader.is_cut
            may_release = not is_over or not reader.unfinished
            if (
                reader.holds_event
                and may_release
                and quiet_s >= EVENT_S
                and not file.behind
                and self._queue.room(file.key)
            ):
                self._release(file)
            if not is_over or not reader.partial or file.behind or quiet_s < FINISH_S:
                continue
            if self._queue.room(file.key):
                self._deliver_held(file, reader.finish)

    def _release(self, file: Followed) -> None:
        if file.reader.holds_event:
            self._deliver_held(file, file.reader.release)

    def _deliver_held(self, file: Followed, take: Callable[[], Chunk | None]) -> None:
        """What the reader already has in memory. It may have been closed since, to make room for others."""
        if not self._roster.handles.ensure(file):
            return
        try:
            chunk = take()
        except OSError as error:
            self._roster.handles.trouble(file, error)
            return
        if chunk is not None:
            self._deliver(file, chunk, file.reader.id, file.reader.position())

    def _take_stock(self) -> None:
        files = self._roster.files
        tally = self._roster.tally
        self._status = IngestStatus(
            files=sum(file.place is Place.LIVE for file in files),
            unreadable=self._roster.unreadable,
            open_handles=sum(file.reader.is_open for file in files),
            unread_bytes=sum(max(0, file.size - file.reader.offset) for file in files if file.behind),
            rotations=tally.rotations,
            truncations=tally.truncations,
            truncated_unread_bytes=tally.truncated_unread_bytes,
            resets=tally.resets,
        )
