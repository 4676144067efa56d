"""Rotation at every moment: a tailer on its own threads, woken by inotify, while a log is rotated under its hands.

The pauses between a rotation's steps are random and mostly shorter than a look takes, so that over the rounds each
step falls into each moment of a look. Whatever falls where: every line comes once, and in order, but for renamecopy:
when two of these fall into one look, nothing tells which of the files that are on their way was written first.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from logwatchd import clock
from logwatchd.flow import BlockQueue
from logwatchd.ingest.checkpoints import Checkpoints
from logwatchd.ingest.files import FileSource
from logwatchd.records import SourceSpec
from logwatchd.stage import StageThread
from tests.helpers import wait_until
from tests.ingest.tailer import LONG_S

ROUNDS = 12 if os.environ.get("LOGWATCHD_TEST_LONG") else 3
ROTATIONS = 6
PAUSES_S = (0.0, 0.0, 0.0005, 0.001, 0.003, 0.01, 0.02, 0.3)

Pause = Callable[[], None]


class Collector:
    """A stage that keeps and commits what is delivered."""

    name = "collect"

    def __init__(self, blocks: BlockQueue, source: FileSource) -> None:
        self.lines: list[bytes] = []
        self._blocks = blocks
        self._source = source

    def run_once(self, now: float) -> float:
        for block in self._blocks.take():
            self.lines += block.data.split(b"\n")[:-1]
            self._source.commit(block)
            self._blocks.done(block)
        return 3600.0


def create(log: Path, number: int, pause: Pause) -> None:
    """Like logrotate's `create`, with the writer's last lines to the old handle."""
    log.rename(f"{log}-{number}")
    pause()


def copytruncate(log: Path, number: int, pause: Pause) -> None:
    _copy(log, Path(f"{log}-{number}"), pause)
    pause()
    os.truncate(log, 0)


def renamecopy(log: Path, number: int, pause: Pause) -> None:
    temporary = Path(f"{log}.tmp")
    log.rename(temporary)
    pause()
    log.touch()
    pause()
    _copy(temporary, Path(f"{log}-{number}"), pause)
    pause()
    temporary.unlink()


def _copy(source: Path, target: Path, pause: Pause) -> None:
    data = source.read_bytes()
    with target.open("wb", buffering=0) as file:
        pause()
        file.write(data[: len(data) // 2])
        pause()
        file.write(data[len(data) // 2 :])


class Race:
    """One log, its writer and its tailer."""

    def __init__(self, folder: Path, pattern: str, chance: random.Random) -> None:
        folder.mkdir()
        self.log = folder / "app.log"
        self.written: list[bytes] = []
        self.crashes: list[BaseException] = []
        self._chance = chance
        blocks = BlockQueue()
        spec = SourceSpec(paths=(str(folder / pattern),), start_at="beginning", multiline="off")
        self._source = FileSource([spec], blocks, Checkpoints(None))
        self.collector = Collector(blocks, self._source)
        self._threads = [StageThread(stage, self._crashed) for stage in (self._source, self.collector)]
        self._source.on_wake = blocks.on_room = self._threads[0].wake
        blocks.on_block = self._threads[1].wake

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        wait_until(self._source.ready)

    def stop(self) -> None:
        for thread in self._threads:
            thread.stop()
            thread.join(60)
        # A look more, by hand: nothing may come in it.
        self._source.run_once(clock.monotonic() + LONG_S)
        self.collector.run_once(clock.monotonic())
        self._source.close()

    def write(self, count: int) -> None:
        first = len(self.written)
        lines = [b"%06d " % number + b"." * self._chance.randrange(80) for number in range(first, first + count)]
        self.written += lines
        with self.log.open("ab", buffering=0) as file:
            file.write(b"\n".join(lines) + b"\n")

    def catch_up(self) -> None:
        wait_until(lambda: len(self.collector.lines) >= len(self.written), what="every line")

    def pause(self) -> None:
        time.sleep(self._chance.choice(PAUSES_S))  # no handshake: no step of a rotation waits for the tailer

    def _crashed(self, name: str, error: BaseException) -> None:
        self.crashes.append(error)


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
@pytest.mark.parametrize("rotate", [create, copytruncate, renamecopy])
def test_every_line_once_whatever_falls_where(
    tmp_path: Path, rotate: Callable[[Path, int, Pause], None], pattern: str
) -> None:
    chance = random.Random(7)
    for turn in range(ROUNDS):
        race = Race(tmp_path / str(turn), pattern, chance)
        race.write(30)
        race.start()
        try:
            for number in range(ROTATIONS):
                rotate(race.log, 1795000000 + number, race.pause)
                race.pause()
                race.write(1 + chance.randrange(20))
                if chance.random() < 0.7:  # else the next rotation comes with lines unread
                    race.catch_up()
            race.catch_up()
        finally:
            race.stop()
        assert race.crashes == []
        if rotate is renamecopy:
            race.collector.lines.sort()
        assert race.collector.lines == race.written
