"""state_dir/status.json, and how others know whether its daemon runs."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from logwatchd import status_file
from logwatchd.status_file import DaemonStatus, Reloads

STATUS = DaemonStatus(
    pid=os.getpid(),
    version="1.2.3",
    state="ready",
    started_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    reloads=Reloads(count=2, last_ok=False, last_error="/etc/logwatchd.toml: broken"),
    counters={"lines": 12, "score_p99": 0.25},
)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder / status_file.LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    status_file.write(tmp_path, DaemonStatus(1, "0", "starting", STATUS.started_at))
    status_file.write(tmp_path, STATUS)
    assert status_file.read(tmp_path) == STATUS
    assert [file.name for file in tmp_path.iterdir()] == [status_file.FILE_NAME]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "reloads": 1}', "\x00"])
def test_what_is_no_status_is_none(content: str, tmp_path: Path) -> None:
    assert status_file.read(tmp_path) is None
    (tmp_path / status_file.FILE_NAME).write_text(content)
    assert status_file.read(tmp_path) is None
    assert status_file.read_running(tmp_path) is None


def test_a_daemon_runs_only_while_it_lives_and_holds_the_lock(tmp_path: Path) -> None:
    status_file.write(tmp_path, STATUS)
    assert status_file.read_running(tmp_path) is None  # nobody ever locked
    with locked(tmp_path):
        assert status_file.read_running(tmp_path) == STATUS
    assert status_file.read_running(tmp_path) is None
    with locked(tmp_path):
        assert status_file.read_running(tmp_path) == STATUS, "looking must not leave a lock behind"


def test_another_process_with_the_same_number_is_not_the_daemon(tmp_path: Path) -> None:
    status_file.write(tmp_path, STATUS)
    file = tmp_path / status_file.FILE_NAME
    file.write_text(json.dumps(json.loads(file.read_text()) | {"pid_started_ticks": 1}))
    with locked(tmp_path):
        assert status_file.read_running(tmp_path) is None


def test_a_dead_daemon_does_not_run(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    status = DaemonStatus(child.pid, "0", "ready", STATUS.started_at)
    status_file.write(tmp_path, status)
    with locked(tmp_path):
        assert status_file.read_running(tmp_path) == status
        child.communicate(b"\n", timeout=60)
        assert status_file.read_running(tmp_path) is None
