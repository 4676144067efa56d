"""Following files that are renamed or moved away; numbers in brackets are cases of EDGE_CASES.md."""

from __future__ import annotations

import gzip
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from logwatchd import clock
from logwatchd.ingest import checkpoints
from logwatchd.ingest.identity import key_of
from tests.ingest.tailer import LONG_S, Tailer, append


def test_renamed_files_that_match_the_glob_are_not_read_again(tail, logs: Path) -> None:  # [2]
    log = logs / "app.log"
    tailer = tail(logs / "app.log*")
    for turn in range(5):
        append(log, f"line {turn}")
        assert tailer.turn() == [f"line {turn}".encode()]
        for number in range(turn, 0, -1):
            Path(f"{log}.{number}").rename(f"{log}.{number + 1}")
        log.rename(f"{log}.1")
    assert tailer.turn() == []
    assert tailer.source.status().rotations >= 4


@pytest.mark.parametrize("pattern", ["app.log", "app.log*", "*.log"])
def test_rotations_between_two_looks_lose_nothing(tail, logs: Path, pattern: str) -> None:  # [3]
    log = logs / "app.log"
    append(log, "before")
    tailer = tail(logs / pattern)
    tailer.turn()
    for turn in range(3):
        append(log, f"late {turn}")
        for number in range(turn, 0, -1):
            Path(f"{log}.{number}").rename(f"{log}.{number + 1}")
        log.rename(f"{log}.1")
        append(log, f"new {turn}")
    assert tailer.turn() == [b"late 0", b"new 0", b"late 1", b"new 1", b"late 2", b"new 2"]


def test_rotated_siblings_that_were_there_before_us_are_not_read(tail, logs: Path) -> None:
    log = logs / "app.log"
    append(Path(f"{log}.1"), "of yesterday")
    append(Path(f"{log}-20260101"), "of long ago")
    append(log, "today")
    tailer = tail(log)
    assert tailer.turn() == [b"today"]
    tailer.restart()
    Path(f"{log}.1").rename(f"{log}.2")
    log.rename(f"{log}.1")
    append(log, "tomorrow")
    assert tailer.turn() == [b"tomorrow"]


@pytest.mark.parametrize("rotate", [lambda log: log.rename(f"{log}-20260102"), Path.unlink], ids=["renamed", "deleted"])
def test_siblings_stay_unread_however_long_they_lie_there(
    tail, logs: Path, monkeypatch: pytest.MonkeyPatch, rotate: Callable[[Path], object]
) -> None:
    log = logs / "app.log"
    append(logs / "app.log-20260101", "written before logwatchd was there")
    append(log, "one")
    tailer = tail(log)
    assert tailer.turn() == [b"one"]
    monkeypatch.setattr(checkpoints, "EXPIRE_S", -1)  # everything is aged
    for _ in range(3):
        assert tailer.turn(seconds=checkpoints.SETTLE_S + 1) == []
    monkeypatch.undo()
    rotate(log)
    log.touch()
    assert tailer.turn() == []
    tailer.restart()
    assert [*tailer.turn(), *tailer.turn()] == []


def _calls_to_judge_siblings(tailer: Tailer, logs: Path, count: int) -> int:
    """How many functions are called in the first survey that meets the rotated names of so many files."""
    for number in range(count):
        append(logs / f"{number}.log", "one")
        append(logs / f"{number}.log.1", "old")
        append(logs / f"{number}.log.2", "older")
    calls = 0

    def counting(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    now = clock.monotonic()
    tailer.source.run_once(now + LONG_S)
    sys.setprofile(counting)
    tailer.source.run_once(now + 100 * LONG_S)
    sys.setprofile(None)
    return calls


def test_twice_as_many_rotated_files_are_twice_the_work(tail, tmp_path: Path) -> None:
    calls = []
    for count in (150, 300):
        logs = tmp_path / str(count)
        logs.mkdir()
        calls.append(_calls_to_judge_siblings(tail(logs / "*.log", start_at="end"), logs, count))
    assert 1.5 < calls[1] / calls[0] < 2.5


def test_folders_and_names_that_come_and_go_leave_nothing_behind(
    tail, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tailer = tail(logs / "*" / "*.log")
    for number in range(20):
        pod = logs / f"pod-{number}"
        pod.mkdir()
        append(pod / f"{number}.log", "one")
        append(pod / f"{number}.log.1.gz", "not read")
        assert tailer.turn() == [b"one"]
        shutil.rmtree(pod)
    monkeypatch.setattr(checkpoints, "EXPIRE_S", -1)
    for _ in range(4):
        assert tailer.turn(seconds=checkpoints.SETTLE_S + 1) == []
    roster = tailer.source._roster
    assert not roster.files
    assert not tailer.checkpoints.positions()
    assert not roster._targets._siblings.keys() - {str(logs)}
    assert (roster._newcomers._last, roster._newcomers._aside) == ({}, {})


def _tick(folder: Path) -> None:
    """Let the clock of the filesystem go on."""
    probe = folder / "probe"
    probe.touch()
    before = probe.stat().st_ctime_ns
    while probe.stat().st_ctime_ns == before:
        probe.touch()


def test_of_a_program_that_fails_at_each_start_and_rotates_then_every_line_is_told(tail, logs: Path) -> None:
    log, start = logs / "app.log", [b"starting", b"no configuration: ending"]
    append(log, *start)
    tailer = tail(log)
    assert tailer.turn() == start
    for number in range(3):
        log.rename(f"{log}-2026010{number}")
        _tick(logs)
        append(log, *start)
        _tick(logs)
    assert tailer.turn() == 3 * start


def test_a_new_file_that_is_copied_before_it_is_seen_is_told_once(tail, logs: Path) -> None:
    log = logs / "app.log"
    append(log, "old")
    tailer = tail(log)
    assert tailer.turn() == [b"old"]
    log.rename(f"{log}-20260101")
    append(log, "new")
    _tick(logs)
    shutil.copyfile(log, f"{log}-20260102")
    assert tailer.turn() == [b"new"]
    os.truncate(log, 0)
    append(log, "newer")
    assert tailer.turn() == [b"newer"]


def test_a_backup_somebody_makes_is_not_read(tail, logs: Path) -> None:
    log = logs / "app.log"
    append(log, "one", "two")
    tailer = tail(log)
    tailer.turn()
    shutil.copyfile(log, f"{log}.1")
    append(Path(f"{log}-20260101"), "something else")
    assert tailer.turn() == []


def test_rotations_while_down(tail, logs: Path) -> None:  # [45]
    log = logs / "app.log"
    append(log, "read")
    tailer = tail(log)
    tailer.turn()
    tailer.stop()
    append(log, "a")
    log.rename(f"{log}.1")
    append(log, "b")
    Path(f"{log}.1").rename(f"{log}.2")
    log.rename(f"{log}.1")
    append(log, "c")
    tailer.start()
    assert tailer.turn() == [b"a", b"b", b"c"]


def test_old_handle_is_drained_before_the_new_file(tail, logs: Path) -> None:
    log = logs / "app.log"
    append(log, "first")
    tailer = tail(log)
    tailer.turn()
    with log.open("ab") as old:
        log.rename(f"{log}.1")
        append(log, "new")
        old.write(b"late\n")
        old.flush()
        assert tailer.turn() == [b"late", b"new"]
        old.write(b"later\n")
        old.flush()
        assert tailer.turn() == [b"later"]


@pytest.mark.parametrize("bytes_per_line", [10, 200_000])
def test_a_backlog_in_the_old_file_comes_before_the_new_one(tail, logs: Path, bytes_per_line: int) -> None:
    log = logs / "app.log"
    old = [f"{number:04}".ljust(bytes_per_line, ".").encode() for number in range(100)]
    append(log, "first")
    tailer = tail(log, max_blocks=2)
    tailer.turn()
    append(log, *old)
    log.rename(f"{log}.1")
    append(log, "new")
    assert tailer.turn() == [*old, b"new"]


def test_moved_to_another_folder_is_read_to_its_end(tail, logs: Path) -> None:  # [12] olddir
    log, old_dir = logs / "app.log", logs / "old"
    old_dir.mkdir()
    append(log, "one")
    tailer = tail(log)
    tailer.turn()
    with log.open("ab") as old:
        log.rename(old_dir / "app.log.1")
        append(log, "new")
        old.write(b"late\n")
        old.flush()
        assert tailer.turn() == [b"late", b"new"]


def test_unfinished_last_line_of_a_rotated_file_is_delivered_once_and_alone(tail, logs: Path) -> None:  # [30]
    log = logs / "app.log"
    log.write_bytes(b"one\nunfinished")
    tailer = tail(log)
    assert tailer.turn() == [b"one"]
    log.rename(f"{log}.1")
    append(log, "new")
    lines = tailer.turn() + tailer.turn() + tailer.turn()
    assert sorted(lines) == [b"new", b"unfinished"]
    tailer.restart()
    assert tailer.turn() == []


def test_compression_of_a_rotated_file_brings_nothing(tail, logs: Path) -> None:  # [10]
    log = logs / "app.log"
    append(log, "one")
    tailer = tail(logs / "app.log*")
    tailer.turn()
    log.rename(f"{log}.1")
    append(log, "two")
    assert tailer.turn() == [b"two"]
    Path(f"{log}.1.gz").write_bytes(gzip.compress(Path(f"{log}.1").read_bytes()))
    Path(f"{log}.1").unlink()
    assert tailer.turn() == []
    tailer.restart()
    assert tailer.turn() == []


def test_compressed_before_it_was_read_to_its_end(tail, logs: Path) -> None:  # [11]
    log = logs / "app.log"
    append(log, "one")
    tailer = tail(logs / "app.log*")
    tailer.turn()
    append(log, "two")
    log.rename(f"{log}.1")
    Path(f"{log}.1.gz").write_bytes(gzip.compress(Path(f"{log}.1").read_bytes()))
    Path(f"{log}.1").unlink()
    append(log, "three")
    assert tailer.turn() == [b"two", b"three"]


def test_a_file_that_came_and_was_renamed_between_two_looks_is_read_whatever_its_number(
    tail: Callable[..., Tailer], logs: Path
) -> None:
    """Numbers that grow with time, where logrotate's grow with age."""
    log, old = logs / "app.log", logs / "app.log.8"
    append(old, "of another time")
    os.utime(old, (0, 0))
    append(log, "one")
    tailer = tail(logs / "*.log")
    assert tailer.turn() == [b"one"]
    log.rename(logs / "app.log.1")
    append(log, "two")
    os.utime(logs / "app.log.1", ns=(0, log.stat().st_mtime_ns - 1))  # within one tick of the clock they are the same
    log.rename(logs / "app.log.7")
    shutil.copy2(old, logs / "app.log.9")  # an old one that was put back
    append(log, "three")
    assert sorted([*tailer.turn(), *tailer.turn()]) == [b"three", b"two"]


@pytest.mark.parametrize("when", ["read and dealt with", "read", "down"])
def test_a_read_position_tells_the_name_that_its_file_has(tail, logs: Path, when: str) -> None:
    log = logs / "app.log"
    append(log, "one")
    key = key_of(log.stat())
    tailer = tail(log)
    tailer.turn(commit=when != "read")
    if when == "down":
        tailer.stop()
    log.rename(f"{log}.1")
    append(log, "two")
    if when == "down":
        tailer.start()
    tailer.turn()
    for block in tailer.blocks[:1] if when == "read" else ():
        tailer.source.commit(block)
    tailer.kill()
    position = tailer.checkpoints.get(key)
    assert position is not None
    assert (position.path, position.live, position.offset) == (f"{log}.1", False, 4)


def test_a_rotated_file_that_was_left_alone_is_read_once_it_has_the_live_name(tail, logs: Path) -> None:
    log = logs / "app.log"
    append(Path(f"{log}.1"), "written before logwatchd was there")
    append(log, "one")
    tailer = tail(log)
    assert tailer.turn() == [b"one"]
    Path(f"{log}.1").replace(log)
    assert tailer.turn() == [b"written before logwatchd was there"]
