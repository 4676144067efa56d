"""Whatever happens to a log, in whatever order, every line comes out: once, or at least once after a kill.

Hypothesis makes up histories of writes, rotations, copies, truncations, restarts and kills on real files; what was
written is the model. Lines are numbered, so none can be mistaken for another.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from logwatchd.ingest.lines import MAX_LINE_BYTES, cut
from tests.ingest.tailer import Tailer


class LogHistory(RuleBasedStateMachine):
    """One log, its writer and its tailer."""

    folder: Path  # set by the test

    def __init__(self) -> None:
        super().__init__()
        number = len(list(self.folder.iterdir()))
        self.logs = self.folder / str(number) / "logs"
        self.logs.mkdir(parents=True)
        self.state = self.logs.parent / "state"
        self.log = self.logs / "app.log"
        self.written: list[bytes] = []
        self.unfinished = b""
        self.killed = False
        self.running = True
        self.copytruncate = False  # a log is rotated in one way or the other
        self.writer = self.log.open("ab", buffering=0)
        self.tailer: Tailer | None = None

    @initialize(glob=st.booleans(), copytruncate=st.booleans(), first=st.integers(0, 3))
    def begin(self, glob: bool, copytruncate: bool, first: int) -> None:
        self.copytruncate = copytruncate
        self.write(first, 10)
        self.tailer = Tailer(self.state, self.logs / ("app.log*" if glob else "app.log"))
        self._turn()  # what was rotated away before the very first start is nobody's business

    @rule(count=st.integers(1, 20), length=st.sampled_from([0, 10, 300, 5000]))
    def write(self, count: int, length: int) -> None:
        for _ in range(count):
            self._finish_line(b"." * length)

    @rule()
    def write_a_part_of_a_line(self) -> None:
        if not self.unfinished:
            self.unfinished = f"line {len(self.written)} ".encode()
            self.writer.write(self.unfinished)
        else:
            self.unfinished += b"more "
            self.writer.write(b"more ")

    @precondition(lambda self: not self.copytruncate)
    @rule()
    def rotate(self) -> None:
        """logrotate's `create`; the writer reopens at once."""
        self._finish_line(b"")
        self._make_room_for_first_backup()
        self.log.rename(f"{self.log}.1")
        self.writer.close()
        self.writer = self.log.open("ab", buffering=0)

    @precondition(lambda self: not self.copytruncate)
    @rule()
    def rotate_with_late_lines(self) -> None:
        """The writer goes on writing to its old handle for a while."""
        self._finish_line(b"")
        self._make_room_for_first_backup()
        self.log.rename(f"{self.log}.1")
        self._finish_line(b"late")
        if self.running:
            self._turn()
        self._finish_line(b"later")
        self.writer.close()
        self.writer = self.log.open("ab", buffering=0)

    @precondition(lambda self: self.copytruncate)
    @rule(look_between=st.booleans())
    def copy_and_truncate(self, look_between: bool) -> None:
        self._finish_line(b"")
        self._make_room_for_first_backup()
        shutil.copyfile(self.log, f"{self.log}.1")
        if look_between and self.running:
            self._turn()
        os.truncate(self.log, 0)

    @precondition(lambda self: self.running)
    @rule()
    def read(self) -> None:
        self._turn()

    @precondition(lambda self: self.running)
    @rule()
    def read_without_a_commit_and_be_killed(self) -> None:
        assert self.tailer is not None
        self.tailer.turn(commit=False)
        self.tailer.kill()
        self.killed = True

    @precondition(lambda self: self.running)
    @rule()
    def be_killed(self) -> None:
        assert self.tailer is not None
        self.tailer.kill()

    @precondition(lambda self: self.running)
    @rule()
    def stop(self) -> None:
        assert self.tailer is not None
        self.tailer.stop()
        self.running = False

    @precondition(lambda self: not self.running)
    @rule()
    def start(self) -> None:
        assert self.tailer is not None
        self.tailer.start()
        self.running = True

    @invariant()
    def nothing_comes_that_was_not_written(self) -> None:
        if self.tailer is not None:
            counts = Counter(self.tailer.lines)
            assert set(counts) <= set(self.written)
            if not self.killed:
                assert max(counts.values(), default=1) == 1

    def teardown(self) -> None:
        if self.tailer is None:
            return
        try:
            self._finish_line(b"")
            if not self.running:
                self.start()
            for _ in range(3):
                self._turn()
            assert set(self.written) - set(self.tailer.lines) == set()
            if not self.killed:
                assert self.tailer.lines == self.written
        finally:
            self.tailer.stop()
            self.writer.close()

    def _turn(self) -> None:
        assert self.tailer is not None
        self.tailer.turn()

    def _finish_line(self, more: bytes) -> None:
        begun = self.unfinished or f"line {len(self.written)} ".encode()
        self.writer.write((b"" if self.unfinished else begun) + more + b"\n")
        self.unfinished = b""
        self.written.append(begun + more)

    def _make_room_for_first_backup(self) -> None:
        backups = sorted(self.logs.glob("app.log.*"), key=lambda path: -int(path.suffix[1:]))
        for path in backups:
            path.rename(f"{self.log}.{int(path.suffix[1:]) + 1}")


@pytest.mark.slow
def test_every_history_delivers_every_line(tmp_path: Path) -> None:
    LogHistory.folder = tmp_path
    test = LogHistory.TestCase
    test.settings = settings(
        max_examples=100, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
    )
    test().runTest()


@settings(max_examples=300, deadline=None)
@given(
    lines=st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"").lstrip(b"\0")), max_size=30),
    rest=st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"").strip(b"\0")),
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=60),
)
def test_lines_are_whole_however_the_bytes_arrive(lines: list[bytes], rest: bytes, sizes: list[int]) -> None:
    data = b"".join(line + b"\n" for line in lines) + rest
    out, start, index = b"", 0, 0
    while start < len(data):
        end = min(len(data), start + sizes[index % len(sizes)])
        index += 1
        while True:
            found = cut(data[start:end], 0, False)
            out += found.data
            if found.end == 0:
                break
            start += found.end
        if end == len(data):
            break
        sizes.append(end - start + 10)  # read on from the same place, further
        index = len(sizes) - 1
    assert out == data[: len(data) - len(rest)]
    assert data[start:] == rest


@given(length=st.integers(MAX_LINE_BYTES - 2, MAX_LINE_BYTES + 2), before=st.binary(max_size=5))
@settings(max_examples=20, deadline=None)
def test_over_long_lines_are_cut_at_the_limit(length: int, before: bytes) -> None:
    found = cut(before + b"x" * length, len(before), False)
    if length < MAX_LINE_BYTES:
        assert found == (b"", len(before), False, b"x" * length)
    else:
        assert found == (b"x" * MAX_LINE_BYTES + b"\n", len(before) + MAX_LINE_BYTES, True, b"")
