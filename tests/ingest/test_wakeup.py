"""inotify wakes the tailer, dies and comes back, and nothing depends on it."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from logwatchd.ingest.wakeup import RETRY_S, Wakeup
from tests.helpers import ROOT_ONLY, no_threads, wait_until


class Woken:
    def __init__(self) -> None:
        self.event = threading.Event()
        self.wakeup = Wakeup(self.event.set)

    def arm(self, *folders: Path, now: float = 0.0) -> None:
        found = {str(folder): (folder.stat().st_dev, folder.stat().st_ino) for folder in folders if folder.exists()}
        self.wakeup.arm(found, now)

    def expect(self) -> None:
        assert self.event.wait(5.0)
        self.event.clear()


@pytest.fixture
def woken() -> Iterator[Woken]:
    woken = Woken()
    woken.wakeup.arm({}, 0.0)
    if woken.wakeup.polling_only:
        pytest.skip("no inotify instance is left on this machine")
    yield woken
    woken.wakeup.close()


def test_wakes_on_writes_new_files_and_renames(woken: Woken, tmp_path: Path) -> None:
    for change in (
        lambda: (tmp_path / "a.log").write_bytes(b"one\n"),
        lambda: (tmp_path / "a.log").rename(tmp_path / "a.log.1"),
        lambda: (tmp_path / "a.log.1").unlink(),
    ):
        woken.arm(tmp_path)
        change()
        woken.expect()


def test_our_own_looking_does_not_wake_us(woken: Woken, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"one\n")
    woken.arm(tmp_path)
    for _ in range(3):
        list(os.scandir(tmp_path))
        (tmp_path / "a.log").read_bytes()
    (tmp_path / "b.log").touch()  # the first event that there is
    woken.expect()
    woken.arm(tmp_path)
    assert not woken.event.is_set()


def test_folder_that_was_deleted_and_created_again(woken: Woken, tmp_path: Path) -> None:  # [20], [41]
    folder = tmp_path / "logs"
    folder.mkdir()
    woken.arm(folder)
    shutil.rmtree(folder)
    woken.expect()
    woken.arm(folder)
    folder.mkdir()
    woken.arm(folder)
    (folder / "a.log").touch()
    woken.expect()


def test_folder_that_was_replaced_by_another(woken: Woken, tmp_path: Path) -> None:
    folder, other = tmp_path / "logs", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    woken.arm(folder)
    folder.rename(tmp_path / "old")
    other.rename(folder)
    woken.arm(folder)
    woken.event.clear()
    (folder / "a.log").touch()
    woken.expect()


def test_missing_folder_is_no_error(woken: Woken, tmp_path: Path) -> None:  # [19], [41]
    woken.wakeup.arm({str(tmp_path / "missing"): (1, 1)}, 0.0)
    assert not woken.wakeup.polling_only


def test_dead_thread_is_counted_and_started_again(woken: Woken, tmp_path: Path) -> None:  # [41]
    woken.arm(tmp_path)
    thread = woken.wakeup._inotify
    assert thread is not None
    thread.stop()
    wait_until(lambda: not thread.is_alive())
    woken.arm(tmp_path, now=1.0)
    assert woken.wakeup.deaths == 1
    (tmp_path / "a.log").touch()
    woken.expect()


def test_without_a_thread_it_says_so_once_and_polls(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    before = _open_handles()
    woken = Woken()
    with no_threads():
        for turn in range(3):
            woken.arm(tmp_path, now=turn * (RETRY_S + 1))
    assert woken.wakeup.polling_only
    assert capsys.readouterr().out.count("[warning") == 1
    assert _open_handles() == before
    woken.arm(tmp_path, now=4 * (RETRY_S + 1))
    assert not woken.wakeup.polling_only
    woken.wakeup.close()


def test_without_inotify_it_says_so_once_and_tries_again_later() -> None:  # [39]
    """In a process of its own, as a user whose inotify instances are used up."""
    code = """
import ctypes, os
import watchdog.observers.inotify_c
from logwatchd import journal
from logwatchd.ingest.wakeup import RETRY_S, Wakeup
journal.prepare()
os.setgroups([]); os.setgid(65534); os.setuid(65534)
libc = ctypes.CDLL(None)
held = []
while (handle := libc.inotify_init1(0)) >= 0:
    held.append(handle)
wakeup = Wakeup(lambda: None)
for now in (0.0, 1.0, RETRY_S + 1):
    wakeup.arm({"/tmp": (0, 0)}, now)
    assert wakeup.polling_only
for handle in held:
    os.close(handle)
wakeup.arm({"/tmp": (0, 0)}, RETRY_S + 2)
assert wakeup.polling_only
wakeup.arm({"/tmp": (0, 0)}, 3 * RETRY_S)
assert not wakeup.polling_only
wakeup.close()
"""
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).count("[warning") == 1


@ROOT_ONLY
def test_a_limit_that_is_reached_is_told_of_once_with_its_name_and_inotify_comes_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The kernel counts instances by user: one that nobody else is has all of them for this test."""
    kernel, taken = ctypes.CDLL(None), []
    os.seteuid(54_321)
    try:
        while (handle := kernel.inotify_init1(os.O_CLOEXEC)) >= 0:
            taken.append(handle)
        woken = Woken()
        for turn in range(3):
            woken.arm(Path("/"), now=turn * (RETRY_S + 1))
        assert woken.wakeup.polling_only
        assert capsys.readouterr().out.count("sysctl fs.inotify.max_user_instances") == 1
        os.close(taken.pop())
        woken.arm(Path("/"), now=4 * (RETRY_S + 1))
        assert not woken.wakeup.polling_only
        woken.wakeup.close()
    finally:
        os.seteuid(0)
        for handle in taken:
            os.close(handle)


def test_a_limit_of_watches_is_told_of_once_with_its_name_and_inotify_comes_back(tmp_path: Path) -> None:
    """In a process of its own, with a user namespace that has a limit of its own."""
    code = """
import sys
from pathlib import Path
from logwatchd import journal
from logwatchd.ingest.wakeup import RETRY_S, Wakeup
journal.prepare()
limit, folders = Path("/proc/sys/user/max_inotify_watches"), {}
for number in range(3):
    folder = Path(sys.argv[1], str(number))
    folder.mkdir()
    folders[str(folder)] = (folder.stat().st_dev, folder.stat().st_ino)
wakeup = Wakeup(lambda: None)
limit.write_text("2")
for turn in range(3):
    wakeup.arm(folders, turn * (RETRY_S + 1))
    assert wakeup.polling_only
limit.write_text("3")
wakeup.arm(folders, 4 * (RETRY_S + 1))
assert not wakeup.polling_only
wakeup.close()
"""
    unshare = ["unshare", "--user", "--map-root-user"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs user namespaces")
    done = subprocess.run([*unshare, sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).count("sysctl fs.inotify.max_user_watches") == 1


def _open_handles() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
