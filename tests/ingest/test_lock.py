"""One daemon to a state folder."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from logwatchd.errors import Exit, InUseError, StateError
from logwatchd.ingest.lock import StateLock


def test_second_is_refused_with_one_clear_line(tmp_path: Path) -> None:  # [50]
    with StateLock(tmp_path / "state"), pytest.raises(StateError) as refused:
        StateLock(tmp_path / "state")
    assert f"process {os.getpid()}" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code is Exit.CONFIG


def test_released_lock_can_be_taken(tmp_path: Path) -> None:
    StateLock(tmp_path).release()
    StateLock(tmp_path).release()


def test_killed_holder_leaves_it_free(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from logwatchd.ingest.lock import StateLock; "
        "lock = StateLock(Path(sys.argv[1])); print('held', flush=True); input()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(StateError, match=f"process {holder.pid}"):
        StateLock(tmp_path)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    StateLock(tmp_path).release()


def test_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match=r"state_dir = .*/file/state: cannot be used"):
        StateLock(tmp_path / "file" / "state")


def test_folder_that_cannot_be_locked_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on NFS without its lock service; here the kernel's word is supplied."""

    def locking(handle: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", locking)
    with pytest.raises(StateError, match="cannot be locked: No locks available"):
        StateLock(tmp_path)


@pytest.mark.parametrize("replaced", [False, True])
def test_a_folder_that_is_gone_or_another_one_is_seen_and_can_be_locked_anew(tmp_path: Path, replaced: bool) -> None:
    folder = tmp_path / "state"
    with StateLock(folder) as lock:
        assert not lock.is_lost()
        folder.rename(tmp_path / "moved")
        assert lock.is_lost()
        if replaced:
            with StateLock(folder):
                assert lock.is_lost()
                with pytest.raises(InUseError, match=f"process {os.getpid()}"):
                    lock.renew()
        handle = lock.folder.handle  # threads write by it meanwhile
        lock.renew()
        assert not lock.is_lost()
        assert lock.folder.handle == handle
        assert os.path.samestat(lock.folder.stat("."), folder.stat())
        with pytest.raises(InUseError):
            StateLock(folder)
