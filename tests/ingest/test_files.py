"""Following real files through what happens to them; numbers in brackets are cases of EDGE_CASES.md.

Long on purpose: the cases share one small vocabulary (write, rotate, look), and are read side by side with that list.
"""

from __future__ import annotations

import gzip
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType

import pytest

from logwatchd import clock
from logwatchd.ingest import checkpoints
from logwatchd.ingest.lines import MAX_LINE_BYTES
from logwatchd.records import Level, SourceSpec
from tests.ingest.tailer import LONG_S, Tailer, append


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def started() -> Iterator[list[Tailer]]:
    """Tailers to be stopped in the end."""
    tailers: list[Tailer] = []
    yield tailers
    for tailer in tailers:
        tailer.stop()


@pytest.fixture
def tail(state: Path, started: list[Tailer]):  # type: ignore[no-untyped-def]
    def make(*patterns: str | Path, **options: object) -> Tailer:
        tailer = Tailer(state, *patterns, **options)  # type: ignore[arg-type]
        started.append(tailer)
        return tailer

    return make


# ------------------------------------------------------------------------------------------------ where to begin
def test_beginning_reads_what_is_there(tail, logs: Path) -> None:
    append(logs / "a.log", "one", "two")
    assert tail(logs / "*.log").turn() == [b"one", b"two"]


def test_end_skips_what_is_there_and_reads_what_comes(tail, logs: Path) -> None:
    append(logs / "a.log", "old")
    tailer = tail(logs / "*.log", start_at="end")
    assert tailer.turn() == []
    append(logs / "a.log", "new")
    append(logs / "b.log", "of a new file")
    assert sorted(tailer.turn()) == [b"new", b"of a new file"]


def test_end_delivers_the_line_that_was_being_written_whole(tail, logs: Path) -> None:
    (logs / "a.log").write_bytes(b"old\nbegun be")
    tailer = tail(logs / "a.log", start_at="end")
    assert tailer.turn() == []
    append(logs / "a.log", "fore us")
    assert tailer.turn() == [b"begun before us"]


def test_end_inside_an_over_long_line_skips_its_rest(tail, logs: Path) -> None:
    (logs / "a.log").write_bytes(b"x" * (MAX_LINE_BYTES + 100))
    tailer = tail(logs / "a.log", start_at="end")
    tailer.turn()
    append(logs / "a.log", "rest", "next")
    assert tailer.turn() == [b"next"]


def test_end_is_kept_when_killed_before_anything_was_committed(tail, logs: Path) -> None:
    append(logs / "a.log", "old")
    tailer = tail(logs / "*.log", start_at="end")
    tailer.turn()
    tailer.kill()
    append(logs / "a.log", "new")
    assert tailer.turn() == [b"new"]


def test_files_created_while_down_are_read_from_their_beginning(tail, logs: Path) -> None:
    append(logs / "a.log", "old")
    tailer = tail(logs / "*.log", start_at="end")
    tailer.turn()
    tailer.restart()
    append(logs / "b.log", "while down")
    assert tailer.turn() == [b"while down"]


def test_a_pattern_that_is_added_later_has_a_first_start_of_its_own(tail, logs: Path) -> None:
    append(logs / "a.log", "a1")
    append(logs / "b.txt", "b1")
    tailer = tail(logs / "*.log", start_at="end")
    tailer.turn()
    append(logs / "a.log", "a2")
    tailer.reconfigure(logs / "*.log", logs / "*.txt", start_at="end")
    assert tailer.turn() == [b"a2"]
    append(logs / "b.txt", "b2")
    assert tailer.turn() == [b"b2"]


def test_reconfigure_drops_what_nothing_names_and_takes_it_up_where_it_stood(tail, logs: Path) -> None:
    append(logs / "a.log", "a1")
    append(logs / "b.log", "b1")
    tailer = tail(logs / "a.log", logs / "b.log")
    tailer.turn()
    tailer.reconfigure(logs / "a.log")
    append(logs / "a.log", "a2")
    append(logs / "b.log", "b2")
    assert tailer.turn() == [b"a2"]
    tailer.reconfigure(logs / "a.log", logs / "b.log")
    assert tailer.turn() == [b"b2"]


def test_the_first_source_that_names_a_file_says_how_it_is_treated(tail, logs: Path) -> None:
    append(logs / "a.log", "one")
    tailer = tail(logs / "*.log")
    tailer.specs = (
        SourceSpec(paths=(str(logs / "a.log"),), service="first", start_at="beginning"),
        SourceSpec(paths=(str(logs / "*"),), service="second", skip_levels=frozenset({Level.INFO})),
    )
    tailer.restart()
    tailer.turn()
    assert [block.source.service for block in tailer.blocks] == ["first"]


# ------------------------------------------------------------------------------------------------ rotation
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


# ------------------------------------------------------------------------------------------------ truncation
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


def test_bytes_that_were_truncated_away_are_counted(tail, logs: Path) -> None:  # [8]
    log = logs / "app.log"
    tailer = tail(log, max_blocks=1)
    append(log, *[b"x" * 1000] * 3000)
    tailer.source.run_once(1e9)
    os.truncate(log, 0)
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


# ------------------------------------------------------------------------------------------------ identity
def test_inode_used_again_while_down(tail, logs: Path) -> None:  # [13]
    log = logs / "app.log"
    append(log, "one", "two")
    tailer = tail(log)
    tailer.turn()
    tailer.stop()
    inode = log.stat().st_ino
    log.write_bytes(b"another, and longer than the first was\n")  # keeps the inode, as a filesystem may
    assert log.stat().st_ino == inode
    tailer.start()
    assert tailer.turn() == [b"another, and longer than the first was"]
    assert tailer.blocks[-1].file.generation == 1


def test_empty_file_known_only_by_its_inode(tail, logs: Path) -> None:  # [16]
    log = logs / "app.log"
    log.touch()
    tailer = tail(log)
    tailer.turn()
    tailer.stop()
    append(log, "written into the same inode")
    tailer.start()
    assert tailer.turn() == [b"written into the same inode"]


def test_identical_headers(tail, logs: Path) -> None:  # [14]
    header = [b"# " + b"h" * 200] * 10
    append(logs / "a.log", *header, "a")
    append(logs / "b.log", *header, "b")
    tailer = tail(logs / "*.log")
    assert sorted(tailer.turn()) == sorted([*header, b"a", *header, b"b"])
    append(logs / "c.log", *header, "c")
    tailer.restart()
    assert tailer.turn() == [*header, b"c"]


def test_new_file_that_begins_like_the_rotated_one(tail, logs: Path) -> None:
    log = logs / "app.log"
    append(log, "started")
    tailer = tail(logs / "app.log*")
    tailer.turn()
    for number in range(3):
        for old in range(number, 0, -1):
            Path(f"{log}.{old}").rename(f"{log}.{old + 1}")
        log.rename(f"{log}.1")
        append(log, "started")
    assert tailer.turn() == [b"started"] * 3


def test_deleted_and_created_with_the_same_content(tail, logs: Path) -> None:
    log = logs / "app.log"
    tailer = tail(log)
    files = set()
    for _ in range(5):
        append(log, "started")
        assert tailer.turn() == [b"started"]
        log.unlink()
        tailer.turn(seconds=1000)  # long enough to let go of the deleted file, so that its inode may come again
    files = {block.file for block in tailer.blocks}
    assert len(files) == 5


def test_hard_links_are_one_file(tail, logs: Path) -> None:  # [17]
    append(logs / "a.log", "one")
    os.link(logs / "a.log", logs / "b.log")
    tailer = tail(logs / "*.log")
    assert tailer.turn() == [b"one"]
    append(logs / "b.log", "two")
    assert tailer.turn() == [b"two"]


def test_symlink_and_its_target_are_one_file(tail, logs: Path) -> None:  # [18]
    append(logs / "real.log", "one")
    (logs / "link.log").symlink_to("real.log")
    tailer = tail(logs / "*.log")
    assert tailer.turn() == [b"one"]
    append(logs / "real.log", "two")
    assert tailer.turn() == [b"two"]


def test_kubernetes_chain_of_links(tail, logs: Path) -> None:  # [22]
    pods, containers = logs / "pods", logs / "containers"
    pods.mkdir()
    containers.mkdir()
    append(pods / "0.log", "one")
    (containers / "x.log").symlink_to("../pods/0.log")
    tailer = tail(containers / "*.log")
    assert tailer.turn() == [b"one"]
    append(pods / "0.log", "two")
    (pods / "0.log").rename(pods / "0.log.20260101-000000")
    append(pods / "0.log", "three")
    assert tailer.turn() == [b"two", b"three"]


def test_device_that_has_another_number_after_a_reboot(tail, logs: Path, state: Path) -> None:
    append(logs / "a.log", "one")
    tailer = tail(logs / "a.log")
    tailer.turn()
    position = tailer.checkpoints.positions()[-1]
    tailer.stop()
    for file in state.glob("positions.*"):
        file.unlink()
    tailer.start()
    tailer.checkpoints.begin(str(logs / "a.log"))
    tailer.checkpoints.record(replace(position, file=position.file._replace(device=position.file.device + 1)))
    tailer.restart()
    append(logs / "a.log", "two")
    assert tailer.turn() == [b"two"]


# ------------------------------------------------------------------------------------------------ names and places
def test_folder_removed_and_created_again(tail, logs: Path) -> None:  # [19], [20]
    folder = logs / "service"
    tailer = tail(folder / "*.log")
    assert tailer.turn() == []
    folder.mkdir()
    append(folder / "a.log", "one")
    assert tailer.turn() == [b"one"]
    shutil.rmtree(folder)
    assert tailer.turn() == []
    folder.mkdir()
    append(folder / "a.log", "two")
    assert tailer.turn() == [b"two"]


def test_deleted_but_still_written(tail, logs: Path) -> None:  # [24]
    log = logs / "app.log"
    append(log, "one")
    tailer = tail(log)
    tailer.turn()
    with log.open("ab") as writer:
        log.unlink()
        writer.write(b"two\n")
        writer.flush()
        assert tailer.turn() == [b"two"]
        assert tailer.source.status().open_handles == 1
        append(log, "three")
        assert tailer.turn() == [b"three"]
        tailer.turn(seconds=1000)
        assert tailer.source.status().open_handles == 1  # only the new file's: the disk gets its space back


def test_what_is_no_regular_file_is_left_alone(tail, logs: Path) -> None:  # [25]
    os.mkfifo(logs / "a.log")
    (logs / "b.log").mkdir()
    (logs / "c.log").symlink_to("/dev/zero")
    (logs / "d.log").symlink_to("nowhere")
    append(logs / "e.log", "one")
    assert tail(logs / "*.log").turn() == [b"one"]


# ------------------------------------------------------------------------------------------------ bytes
def test_bytes_come_out_as_they_are(tail, logs: Path) -> None:  # [32]
    data = b"\xef\xbb\xbfbom\r\n\r\n\n\xff\xfe\x80 a\0b\n\x1b[31m\xed\xa0\x80\n"
    (logs / "a.log").write_bytes(data)
    tailer = tail(logs / "a.log")
    tailer.turn()
    assert b"".join(block.data for block in tailer.blocks) == data


def test_partial_line_comes_out_once_and_whole(tail, logs: Path) -> None:  # [29], [31]
    log = logs / "app.log"
    log.write_bytes(b"one\nhal")
    tailer = tail(log)
    assert tailer.turn() == [b"one"]
    with log.open("ab") as file:
        file.write(b"f a")
    tailer.restart()
    assert tailer.turn() == []
    append(log, " line")
    assert tailer.turn() == [b"half a line"]


def test_hole_of_a_truncated_file_is_skipped(tail, logs: Path) -> None:  # [9]
    log = logs / "app.log"
    with log.open("wb", buffering=0) as writer:  # without O_APPEND it goes on where it was
        writer.write(b"x" * 70_000 + b"\n")
        tailer = tail(log)
        tailer.turn()
        os.truncate(log, 0)
        tailer.turn()
        writer.write(b"after the hole\n")
        assert tailer.turn() == [b"after the hole"]
        writer.write(b"and on\n")
        assert tailer.turn() == [b"and on"]


def test_hole_in_the_middle_of_a_read(tail, logs: Path) -> None:
    log = logs / "app.log"
    log.write_bytes(b"one\n" + b"\0" * 5000 + b"two\nthr\0ee\n" + b"\0\0four\n")
    assert tail(log).turn() == [b"one", b"two", b"thr\0ee", b"four"]


def test_space_that_was_set_aside_is_waited_for(tail, logs: Path) -> None:
    log = logs / "app.log"
    log.write_bytes(b"one\n" + b"\0" * 5000)
    tailer = tail(log)
    assert tailer.turn() == [b"one"]
    with log.open("r+b") as file:
        file.seek(4)
        file.write(b"two\nthree\n")
    assert tailer.turn() == [b"two", b"three"]


def test_over_long_line_is_cut_and_the_next_one_is_whole(tail, logs: Path) -> None:  # [34]
    log = logs / "app.log"
    log.write_bytes(b"one\n" + b"x" * (3 * MAX_LINE_BYTES) + b"\ntwo\n")
    tailer = tail(log)
    assert tailer.turn() == [b"one", b"x" * MAX_LINE_BYTES, b"two"]


def test_restart_inside_an_over_long_line(tail, logs: Path) -> None:
    log = logs / "app.log"
    log.write_bytes(b"x" * (MAX_LINE_BYTES + 5000))
    tailer = tail(log)
    assert tailer.turn() == [b"x" * MAX_LINE_BYTES]
    tailer.restart()
    append(log, "rest", "next")
    assert tailer.turn() == [b"next"]


def test_line_of_exactly_the_limit_is_whole(tail, logs: Path) -> None:
    log = logs / "app.log"
    line = b"x" * (MAX_LINE_BYTES - 1)
    append(log, line, "next")
    assert tail(log).turn() == [line, b"next"]


# ------------------------------------------------------------------------------------------------ delivery
def test_blocks_say_where_their_lines_are(tail, logs: Path) -> None:
    log = logs / "app.log"
    append(log, "one", "two")
    tailer = tail(log)
    tailer.turn()
    append(log, "three")
    tailer.turn()
    status = log.stat()
    assert [(block.offset, block.end, block.path) for block in tailer.blocks] == [(0, 8, str(log)), (8, 14, str(log))]
    assert {block.file[:2] for block in tailer.blocks} == {(status.st_dev, status.st_ino)}
    assert tailer.source.status().bytes == len(b"one\ntwo\nthree\n")


def test_reading_stops_when_nothing_is_committed(tail, logs: Path) -> None:  # [36]
    append(logs / "a.log", *[b"x" * 999] * 5000)
    tailer = tail(logs / "a.log", max_blocks=2)
    for _ in range(5):
        tailer.source.run_once(1e9)
    assert tailer.queue.in_flight == 2
    assert not tailer.source.drained()


def test_every_file_gets_its_turn(tail, logs: Path) -> None:
    for name in "abc":
        append(logs / f"{name}.log", *[b"x" * 1000] * 10_000)
    tailer = tail(logs / "*.log", max_blocks=4)
    paths: list[str] = []
    for _ in range(6):
        tailer.source.run_once(1e9)
        for block in tailer.queue.take():
            paths.append(block.path)
            tailer.source.commit(block)
            tailer.queue.done(block)
    assert len(set(paths[:12])) == 3


def test_uncommitted_lines_come_again_after_a_kill_and_committed_ones_do_not(tail, logs: Path) -> None:  # [43]
    log = logs / "app.log"
    append(log, "committed")
    tailer = tail(log)
    tailer.turn()
    append(log, "not committed")
    assert tailer.turn(commit=False) == [b"not committed"]
    tailer.kill()
    assert tailer.turn() == [b"not committed"]
    tailer.kill()
    assert tailer.turn() == []


def test_position_beyond_the_end_begins_anew(tail, logs: Path) -> None:  # [48]
    log = logs / "app.log"
    append(log, "one", "two", "three")
    tailer = tail(log)
    tailer.turn()
    tailer.stop()
    log.write_bytes(b"new\n")
    tailer.start()
    assert tailer.turn() == [b"new"]


def test_status_counts(tail, logs: Path) -> None:
    append(logs / "a.log", "one")
    append(logs / "b.log", "two")
    tailer = tail(logs / "*.log")
    assert not tailer.source.ready()
    tailer.turn()
    status = tailer.source.status()
    assert (status.files, status.open_handles, status.bytes) == (2, 2, 8)
    assert tailer.source.ready()
    assert tailer.source.drained()
