"""state_dir/status.json, and how others know whether its daemon runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from logwatchd import status_file
from logwatchd.ingest.lock import StateLock
from logwatchd.status_file import DaemonStatus, Reloads

STATUS = DaemonStatus(
    pid=os.getpid(),
    version="1.2.3",
    state="ready",
    started_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    reloads=Reloads(count=2, last_ok=False, last_error="/etc/logwatchd.toml: broken"),
    counters={"lines": 12, "score_p99": 0.25},
)


def write(folder: Path, status: DaemonStatus) -> None:
    handle = os.open(folder, os.O_PATH)
    try:
        status_file.write(handle, status)
    finally:
        os.close(handle)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    with StateLock(folder):
        yield


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path, DaemonStatus(1, "0", "starting", STATUS.started_at))
    write(tmp_path, STATUS)
    assert status_file.read(tmp_path) == STATUS
    assert [file.name for file in tmp_path.iterdir()] == [status_file.FILE_NAME]


def test_on_a_full_disk_it_is_written_into_the_room_that_it_has(tiny_disk: Path) -> None:
    write(tiny_disk, STATUS)
    with pytest.raises(OSError, match="No space left"):
        (tiny_disk / "rest").write_bytes(bytes(1 << 20))
    for later in (replace(STATUS, state="reloading", counters={}), replace(STATUS, version="9" * 1000)):
        write(tiny_disk, later)
        assert status_file.read(tiny_disk) == later
        assert {file.name for file in tiny_disk.iterdir()} == {status_file.FILE_NAME, "rest"}
    with pytest.raises(OSError, match="No space left"):
        write(tiny_disk, replace(STATUS, version="9" * 10_000))
    assert status_file.read(tiny_disk) == later, "there is no room for more, so the last one stays"


def test_by_the_folder_that_was_locked_it_is_written_into_no_other(tmp_path: Path) -> None:
    folder, moved = tmp_path / "state", tmp_path / "moved"
    with StateLock(folder) as lock:
        folder.rename(moved)
        with StateLock(folder):
            status_file.write(lock.folder.handle, STATUS)
            assert status_file.read(folder) is None
            assert status_file.read(moved) == STATUS
            shutil.rmtree(moved)
            with pytest.raises(FileNotFoundError):
                status_file.write(lock.folder.handle, STATUS)
    with pytest.raises(OSError, match="Bad file descriptor"):
        status_file.write(lock.folder.handle, STATUS)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "reloads": 1}', "\x00"])
def test_what_is_no_status_is_none(content: str, tmp_path: Path) -> None:
    assert status_file.read(tmp_path) is None
    (tmp_path / status_file.FILE_NAME).write_text(content)
    assert status_file.read(tmp_path) is None
    assert status_file.read_running(tmp_path) is None


def test_a_daemon_runs_only_while_it_lives_and_holds_the_lock(tmp_path: Path) -> None:
    write(tmp_path, STATUS)
    assert status_file.read_running(tmp_path) is None  # nobody ever locked
    with locked(tmp_path):
        assert status_file.read_running(tmp_path) == STATUS
    assert status_file.read_running(tmp_path) is None
    with locked(tmp_path):
        assert status_file.read_running(tmp_path) == STATUS, "looking must not leave a lock behind"


@pytest.mark.parametrize(
    "noted", ["", "1\n", "x\n", f"{os.getpid()}0\n"], ids=["none", "init", "no number", "no process"]
)
def test_a_lock_of_another_process_is_not_the_daemons(noted: str, tmp_path: Path) -> None:
    write(tmp_path, STATUS)
    with locked(tmp_path):
        (tmp_path / status_file.LOCK_NAME).write_text(noted)
        assert status_file.read_running(tmp_path) is None


def test_a_dead_daemon_does_not_run(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from logwatchd.ingest.lock import StateLock\n"
    code += "lock = StateLock(Path(sys.argv[1])); print(flush=True); input()"
    command = [sys.executable, "-c", code, str(tmp_path)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    status = DaemonStatus(child.pid, "0", "ready", STATUS.started_at)
    write(tmp_path, status)
    assert status_file.read_running(tmp_path) == status
    child.kill()
    child.communicate(timeout=60)
    assert status_file.read_running(tmp_path) is None
    assert status_file.read(tmp_path) == status
