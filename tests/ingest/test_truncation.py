"""Following files that are copied and truncated; numbers in brackets are cases of EDGE_CASES.md."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, ValuesView
from pathlib import Path

import pytest

from logwatchd import clock
from logwatchd.ingest.followed import Followed
from logwatchd.ingest.identity import FileKey
from tests.ingest.tailer import append


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
def test_copytruncate_with_unread_bytes_finishes_from_the_copy(tail, logs: Path, pattern: str) -> None:  # [7]
    log = logs / "app.log"
    append(log, "one", "two")
    tailer = tail(logs / pattern)
    tailer.turn()
    append(log, "unread")
    shutil.copyfile(log, f"{log}.1")
    os.truncate(log, 0)
    append(log, "new one, longer than what was there before")
    assert tailer.turn() == [b"unread", b"new one, longer than what was there before"]
    assert tailer.source.status().truncations == 1
    assert tailer.source.status().truncated_unread_bytes == 0
    tailer.restart()
    assert tailer.turn() == []


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
def test_copytruncate_seen_step_by_step(tail, logs: Path, pattern: str) -> None:
    log = logs / "app.log"
    append(log, "one", "two")
    tailer = tail(logs / pattern)
    tailer.turn()
    with Path(f"{log}.1").open("wb") as copy:
        assert tailer.turn() == []
        copy.write(b"on")
        copy.flush()
        assert tailer.turn() == []
        append(log, "three")
        copy.write(b"e\ntwo\nthree\n")
    append(log, "lost between copy and truncate")
    assert tailer.turn() == [b"three", b"lost between copy and truncate"]
    os.truncate(log, 0)
    assert tailer.turn() == []
    append(log, "four")
    assert tailer.turn() == [b"four"]
    tailer.restart()
    assert tailer.turn() == []


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
def test_copytruncate_while_down(tail, logs: Path, pattern: str) -> None:
    log = logs / "app.log"
    append(log, "one", "two")
    tailer = tail(logs / pattern)
    tailer.turn()
    tailer.stop()
    append(log, "unread")
    shutil.copyfile(log, f"{log}.1")
    os.truncate(log, 0)
    append(log, "new")
    tailer.start()
    assert tailer.turn() == [b"unread", b"new"]


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
def test_two_copytruncates_between_two_looks(tail, logs: Path, pattern: str) -> None:
    log = logs / "app.log"
    append(log, "one")
    tailer = tail(logs / pattern)
    tailer.turn()
    append(log, "two")
    shutil.copyfile(log, f"{log}.1")
    os.truncate(log, 0)
    append(log, "three")
    Path(f"{log}.1").rename(f"{log}.2")
    shutil.copyfile(log, f"{log}.1")
    os.truncate(log, 0)
    append(log, "four")
    assert tailer.turn() == [b"two", b"three", b"four"]


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
@pytest.mark.parametrize("unread", [b"", b"unread"])
@pytest.mark.parametrize("is_link", [False, True], ids=["renamed", "link switched"])
def test_copied_truncated_and_rotated_away_between_two_looks(
    tail, logs: Path, pattern: str, unread: bytes, is_link: bool
) -> None:
    log, old = logs / "app.log", logs / ("first.txt" if is_link else "app.log.1")
    if is_link:
        log.symlink_to(old.name)
    append(log, "one")
    tailer = tail(logs / pattern)
    tailer.turn()
    append(log, *filter(None, [unread]))
    shutil.copyfile(log, f"{log}.2")
    os.truncate(log, 0)
    append(log, "before it was rotated away")
    log.unlink() if is_link else log.rename(old)
    append(log, "after it")
    lines = [*tailer.turn(), *tailer.turn()]
    assert sorted(filter(None, [unread, b"before it was rotated away", b"after it"])) == sorted(lines)
    tailer.restart()
    assert tailer.turn() == []


@pytest.mark.parametrize("begun", [b"", b"one\n"])
def test_copied_and_truncated_twice_and_rotated_away_between_two_looks(tail, logs: Path, begun: bytes) -> None:
    log = logs / "app.log"
    log.write_bytes(begun)
    tailer = tail(log)
    tailer.turn()
    for number, line in ((3, "two"), (2, "three")):
        append(log, line)
        shutil.copyfile(log, f"{log}.{number}")
        os.truncate(log, 0)
    append(log, "four")
    log.rename(f"{log}.1")
    append(log, "five")
    assert sorted([*tailer.turn(), *tailer.turn()]) == [b"five", b"four", b"three", b"two"]


def test_an_empty_file_is_no_copy_of_a_truncated_one_that_was_rotated_away(tail, logs: Path) -> None:
    log, empty = logs / "app.log", logs / "app.log.1"
    append(log, "one")
    tailer = tail(log)
    tailer.turn()
    os.truncate(log, 0)
    append(log, "two")
    log.rename(f"{log}.2")
    empty.touch()
    append(log, "three")
    assert sorted([*tailer.turn(), *tailer.turn()]) == [b"three", b"two"]
    tailer.turn(seconds=100)  # longer than a rotation takes
    append(empty, "late")
    assert [*tailer.turn(), *tailer.turn()] == [b"late"]


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
@pytest.mark.parametrize("before", [b"", b"one\n"])
def test_unfinished_line_that_was_finished_before_the_copy(tail, logs: Path, pattern: str, before: bytes) -> None:
    log = logs / "app.log"
    log.write_bytes(before + b"begun")
    tailer = tail(logs / pattern)
    tailer.turn()
    append(log, " and finished")
    shutil.copyfile(log, f"{log}.1")
    os.truncate(log, 0)
    assert tailer.turn() == [b"begun and finished"]
    tailer.kill()
    append(log, "new")
    assert tailer.turn() == [b"new"]


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
def test_two_copies_of_a_file_that_is_truncated_give_its_rest_once(tail, logs: Path, pattern: str) -> None:
    log = logs / "app.log"
    append(log, "one")
    tailer = tail(logs / pattern)
    tailer.turn()
    append(log, "unread")
    for number in (1, 2):
        shutil.copyfile(log, f"{log}.{number}")
    os.truncate(log, 0)
    append(log, "new")
    assert sorted([*tailer.turn(), *tailer.turn()]) == [b"new", b"unread"]


def test_a_copy_that_grows_into_something_else_is_a_file_of_its_own_from_there_on(tail, logs: Path) -> None:
    log = logs / "app.log"
    append(log, "one")
    tailer = tail(logs / "app.log*")
    tailer.turn()
    copy = Path(shutil.copyfile(log, f"{log}.1"))
    assert tailer.turn() == []
    append(log, "two")
    append(copy, "two")
    assert tailer.turn() == [b"two"]
    append(copy, "other")
    assert tailer.turn() == [b"other"]
    tailer.restart()
    append(copy, "and on")
    assert tailer.turn() == [b"and on"]


def test_repeated_copytruncate_where_inodes_of_old_copies_come_again(tail, logs: Path) -> None:
    log = logs / "app.log"
    tailer = tail(logs / "app.log*")
    expected = []
    for number in range(8):
        append(log, f"number {number} a", f"number {number} b")
        expected += [f"number {number} a".encode(), f"number {number} b".encode()]
        tailer.turn()
        Path(f"{log}.2").unlink(missing_ok=True)
        if Path(f"{log}.1").exists():
            Path(f"{log}.1").rename(f"{log}.2")
        shutil.copyfile(log, f"{log}.1")
        os.truncate(log, 0)
        tailer.turn(seconds=100)
    assert tailer.lines == expected


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
@pytest.mark.parametrize("there_before", [False, True])
def test_rotated_by_hand_each_copy_over_the_one_before(tail, logs: Path, pattern: str, there_before: bool) -> None:
    log, copy = logs / "app.log", logs / "app.log.1"
    if there_before:
        append(copy, "ancient")
    append(log, "one")
    tailer = tail(logs / pattern)
    assert tailer.turn()[-1:] == [b"one"]
    for number in range(3):
        append(log, f"unread {number}")
        shutil.copyfile(log, copy)
        os.truncate(log, 0)
        append(log, f"after {number}")
        assert [*tailer.turn(), *tailer.turn()] == [b"unread %d" % number, b"after %d" % number]
        shutil.copyfile(log, copy)  # once more, with all of it read and looks in between
        assert tailer.turn() == []
        os.truncate(log, 0)
        assert [*tailer.turn(), *tailer.turn()] == []
        append(log, f"quiet {number}")
        assert tailer.turn() == [b"quiet %d" % number]


@pytest.mark.parametrize("is_renamed", [False, True])
def test_bytes_that_were_truncated_away_are_counted(tail, logs: Path, is_renamed: bool) -> None:  # [8]
    log = logs / "app.log"
    tailer = tail(log, max_blocks=1)
    append(log, *[b"x" * 1000] * 3000)
    tailer.source.run_once(clock.monotonic())
    os.truncate(log, 0)
    if is_renamed:
        log.rename(f"{log}.1")
        log.touch()
    tailer.turn()
    read = sum(len(block.data) for block in tailer.blocks)
    assert tailer.source.status().truncated_unread_bytes == 3000 * 1001 - read > 0


def test_unfinished_line_of_a_truncated_file_is_delivered_alone(tail, logs: Path) -> None:
    log = logs / "app.log"
    log.write_bytes(b"one\nunfinished")
    tailer = tail(log)
    tailer.turn()
    os.truncate(log, 0)
    append(log, "two")
    assert tailer.turn() == [b"unfinished", b"two"]


def test_same_size_and_same_stamp_after_a_truncation(tail, logs: Path) -> None:  # [6], [42]
    log = logs / "app.log"
    append(log, "aaaa")
    os.utime(log, (0, 0))
    tailer = tail(log)
    tailer.turn()
    log.write_bytes(b"bbbb\n")
    os.utime(log, (0, 0))
    assert tailer.turn() == [b"bbbb"]


class Scanned(dict[FileKey, Followed]):
    """Counts how often it is gone through as a whole."""

    scans = 0

    def values(self) -> ValuesView[Followed]:
        self.scans += 1
        return super().values()


@pytest.mark.parametrize("fate", [lambda log: log.write_bytes(b"two\n"), Path.unlink], ids=["truncated", "deleted"])
def test_so_many_files_at_once_are_not_each_looked_for_among_all_others(
    tail, logs: Path, fate: Callable[[Path], object]
) -> None:
    scans = []
    for count in (5, 50):
        folder = logs / str(count)
        folder.mkdir()
        for number in range(count):
            append(folder / f"{number}.log", "one")
        tailer = tail(folder / "*.log")
        assert len(tailer.turn()) == count
        for log in folder.iterdir():
            shutil.copyfile(log, f"{log}.1")
            fate(log)
        register = tailer.source._roster._register
        register.by_key = known = Scanned(register.by_key)
        now = clock.monotonic()
        for seconds in (4, 8, 100):
            tailer.source.run_once(now + seconds)
        scans.append(known.scans)
        tailer.stop()
    assert scans[0] == scans[1]


def test_once_a_truncation_is_dealt_with_nothing_more_is_to_come(tail, logs: Path) -> None:
    log = logs / "app.log"
    append(log, "one")
    tailer = tail(log)
    tailer.turn()
    log.write_bytes(b"two\n")
    assert tailer.turn() == [b"two"]
    assert tailer.source.drained()
