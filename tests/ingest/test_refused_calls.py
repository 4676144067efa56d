"""A filesystem that refuses one call, whichever: every line comes out once all the same.

As on a disk that errs or a server that is away for a moment; here the kernel's word is supplied.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import ROOT_ONLY, nobody
from tests.ingest.tailer import Tailer, append

LOOK_S, HOUR_S = 0.26, 3600.0
CALLS = ("stat", "fstat", "open", "pread", "scandir", "lseek")
NEVER = 10**9


class Refusing:
    """The call number `first` that a tailer makes about what lies in a folder is refused, and `count` - 1 after it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, first: int, count: int = 1) -> None:
        self.made = 0
        self.active = False
        self._folder = str(folder)
        self._refused = range(first, first + count)
        for name in CALLS:
            monkeypatch.setattr(os, name, self._wrapped(getattr(os, name)))

    def _wrapped(self, call: Callable[..., object]) -> Callable[..., object]:
        def wrapped(of: str | int, *rest: object, **more: object) -> object:
            if self.active and self._path(of).startswith(self._folder):
                self.made += 1
                if self.made in self._refused:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
            return call(of, *rest, **more)

        return wrapped

    @staticmethod
    def _path(of: str | int) -> str:
        return str(Path(f"/proc/self/fd/{of}").readlink()) if isinstance(of, int) else os.fspath(of)


class History:
    """A log, what was written to it, and looks in between of which one may be refused something."""

    def __init__(self, folder: Path, pattern: str, monkeypatch: pytest.MonkeyPatch, first: int) -> None:
        logs = folder / "logs"
        logs.mkdir(parents=True)
        self.log = logs / "app.log"
        self.written: list[bytes] = []
        self.write()
        self._refusing = Refusing(logs, monkeypatch, first)
        self._tailer = Tailer(folder / "state", logs / pattern)
        self._tailer.turn()

    def write(self, to: str = "") -> None:
        lines = [b"line %04d" % (len(self.written) + number) for number in range(2)]
        self.written += lines
        append(Path(f"{self.log}{to}"), *lines)

    def look(self) -> None:
        self._refusing.active = True
        try:
            self._tailer.turn(seconds=LOOK_S)
        finally:
            self._refusing.active = False

    def rename(self) -> None:
        if Path(f"{self.log}.1").exists():
            Path(f"{self.log}.1").rename(f"{self.log}.2")
        self.log.rename(f"{self.log}.1")

    def copytruncate(self, look_between: bool) -> None:
        if Path(f"{self.log}.1").exists():
            Path(f"{self.log}.1").rename(f"{self.log}.2")
        shutil.copyfile(self.log, f"{self.log}.1")
        if look_between:
            self.look()
        os.truncate(self.log, 0)

    def end(self) -> int:
        """How many calls there were."""
        for _ in range(6):
            self._tailer.turn()
        self._tailer.stop()
        assert Counter(self._tailer.lines) == Counter(self.written), f"call {self._refusing.made}"
        return self._refusing.made


def _renamed(log: History) -> None:
    log.write()
    log.rename()
    log.write(".1")
    log.look()
    log.write(".1")
    log.write()
    log.look()
    log.write()
    log.rename()
    log.write()
    log.look()


def _copied(log: History) -> None:
    for look_between in (True, False):
        log.write()
        log.copytruncate(look_between)
        log.write()
        log.look()
        log.write()
        log.look()


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
@pytest.mark.parametrize("rotate", [_renamed, _copied])
def test_whichever_call_is_refused_every_line_comes_out_once(
    tmp_path: Path, pattern: str, rotate: Callable[[History], None]
) -> None:
    def calls_of(first: int) -> int:
        with pytest.MonkeyPatch.context() as monkeypatch:
            log = History(tmp_path / str(first), pattern, monkeypatch, first)
            rotate(log)
            return log.end()

    count = calls_of(NEVER)
    assert count > 50
    failed = []
    for first in range(1, count + 1):
        try:
            calls_of(first)
        except (OSError, AssertionError) as error:
            failed.append((first, str(error)))
    assert failed == []


@ROOT_ONLY
@pytest.mark.parametrize("pattern", ["app.log", "*.log", "link"])
@pytest.mark.parametrize("mode", [0o000, 0o644], ids=["closed", "names only"])
def test_while_its_folder_may_not_be_entered_a_file_is_read_on_and_its_last_line_waited_for(
    pattern: str, mode: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        top.chmod(0o777)
        logs = top / "logs"
        logs.mkdir()
        log = logs / "app.log"
        append(log, "one")
        (top / "link").symlink_to(log)
        with nobody():
            tailer = Tailer(top / "state", top / pattern if pattern == "link" else logs / pattern)
            assert tailer.turn() == [b"one"]
        with log.open("ab", buffering=0) as writer:
            logs.chmod(mode)
            for begin, end in ((b"tw", b"o"), (b"thr", b"ee")):
                writer.write(begin)
                with nobody():
                    assert [*tailer.turn(), *tailer.turn(seconds=HOUR_S)] == []
                writer.write(end + b"\n")
                with nobody():
                    assert tailer.turn() == [begin + end]
        logs.chmod(0o755)
        log.rename(logs / "app.log.1")
        append(log, "new")
        with nobody():
            assert [*tailer.turn(), *tailer.turn()] == [b"new"]
            assert tailer.source.status().unreadable == 0
            tailer.stop()
