"""Two rotations with looks at every choice of moments between their steps: what `test_races` tries by chance, in full.

A look is one survey and one read. Nothing depends on time, so that a case that fails fails always.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from logwatchd import clock
from logwatchd.flow import BlockQueue
from logwatchd.ingest.checkpoints import Checkpoints
from logwatchd.ingest.files import FileSource
from logwatchd.records import SourceSpec
from tests.helpers import LONG

Step = Callable[[], object]
Rotation = Callable[["Log", int], list[Step]]


class Log:
    """A log, the steps in which it is rotated, and all that was written to it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.path = folder / "app.log"
        self.written: list[bytes] = []

    def write(self, count: int = 2) -> None:
        lines = [b"line %04d" % (len(self.written) + number) for number in range(count)]
        self.written += lines
        with self.path.open("ab") as file:
            file.write(b"".join(line + b"\n" for line in lines))

    def copy(self, source: Path, number: int) -> list[Step]:
        target = Path(f"{self.path}-{number}")
        return [
            lambda: target.write_bytes(source.read_bytes()[: source.stat().st_size // 2]),
            lambda: target.write_bytes(source.read_bytes()),
        ]

    def copytruncate(self, number: int) -> list[Step]:
        return [*self.copy(self.path, number), lambda: os.truncate(self.path, 0), self.write]

    def renamecopy(self, number: int) -> list[Step]:
        temporary = Path(f"{self.path}.tmp")
        copying = self.copy(temporary, number)
        return [lambda: self.path.rename(temporary), self.write, *copying, lambda: temporary.unlink(), self.write]

    def create(self, number: int) -> list[Step]:
        old = Path(f"{self.path}-{number}")

        def late() -> None:
            """The writer has not opened the new file yet."""
            line = b"late %d" % number
            self.written.append(line)
            with old.open("ab") as file:
                file.write(line + b"\n")

        return [lambda: self.path.rename(old), late, self.path.touch, self.write]


class Looks:
    """A tailer that looks when it is told to."""

    def __init__(self, pattern: Path) -> None:
        spec = SourceSpec(paths=(str(pattern),), start_at="beginning", multiline="off")
        self.lines: list[bytes] = []
        self._blocks = BlockQueue()
        self.source = FileSource([spec], self._blocks, Checkpoints(None))
        self.source._wakeup.arm = lambda folders, now: None  # type: ignore[method-assign]  # no thread: it costs most
        self._ahead_s = 0.0

    def look(self) -> int:
        self._ahead_s += 3.0
        self.source.run_once(clock.monotonic() + self._ahead_s)
        blocks = self._blocks.take()
        for block in blocks:
            self.lines += block.data.split(b"\n")[:-1]
            self.source.commit(block)
            self._blocks.done(block)
        return len(blocks)

    def look_till_nothing_comes(self) -> None:
        idle = 0
        while idle < 4:
            idle = 0 if self.look() else idle + 1


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["app.log", pytest.param("app.log*", marks=LONG)])
@pytest.mark.parametrize(
    "rotations",
    [
        (Log.create, Log.create),
        (Log.copytruncate, Log.copytruncate),
        (Log.renamecopy, Log.renamecopy),
        (Log.copytruncate, Log.create),
        (Log.create, Log.copytruncate),
    ],
    ids=["create", "copytruncate", "renamecopy", "copytruncate and create", "create and copytruncate"],
)
def test_every_line_once_whenever_it_looks(tmp_path: Path, rotations: tuple[Rotation, Rotation], pattern: str) -> None:
    count = sum(len(rotate(Log(tmp_path / f"steps {turn}"), 0)) for turn, rotate in enumerate(rotations)) - 1
    failed = []
    for number, moments in enumerate(product((False, True), repeat=count)):
        log = Log(tmp_path / str(number))
        log.write()
        looks = Looks(log.path.with_name(pattern))
        try:
            looks.look_till_nothing_comes()
            log.write()
            steps = [step for turn, rotate in enumerate(rotations) for step in rotate(log, 1795000000 + turn)]
            for step, look in zip(steps, (*moments, False), strict=True):
                step()
                if look:
                    looks.look()
            looks.look_till_nothing_comes()
        finally:
            looks.source.close()
        if sorted(looks.lines) != sorted(log.written):
            failed.append("".join(".L"[look] for look in moments))
        shutil.rmtree(log.path.parent)
    assert failed == []
