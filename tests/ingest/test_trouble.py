"""Following real files while something else is wrong: nobody takes the lines, handles are few, a server is gone."""

from __future__ import annotations

import errno
import gzip
import os
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from logwatchd import clock
from tests.ingest.tailer import Tailer, append

LOOK_S = 0.26  # a look is due, and no event that may go on is given up yet
MINUTE_S = 60.0  # as long as a rotated file is held open
TRACE = (b"Traceback (most recent call last):", b'  File "app.py", line 1')


@pytest.fixture(autouse=True)
def _time_as_the_turns_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """However fast the machine is: a look that takes a tenth of a second more is one at which an event is given up."""
    now = clock.monotonic()
    monkeypatch.setattr(clock, "monotonic", lambda: now)


@pytest.mark.parametrize("fate", [lambda log: log.rename(f"{log}.1"), Path.unlink], ids=["renamed", "deleted"])
@pytest.mark.parametrize("held", [b"no end", b"\n".join(TRACE) + b"\n"], ids=["unfinished line", "event"])
def test_what_could_not_be_delivered_outlives_a_rotation_and_the_grace(
    tmp_path: Path, fate: Callable[[Path], object], held: bytes
) -> None:
    log, other = tmp_path / "app.log", tmp_path / "other.log"
    append(log, "one")
    append(other, "two")
    tailer = Tailer(tmp_path / "state", log, other, max_blocks=1)
    assert sorted(tailer.turn()) == [b"one", b"two"]
    with log.open("ab") as file:
        file.write(held)
    append(other, "fills the queue")
    assert tailer.turn(commit=False, seconds=LOOK_S) == [b"fills the queue"]
    assert [file.reader.partial for file in tailer.source._roster.files] == [held, b""]
    fate(log)
    append(log, "new")
    for _ in range(3):
        assert tailer.turn(commit=False, seconds=MINUTE_S) == []
    tailer.source.commit(tailer.blocks[-1])
    tailer.queue.done(tailer.blocks[-1])
    assert [*tailer.turn(), *tailer.turn()] == [*held.split(b"\n")[: held.count(b"\n") or 1], b"new"]
    tailer.stop()


@contextmanager
def handles_left(count: int) -> Iterator[None]:
    """Let this process open so many more files, and no more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare: list[int] = []
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
    try:
        with suppress(OSError):
            while True:
                spare.append(os.dup(0))
        for _ in range(count):
            os.close(spare.pop())
        yield
    finally:
        for handle in spare:
            os.close(handle)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_file_that_was_closed_for_want_of_handles_delivers_its_event(tmp_path: Path) -> None:
    logs = [tmp_path / f"{number:02}.log" for number in range(30)]
    for log in logs:
        append(log, "begun")
    tailer = Tailer(tmp_path / "state", tmp_path / "*.log")
    assert len(tailer.turn()) == len(logs)
    for log in logs:
        append(log, *TRACE)
    assert tailer.turn(seconds=LOOK_S) == []
    held = list(tailer.source._roster.files)
    append(tmp_path / "new.log", "new")
    append(tmp_path / "newer.log", "newer")
    with handles_left(1):
        early = tailer.turn(seconds=LOOK_S)
        assert any(not file.reader.is_open for file in held)
    late = [*tailer.turn(), *tailer.turn()]
    assert sorted([*early, *late]) == sorted([*TRACE * len(logs), b"new", b"newer"])
    tailer.stop()


def test_48_a_file_that_could_not_be_opened_and_is_shorter_after_a_restart(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    append(log, "old", "older")
    tailer = Tailer(tmp_path / "state", log, start_at="end")
    with handles_left(0):
        assert tailer.turn() == []
    tailer.stop()
    log.write_bytes(b"new\n")
    tailer.start()
    assert tailer.turn() == [b"new"]
    append(log, "newer")
    assert tailer.turn() == [b"newer"]
    tailer.stop()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_old_rotated_file_stays_unread_if_it_cannot_be_opened_while_it_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    log = tmp_path / "app.log"
    append(tmp_path / "app.log.1", "written before logwatchd was there")
    append(log, "one")
    tailer = Tailer(tmp_path / "state", log)
    assert tailer.turn() == [b"one"]
    (tmp_path / "app.log.1").rename(tmp_path / "app.log.2")
    shutil.copy(log, tmp_path / "app.log.1")
    os.truncate(log, 0)
    opened, refusals = os.open, list(range(count))

    def opening(path: str, *arguments: int, **folder: int) -> int:
        if refusals and str(path).endswith("app.log.2"):
            refusals.pop()
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return opened(path, *arguments, **folder)

    monkeypatch.setattr(os, "open", opening)
    assert tailer.turn(seconds=LOOK_S) == []
    for _ in range(count):
        assert tailer.turn() == []
    append(log, "two")
    assert tailer.turn() == [b"two"]
    assert not refusals
    tailer.stop()


def test_a_rotated_file_that_may_not_be_read_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who runs this may be root, who may read everything: here the kernel's word is supplied."""
    log = tmp_path / "app.log"
    append(tmp_path / "app.log.1", "not for us")
    append(log, "one")
    opened = os.open

    def opening(path: str, *arguments: int, **folder: int) -> int:
        if str(path).endswith("app.log.1"):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, *arguments, **folder)

    monkeypatch.setattr(os, "open", opening)
    tailer = Tailer(tmp_path / "state", log)
    assert tailer.turn() == [b"one"]
    for _ in range(5):
        assert tailer.turn() == []
    assert capsys.readouterr().out.count("app.log.1: cannot be read: Permission denied") == 1
    monkeypatch.undo()
    assert tailer.turn() == []
    assert capsys.readouterr().out.count("app.log.1: can be read again") == 1
    tailer.stop()


@pytest.mark.parametrize("emptied", [True, False], ids=["same inode", "other inode"])
def test_10_a_compressed_rest_waits_for_room_to_unpack_it(
    tmp_path: Path, tiny_disk: Path, monkeypatch: pytest.MonkeyPatch, emptied: bool
) -> None:
    log = tmp_path / "app.log"
    append(log, "read before")
    tailer = Tailer(tmp_path / "state", log)
    assert tailer.turn() == [b"read before"]
    tailer.stop()
    expected = [b"line %06d" % number for number in range(8000)]
    append(log, *expected)
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    if emptied:
        os.truncate(log, 0)
    else:
        new = tmp_path / "new"
        new.touch()
        new.replace(log)
    monkeypatch.setattr(tempfile, "tempdir", str(tiny_disk))
    tailer.start()
    assert [*tailer.turn(), *tailer.turn()] == []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert [*tailer.turn(), *tailer.turn(), *tailer.turn()] == expected
    tailer.stop()


@pytest.mark.parametrize("idle_s", [LOOK_S, 2 * MINUTE_S], ids=["at once", "when it is let go of"])
def test_28_deleted_file_whose_server_forgets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, idle_s: float
) -> None:
    """As on NFS, where another machine deletes it; here the kernel's word is supplied."""
    log = tmp_path / "app.log"
    append(log, "old")
    tailer = Tailer(tmp_path / "state", log)
    assert tailer.turn() == [b"old"]
    gone = log.stat()
    log.unlink()
    if idle_s > LOOK_S:
        assert tailer.turn(seconds=LOOK_S) == []
    look = os.fstat

    def looking(handle: int) -> os.stat_result:
        status = look(handle)
        if os.path.samestat(status, gone):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return status

    monkeypatch.setattr(os, "fstat", looking)
    assert tailer.turn(seconds=idle_s) == []
    monkeypatch.undo()
    append(log, "new")
    assert tailer.turn() == [b"new"]
    tailer.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to become a user who may not list a folder")
def test_a_folder_that_may_not_be_listed_is_told_of_once_and_read_once_it_may(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with tempfile.TemporaryDirectory() as top:
        Path(top).chmod(0o777)
        logs = Path(top) / "logs"
        logs.mkdir(0o700)
        os.seteuid(65534)
        try:
            tailer = Tailer(Path(top) / "state", logs / "*.log")
            tailer.turn(seconds=LOOK_S)
            tailer.turn(seconds=LOOK_S)
            assert capsys.readouterr().out.count(f"{logs}: cannot be listed: Permission denied") == 1
            os.seteuid(0)
            append(logs / "app.log", "one")
            (logs / "app.log").chmod(0o644)
            logs.chmod(0o755)
            os.seteuid(65534)
            assert [*tailer.turn(), *tailer.turn()] == [b"one"]
            tailer.stop()
        finally:
            os.seteuid(0)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_log_that_could_not_be_opened_at_the_first_start_is_read_from_where_it_ended_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restarts: bool
) -> None:
    log, old = tmp_path / "app.log", tmp_path / "app.log.1"
    append(log, "written before logwatchd was there")
    append(old, "rotated before logwatchd was there")
    with monkeypatch.context() as patched:
        opened = os.open

        def opening(path: str, *arguments: int, **folder: int) -> int:
            if path in (str(log), str(old)):
                raise OSError(errno.EACCES, os.strerror(errno.EACCES))
            return opened(path, *arguments, **folder)

        patched.setattr(os, "open", opening)
        tailer = Tailer(tmp_path / "state", tmp_path / "app.log*", start_at="end")
        assert tailer.turn() == []
        append(log, "one")
        if restarts:
            tailer.restart()
            assert tailer.turn() == []
    assert tailer.turn() == [b"one"]
    tailer.stop()


def test_what_is_left_alone_or_gone_keeps_no_file_open_and_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handles = Path("/proc/self/fd")
    before = len(list(handles.iterdir()))
    log, refused = tmp_path / "app.log", tmp_path / "app.log.2"
    append(log, "one")
    for path in (Path(f"{log}.1"), Path(f"{log}.3"), refused):
        append(path, "old")
    opened = os.open

    def opening(path: str, *arguments: int, **folder: int) -> int:
        if path == str(refused):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, *arguments, **folder)

    monkeypatch.setattr(os, "open", opening)
    tailer = Tailer(tmp_path / "state", log)
    assert tailer.turn() == [b"one"]
    Path(f"{log}.1").rename(f"{log}.4")
    assert tailer.turn() == []
    assert (tailer.source.status().open_handles, tailer.source.status().unreadable) == (1, 1)
    refused.unlink()
    assert tailer.turn() == []
    assert tailer.source.status().unreadable == 0
    tailer.stop()
    assert len(list(handles.iterdir())) == before


@pytest.mark.parametrize("error", [errno.ESTALE, errno.ENOTCONN], ids=errno.errorcode.get)
def test_a_handle_that_will_never_work_again_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    """As of a server that forgot the file, or is gone: it would keep its filesystem from being unmounted."""
    log = tmp_path / "app.log"
    append(log, "one")
    tailer = Tailer(tmp_path / "state", log)
    assert tailer.turn() == [b"one"]
    with monkeypatch.context() as patched:
        for name in ("stat", "fstat", "open", "pread"):
            patched.setattr(os, name, _refusing(getattr(os, name), str(log), error))
        append(log, "two")
        assert tailer.turn() == []
        assert tailer.source.status().open_handles == 0
    assert tailer.turn() == [b"two"]
    tailer.stop()


def _refusing(call: Callable[..., object], path: str, error: int) -> Callable[..., object]:
    def refusing(of: str | int, *rest: object, **more: object) -> object:
        name = str(Path(f"/proc/self/fd/{of}").readlink()) if isinstance(of, int) else of
        if name == path:
            raise OSError(error, os.strerror(error))
        return call(of, *rest, **more)

    return refusing
