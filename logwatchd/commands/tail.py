"""`logwatchd tail`: the daemon's own ingest alone, into a file, for people who ask what it sees."""

from __future__ import annotations

import os
import queue
from collections import deque
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from logwatchd import clock, config, interrupts, journal
from logwatchd.errors import Exit, UsageError
from logwatchd.flow import BlockQueue
from logwatchd.ingest.lock import StateLock
from logwatchd.ingest.patterns import Glob
from logwatchd.ingest.source import Source
from logwatchd.ingest.sources import Sources
from logwatchd.ingest.streams import STDIN
from logwatchd.journal import Event
from logwatchd.records import Block, SourceSpec
from logwatchd.stage import StageThread, start_all

MAX_BYTES = 4 << 20  # in flight: enough to read and write at once, and little memory to touch
RETRY_S = 1.0
IDLE_S = 3600.0
STOP_S = 20.0
END_LOOK_S = 0.2  # how often it is asked whether all streams have ended

_MOST_AT_ONCE = os.sysconf("SC_IOV_MAX")

_log = journal.logger("tail")


class Appender:
    """A stage that appends every block to a file, and only then commits it."""

    def __init__(self, blocks: BlockQueue, source: Source, output: Path) -> None:
        """Open the output, creating it if it is missing.

        Raises:
            UsageError: it cannot be written.
        """
        self._blocks = blocks
        self._source = source
        self._output = output
        self._waiting: deque[Block] = deque()
        self._written = 0  # of the first that waits
        self._failing = False
        try:
            self._handle = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise UsageError(f"--output {output}: cannot be written: {error.strerror}; name another file") from None

    @property
    def name(self) -> str:
        return "append"

    def run_once(self, now: float) -> float:
        self._waiting.extend(self._blocks.take())
        try:
            while self._waiting:
                self._append()
                self._waiting.extend(self._blocks.take())
        except OSError as error:
            if not self._failing:
                self._failing = True
                _log.error(
                    Event.OUTPUT_UNWRITABLE,
                    path=str(self._output),
                    reason=error.strerror,
                    message=f"{self._output}: cannot be written: {error.strerror}; reading waits until it can",
                )
            return RETRY_S
        if self._failing:
            self._failing = False
            _log.info(Event.OUTPUT_WRITABLE, path=str(self._output), message=f"{self._output}: can be written again")
        return IDLE_S

    def close(self) -> None:
        os.close(self._handle)

    def _append(self) -> None:
        """Write all that waits in one call, and commit what of it was taken.

        One large call, in which the reading goes on, instead of many small ones: each costs a change of threads.

        Raises:
            OSError: nothing was written; what was by then is not written again.
        """
        views = [memoryview(block.data) for block in islice(self._waiting, _MOST_AT_ONCE)]
        views[0] = views[0][self._written :]
        self._written += os.writev(self._handle, views)
        while self._waiting and self._written >= len(self._waiting[0].data):
            block = self._waiting.popleft()
            self._written -= len(block.data)
            self._source.commit(block)
            self._blocks.done(block)


def run(config_path: Path, output: Path) -> Exit:
    """Follow what is configured and append its lines to `output`, until SIGTERM, SIGINT or SIGHUP.

    Ends of itself when standard input is all there is to follow, and has ended.

    Raises:
        ConfigError, StateError, UsageError: nothing was started, or another one has the state folder by now.
    """
    journal.configure("terminal")
    found = config.load(config_path, config.any_secret)
    _refuse_a_loop(found.sources, output)
    with StateLock(found.settings.state_dir) as lock:
        blocks = BlockQueue(MAX_BYTES)
        source = Sources(found.sources, blocks, lock.folder)
        appender = Appender(blocks, source, output)
        try:
            done = _follow(blocks, source, appender)
            if lock.is_lost():
                lock.renew()  # and read positions are kept there
            return done
        finally:
            source.close()
            appender.close()


def _refuse_a_loop(sources: Sequence[SourceSpec], output: Path) -> None:
    """What is written to a file that is followed would be read, and written, again.

    Raises:
        UsageError: it is one.
    """
    full = str(output.resolve())
    for pattern in (path for source in sources for path in source.paths if path != STDIN):
        if Glob(pattern).matches(full) or full == str(Path(pattern).resolve()):
            raise UsageError(f"--output {output}: is followed itself, by {pattern}; name a file outside of it")


def _follow(blocks: BlockQueue, source: Sources, appender: Appender) -> Exit:
    events: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    for number in interrupts.ENDING:
        interrupts.take(number, lambda *_: events.put(None))
    reading = StageThread(source, lambda name, error: events.put(error))
    appending = StageThread(appender, lambda name, error: events.put(error))
    source.on_wake = blocks.on_room = reading.wake
    blocks.on_block = appending.wake
    start_all((reading, appending))
    error = _event(events, source, blocks)
    deadline = clock.monotonic() + STOP_S
    reading.stop()
    if reading.join(deadline - clock.monotonic()):
        source.flush()
    appending.stop()
    appending.join(deadline - clock.monotonic())
    if error is not None:
        _log.error(Event.STAGE_DIED, exc_info=error)
        return Exit.FAILED
    appender.run_once(clock.monotonic())  # what was read when the appender had already stopped
    return Exit.OK


def _event(
    events: queue.SimpleQueue[BaseException | None], source: Sources, blocks: BlockQueue
) -> BaseException | None:
    """Wait for a signal (None), a dead stage's error, or the end of all streams (None)."""
    while not source.ended() or blocks.in_flight:
        try:
            return events.get(timeout=END_LOOK_S)
        except queue.Empty:
            if not blocks.in_flight:
                journal.prepare()
    return None
