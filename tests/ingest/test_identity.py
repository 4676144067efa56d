"""Which file is which, whatever its name, number and content; numbers in brackets are cases of EDGE_CASES.md."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from logwatchd.ingest.identity import same_prefix, stands
from logwatchd.records import Block, FileId, SourceSpec
from tests.ingest.tailer import append


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


def test_long_files_that_begin_alike_are_told_apart_by_where_the_shorter_one_ends(logs: Path) -> None:
    begin = b"h" * 100_000
    (logs / "copy").write_bytes(begin + b"one\n")
    (logs / "original").write_bytes(begin + b"one\nmore\n")
    (logs / "other").write_bytes(begin + b"two\nmore\n")
    with ExitStack() as opened:
        copy, original, other = (
            opened.enter_context((logs / name).open("rb")).fileno() for name in ("copy", "original", "other")
        )
        length = len(begin) + 4
        assert same_prefix(copy, original, length)
        assert not same_prefix(copy, other, length)
        assert same_prefix(copy, other, len(begin))


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


@pytest.mark.parametrize("patterns", [("*.log",), ("a.log", "b.log"), ("b.log", "a.log")])
def test_a_file_with_two_watched_names_that_is_rotated_under_one_is_read_once(
    tail, logs: Path, patterns: tuple[str, ...]
) -> None:
    first, second = logs / "a.log", logs / "b.log"
    append(first, "one")
    os.link(first, second)
    tailer = tail(*(logs / pattern for pattern in patterns))
    assert tailer.turn() == [b"one"]
    first.rename(f"{first}.1")
    append(first, "new")
    append(second, "two")
    assert sorted(tailer.turn()) == [b"new", b"two"]
    append(Path(f"{first}.1"), "three")
    assert tailer.turn() == [b"three"]
    second.unlink()
    append(Path(f"{first}.1"), "four")
    append(second, "another")
    assert sorted(tailer.turn()) == [b"another", b"four"]


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
    assert str(pods) in tailer.source._roster.folders()  # so that it is woken by what is written there
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


def test_what_was_read_stands_where_its_own_file_has_its_name_and_all_its_bytes(tmp_path: Path) -> None:
    log, fifo = tmp_path / "app.log", tmp_path / "fifo"
    log.write_bytes(b"one\ntwo\n")
    os.mkfifo(fifo)

    def read(path: Path) -> Block:
        status = path.stat()
        return Block(SourceSpec((str(path),)), str(path), FileId(status.st_dev, status.st_ino, 0), 4, b"two\n", 8)

    block = read(log)
    assert stands(block)
    assert not stands(read(fifo))
    os.truncate(log, 7)
    assert not stands(block)
    log.rename(tmp_path / "app.log.1")
    assert not stands(block)
    log.write_bytes(b"one\ntwo\n")
    assert not stands(block)
