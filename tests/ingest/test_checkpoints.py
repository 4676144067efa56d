"""Positions outlive kills, full disks and damage; numbers in brackets are cases of EDGE_CASES.md."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from logwatchd import clock
from logwatchd.errors import StateError
from logwatchd.ingest import checkpoints as module
from logwatchd.ingest.checkpoint_log import decode, encode
from logwatchd.ingest.checkpoints import Checkpoints
from logwatchd.ingest.identity import Position, Print, Role
from logwatchd.ingest.state_folder import StateFolder
from logwatchd.journal import Event
from logwatchd.records import FileId
from tests.alerting.builders import full_disk


def position(inode: int, offset: int, generation: int = 0, **more: object) -> Position:
    file = FileId(7, inode, generation)
    return Position(file, f"/logs/{inode}.log", offset, Print.of(b"head"), Print.of(b"mark"), **more)  # type: ignore[arg-type]


def offsets(checkpoints: Checkpoints) -> dict[int, int]:
    return {found.file.inode: found.offset for found in checkpoints.positions()}


def kept_in(folder: Path) -> Checkpoints:
    return Checkpoints(StateFolder(folder))


def filled(folder: Path) -> Checkpoints:
    return fill(kept_in(folder))


def fill(checkpoints: Checkpoints) -> Checkpoints:
    checkpoints.begin("/logs/*.log")
    for inode in range(3):
        checkpoints.record(position(inode, 100 + inode))
    return checkpoints


def test_everything_comes_back(tmp_path: Path) -> None:
    first = kept_in(tmp_path)
    odd = position(1, 5, generation=3, skipping=True, live=False, role=Role.IGNORED)
    first.record(replace(odd, path="/logs/\udcff\n.log"))
    first.record(position(2, 6))
    first.begin("/logs/*.log")
    first.close()
    second = kept_in(tmp_path)
    assert second.positions() == first.positions()
    assert second.get(odd.key) == replace(odd, path="/logs/\udcff\n.log")
    assert second.has_begun("/logs/*.log")
    assert not second.has_begun("/logs/*.txt")


def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    filled(tmp_path)  # never closed
    assert offsets(kept_in(tmp_path)) == {0: 100, 1: 101, 2: 102}


def test_the_last_commit_stands_last(tmp_path: Path) -> None:
    checkpoints = filled(tmp_path)
    checkpoints.record(position(0, 500))
    assert [found.file.inode for found in kept_in(tmp_path).positions()] == [1, 2, 0]


def test_another_name_comes_back_and_the_same_one_is_not_written_again(tmp_path: Path) -> None:
    first = filled(tmp_path)
    key, log = position(1, 0).key, tmp_path / "positions.log"
    first.relabel(key, "/logs/1.log", live=True)
    size = log.stat().st_size
    first.relabel(key, "/logs/1.log", live=True)
    first.relabel(position(99, 0).key, "/logs/unknown", live=True)
    assert log.stat().st_size == size
    first.relabel(key, "/logs/1.log.1", live=False)
    found = kept_in(tmp_path).get(key)
    assert found == replace(position(1, 101), path="/logs/1.log.1", live=False)


def test_torn_last_record_is_ignored_quietly(tmp_path: Path) -> None:
    filled(tmp_path).close()
    log = tmp_path / "positions.log"
    with log.open("ab") as file:
        file.write(encode({"kind": "file"})[:-5])
    with capture_logs() as said:
        checkpoints = kept_in(tmp_path)
    assert said == []
    assert offsets(checkpoints) == {0: 100, 1: 101, 2: 102}
    checkpoints.record(position(0, 200))
    checkpoints.close()
    assert decode(log.read_bytes()).damage is None
    assert offsets(kept_in(tmp_path))[0] == 200


@pytest.mark.parametrize("damage", [b"", b"\0" * 400, b"\xff garbage \n more\n"])
def test_damaged_log_is_made_up_for_by_the_previous_one(  # [47]
    tmp_path: Path, damage: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = filled(tmp_path)
    monkeypatch.setattr(module, "COMPACT_BYTES", 0)
    monkeypatch.setattr(module, "COMPACT_FACTOR", 0)
    first.tend(clock.monotonic(), ())
    first.record(position(0, 999))
    first.close()
    (tmp_path / "positions.log").write_bytes(damage)
    with capture_logs() as said:
        second = kept_in(tmp_path)
    assert [(line["event"], line["log_level"]) for line in said] == [(Event.CHECKPOINTS_DAMAGED, "error")]
    assert offsets(second) == {0: 100, 1: 101, 2: 102}
    assert second.has_begun("/logs/*.log")
    second.close()
    with capture_logs() as said:
        assert offsets(kept_in(tmp_path)) == {0: 100, 1: 101, 2: 102}
    assert said == []  # mended: no second line at the next start


def test_damage_in_the_middle_costs_only_what_it_hit(tmp_path: Path) -> None:
    filled(tmp_path).close()
    log = tmp_path / "positions.log"
    lines = log.read_bytes().splitlines(keepends=True)
    lines[-1] = lines[-1].replace(b"102", b"999")
    log.write_bytes(b"".join(lines))
    assert offsets(kept_in(tmp_path)) == {0: 100, 1: 101}


def test_both_damaged_is_a_first_start_and_no_crash(tmp_path: Path) -> None:
    filled(tmp_path).close()
    for name in ("positions.log", "positions.prev"):
        (tmp_path / name).write_bytes(b"\0" * 100)
    checkpoints = kept_in(tmp_path)
    assert checkpoints.positions() == []
    assert not checkpoints.has_begun("/logs/*.log")
    checkpoints.record(position(1, 1))
    checkpoints.close()
    assert offsets(kept_in(tmp_path)) == {1: 1}


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, 2000), flip=st.integers(1, 255), cut=st.booleans())
def test_any_damage_ends_in_older_positions_and_never_in_an_error(
    tmp_path_factory: pytest.TempPathFactory, place: int, flip: int, cut: bool
) -> None:
    folder = tmp_path_factory.mktemp("state")
    with closing(StateFolder(folder)) as state:
        checkpoints = fill(Checkpoints(state))
        for offset in range(103, 108):
            checkpoints.record(position(2, offset))
        checkpoints.close()
        log = folder / "positions.log"
        data = bytearray(log.read_bytes())
        place %= len(data)
        if cut:
            del data[place:]
        else:
            data[place] ^= flip
        log.write_bytes(data)
        found = offsets(Checkpoints(state))
    assert set(found) <= {0, 1, 2}
    assert found.get(2, 107) in range(102, 108)


def test_full_disk_keeps_the_old_and_is_retried(tiny_disk: Path) -> None:  # [46]
    checkpoints = filled(tiny_disk)
    ballast = tiny_disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    now = clock.monotonic()
    for offset in range(1000, 1400):  # more than fits into the page that the log already has
        checkpoints.record(position(0, offset))
    checkpoints.tend(now + 10, ())
    assert offsets(checkpoints)[0] == 1399
    on_disk = kept_in(tiny_disk)
    assert 100 <= offsets(on_disk)[0] < 1399
    assert offsets(on_disk)[2] == 102
    ballast.unlink()
    checkpoints.tend(clock.monotonic() + 20, ())
    assert offsets(kept_in(tiny_disk))[0] == 1399
    (tiny_disk / "positions.log").unlink()
    checkpoints.tend(clock.monotonic() + 40, ())  # what was written late is looked after as well
    assert offsets(kept_in(tiny_disk))[0] == 1399


def test_after_a_full_disk_the_latest_position_counts_and_both_are_said_once(tmp_path: Path) -> None:
    checkpoints = filled(tmp_path)
    with capture_logs() as said:
        with full_disk():
            checkpoints.record(position(0, 500))
            checkpoints.tend(clock.monotonic() + 10, ())
        checkpoints.record(position(0, 600))
        checkpoints.tend(clock.monotonic() + 20, ())
        assert offsets(kept_in(tmp_path))[0] == 600
        checkpoints.record(position(0, 700))
        assert offsets(kept_in(tmp_path))[0] == 700
    assert [line["event"] for line in said] == [Event.CHECKPOINTS_UNWRITABLE, Event.CHECKPOINTS_WRITABLE]


def test_what_could_not_be_written_is_when_it_closes(tmp_path: Path) -> None:
    checkpoints = filled(tmp_path)
    with capture_logs(), full_disk():
        checkpoints.record(position(0, 500))
    checkpoints.close()
    assert offsets(kept_in(tmp_path))[0] == 500


def test_a_log_that_was_removed_and_cannot_be_made_anew_is_said_once(tmp_path: Path) -> None:
    checkpoints = filled(tmp_path)
    (tmp_path / "positions.log").unlink()
    blocker = tmp_path / "positions.new"
    blocker.mkdir()
    with capture_logs() as said:
        for seconds in (10, 20, 30):
            checkpoints.tend(clock.monotonic() + seconds, ())
        blocker.rmdir()
        checkpoints.tend(clock.monotonic() + 100, ())
    assert [line["event"] for line in said] == [Event.CHECKPOINTS_UNWRITABLE, Event.CHECKPOINTS_WRITABLE]
    assert offsets(kept_in(tmp_path)) == {0: 100, 1: 101, 2: 102}


def test_a_power_cut_costs_seconds_and_a_disk_is_left_alone_without_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda handle: synced.append(os.fstat(handle).st_size))
    checkpoints = filled(tmp_path)
    now = clock.monotonic()
    for seconds in (10, 12, 20, 30):
        checkpoints.tend(now + seconds, ())
    assert synced == [(tmp_path / "positions.log").stat().st_size]
    checkpoints.record(position(0, 500))
    checkpoints.close()
    assert synced[1:] == [(tmp_path / "positions.log").stat().st_size]


def test_a_log_that_cannot_be_compacted_is_appended_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPACT_BYTES", 100)
    checkpoints = filled(tmp_path)
    blocker = tmp_path / "positions.new"
    blocker.mkdir()
    now = clock.monotonic()
    for number in range(200, 220):
        checkpoints.record(position(0, number))
        checkpoints.tend(now + number, ())
        assert offsets(kept_in(tmp_path))[0] == number
    size = (tmp_path / "positions.log").stat().st_size
    blocker.rmdir()
    checkpoints.tend(now + 1000, ())
    assert (tmp_path / "positions.log").stat().st_size < size
    assert offsets(kept_in(tmp_path))[0] == 219


def test_a_snapshot_for_which_the_disk_has_no_room_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMPACT_BYTES", 100)
    checkpoints = filled(tmp_path)
    for number in range(200, 210):
        checkpoints.record(position(0, number))
    before = (tmp_path / "positions.log").read_bytes()
    with capture_logs(), full_disk():
        checkpoints.tend(clock.monotonic() + 10, ())
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("positions.log", before)]
    checkpoints.record(position(0, 500))
    assert offsets(kept_in(tmp_path)) == {0: 500, 1: 101, 2: 102}


def test_once_damage_is_mended_the_one_before_is_kept_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPACT_BYTES", 0)
    monkeypatch.setattr(module, "COMPACT_FACTOR", 0)
    filled(tmp_path).close()
    (tmp_path / "positions.log").write_bytes(b"rubbish")
    with capture_logs():
        checkpoints = filled(tmp_path)
    checkpoints.tend(clock.monotonic() + 100, ())
    assert (tmp_path / "positions.damaged").read_bytes() == b"rubbish"
    assert decode((tmp_path / "positions.prev").read_bytes()).damage is None


def test_the_previous_log_is_kept_where_files_cannot_be_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on VFAT, and on many a network's filesystem; here the kernel's word is supplied."""

    def linking(name: str, other: str, **folders: int) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", linking)
    monkeypatch.setattr(module, "COMPACT_BYTES", 100)
    checkpoints = filled(tmp_path)
    before = (tmp_path / "positions.log").read_bytes()
    for number in range(200, 221):
        checkpoints.record(position(0, number))
    checkpoints.tend(clock.monotonic() + 10, ())
    assert (tmp_path / "positions.prev").read_bytes().startswith(before)
    (tmp_path / "positions.log").write_bytes(b"")
    assert offsets(kept_in(tmp_path)) == {0: 220, 1: 101, 2: 102}


def test_log_is_compacted_and_the_previous_one_kept(tmp_path: Path) -> None:
    checkpoints = filled(tmp_path)
    log = tmp_path / "positions.log"
    offset = 0
    while log.stat().st_size <= module.COMPACT_BYTES:
        offset += 1
        checkpoints.record(position(0, offset))
    checkpoints.tend(clock.monotonic() + 10, ())
    assert log.stat().st_size < 10_000
    assert (tmp_path / "positions.prev").stat().st_size > module.COMPACT_BYTES
    assert not (tmp_path / "positions.new").exists()
    assert offsets(kept_in(tmp_path)) == {0: offset, 1: 101, 2: 102}


def test_log_that_was_removed_is_written_anew(tmp_path: Path) -> None:
    checkpoints = filled(tmp_path)
    (tmp_path / "positions.log").unlink()
    checkpoints.tend(clock.monotonic() + 100, ())
    checkpoints.tend(clock.monotonic() + 200, ())
    assert offsets(kept_in(tmp_path)) == {0: 100, 1: 101, 2: 102}


def test_positions_expire_only_when_gone_and_aged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # [49]
    checkpoints = filled(tmp_path)
    present = [position(0, 0).key]
    started = clock.monotonic()
    checkpoints.tend(started + 10, present)
    monkeypatch.setattr(module, "EXPIRE_S", -1)  # everything is aged
    checkpoints.tend(started + module.SETTLE_S - 20, present)
    assert set(offsets(checkpoints)) == {0, 1, 2}  # too early after the start: a filesystem may not be mounted yet
    checkpoints.tend(started + 3 * module.SETTLE_S, present)
    assert set(offsets(checkpoints)) == {0}  # what exists stays, however old
    checkpoints.close()
    assert set(offsets(kept_in(tmp_path))) == {0}


def test_file_that_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "positions.log").mkdir()
    with pytest.raises(StateError, match=rf"state_dir = {tmp_path}: {tmp_path}/positions.log cannot be used: Is a dir"):
        kept_in(tmp_path)


def test_nothing_is_written_into_another_folder_that_has_got_the_name_and_all_into_the_one_that_is_next(
    tmp_path: Path,
) -> None:
    folder, moved = tmp_path / "state", tmp_path / "moved"
    state = StateFolder(folder)
    checkpoints = fill(Checkpoints(state))
    folder.rename(moved)
    folder.mkdir()
    now = clock.monotonic()
    checkpoints.record(position(0, 500))
    checkpoints.tend(now + 10, ())
    assert offsets(kept_in(moved)) == {0: 500, 1: 101, 2: 102}
    shutil.rmtree(moved)
    with capture_logs() as said:
        for seconds in (20, 30):
            checkpoints.record(position(0, 500 + seconds))
            checkpoints.tend(now + seconds, ())
    assert [line["event"] for line in said] == [Event.CHECKPOINTS_UNWRITABLE]
    assert list(folder.iterdir()) == []
    state.become(StateFolder(tmp_path / "next"))
    checkpoints.close()
    assert offsets(kept_in(tmp_path / "next")) == {0: 530, 1: 101, 2: 102}
    assert list(folder.iterdir()) == []


def test_in_memory_only_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoints = Checkpoints(None)
    checkpoints.begin("p")
    checkpoints.record(position(1, 2))
    checkpoints.tend(clock.monotonic(), ())
    checkpoints.close()
    assert offsets(checkpoints) == {1: 2}
    assert list(tmp_path.iterdir()) == []
