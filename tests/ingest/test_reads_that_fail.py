"""Files that open and cannot be read, by the kernel's own word: a disk that is cut short, a file of /proc."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ingest.tailer import Tailer, append

LOOK_S = 0.26
LINES = [b"line %06d of a disk that will be cut short" % number for number in range(70_000)]  # 3 MiB
DISK_BYTES, BLOCK_BYTES = 16 << 20, 1024
FIBMAP = 1  # ioctl: the block of the disk that holds a block of a file
UNREADABLE = "cannot be read: Input/output error"


class Disk:
    """An ext2 filesystem in a file, mounted at `place`; what lies behind a point of it can be taken and put back."""

    def __init__(self, folder: Path) -> None:
        self.place = folder / "disk"
        self.place.mkdir()
        self._image = folder / "image"
        self._image.touch()
        os.truncate(self._image, DISK_BYTES)
        make = ["mke2fs", "-q", "-F", "-t", "ext2", "-b", str(BLOCK_BYTES), self._image]
        made = subprocess.run(make, check=False)
        self._left = DISK_BYTES
        self._rest = b""
        if os.geteuid() != 0 or made.returncode or not self._mount():
            pytest.skip("needs to mount a filesystem in a file, so root")

    def cut_inside(self, file: Path) -> None:
        """Take the second half of a file and all behind it, also what the kernel has of it in memory."""
        os.sync()
        with file.open("rb") as opened:
            middle = struct.pack("i", file.stat().st_size // 2 // BLOCK_BYTES)
            self._left = struct.unpack("i", fcntl.ioctl(opened, FIBMAP, middle))[0] * BLOCK_BYTES
        self.unmount()
        assert self._mount()
        self._rest = self._image.read_bytes()[self._left :]
        os.truncate(self._image, self._left)

    def mend(self) -> None:
        with self._image.open("r+b") as image:
            image.seek(self._left)
            image.write(self._rest)

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", self.place], check=False, stderr=subprocess.DEVNULL)

    def _mount(self) -> bool:
        return not subprocess.run(["mount", "-o", "loop", self._image, self.place], check=False).returncode


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path)
    yield made
    made.unmount()


def test_a_file_that_cannot_be_read_to_its_end_is_told_of_once_and_once_when_it_can(
    tmp_path: Path, disk: Disk, capsys: pytest.CaptureFixture[str]
) -> None:
    log = disk.place / "app.log"
    append(log, *LINES)
    disk.cut_inside(log)
    tailer = Tailer(tmp_path / "state", log)
    for _ in range(5):
        tailer.turn(seconds=LOOK_S)
    before = len(tailer.lines)
    assert 10_000 < before < len(LINES)
    said = capsys.readouterr().out
    assert (said.count(UNREADABLE), said.count("can be read again")) == (1, 0)
    assert tailer.source.status().unreadable == 1
    disk.mend()
    for _ in range(3):
        tailer.turn(seconds=LOOK_S)
    assert tailer.lines == LINES
    said = capsys.readouterr().out
    assert (said.count(UNREADABLE), said.count("can be read again")) == (0, 1)
    assert tailer.source.status().unreadable == 0
    tailer.stop()


def test_a_file_of_which_nothing_can_be_read_is_told_of_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At 0 of a process's memory there is none: the kernel says EIO, of a regular file."""
    log = tmp_path / "app.log"
    log.symlink_to("/proc/self/mem")
    tailer = Tailer(tmp_path / "state", log)
    for _ in range(5):
        assert tailer.turn(seconds=LOOK_S) == []
    assert tailer.source.status().unreadable == 1
    said = capsys.readouterr().out
    assert (said.count(f"{log}: {UNREADABLE}"), said.count("can be read again")) == (1, 0)
    log.unlink()
    append(log, "one")
    assert tailer.turn() == [b"one"]
    assert "can be read again" not in capsys.readouterr().out
    tailer.stop()
