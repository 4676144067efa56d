"""A rest that was compressed before it was read, and whose compressed file is damaged or not written to its end yet."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from tests.ingest.tailer import Tailer, append

MINUTE_S = 61.0  # longer than a quiet rotated file stays open
TRACE = ["ERROR it broke", "Traceback (most recent call last):", '  File "app.py", line 1', "ValueError: no"]


def words(count: int) -> list[bytes]:
    """Lines that no compression makes much shorter: a file that is cut off lacks few of them."""
    random = Random(1)
    return [f"ERROR {random.randbytes(20).hex()} {number}".encode() for number in range(count)]


class Cut:
    """A log that was read in part, grew, and was rotated and compressed while nobody read it; then a new one begun."""

    def __init__(self, folder: Path, rest: list[bytes], compress: Callable[[bytes], bytes] = gzip.compress) -> None:
        self.folder = folder
        self.log = folder / "app.log"
        append(self.log, "read before")
        self.tailer = Tailer(folder / "state", self.log)
        assert self.tailer.turn() == [b"read before"]
        self.tailer.stop()
        append(self.log, *rest)
        ending = {gzip.compress: "gz", bz2.compress: "bz2", lzma.compress: "xz"}[compress]
        self.packed = folder / f"app.log.1.{ending}"
        self.whole = compress(self.log.read_bytes())
        new = folder / "new"
        append(new, "live")
        new.replace(self.log)

    def write(self, data: bytes) -> None:
        """What is in the compressed file by now; it stays the same file."""
        with self.packed.open("r+b" if self.packed.exists() else "wb") as file:
            file.write(data)

    def turns(self, count: int = 4) -> list[bytes]:
        return [line for _ in range(count) for line in self.tailer.turn()]


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().out.splitlines() if "app.log." in line]


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, bz2.compress])
def test_what_can_be_unpacked_is_read_once_and_the_rest_when_it_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], compress: Callable[[bytes], bytes]
) -> None:
    rest = words(40_000 if compress is bz2.compress else 300)
    cut = Cut(tmp_path, rest, compress)
    cut.write(cut.whole[:-50])
    cut.tailer.start()
    *first, live = cut.turns()
    assert live == b"live"
    assert first == rest[: len(first)]
    assert (len(first) > 295 and len(rest) == 300) or len(first) > 10_000
    (warning,) = told(capsys)
    read_bytes = len(b"\n".join([b"read before", *first, b""]))
    assert "cannot be read to its end: its compression is not whole: Compressed file ended before" in warning
    assert f"the lines in the first {read_bytes:,} bytes were read" in warning
    cut.tailer.restart()
    assert cut.turns() == []
    assert len(told(capsys)) == 1
    cut.write(cut.whole)
    assert cut.turns() == rest[len(first) :]
    (recovery,) = told(capsys)
    assert "can be read again" in recovery
    cut.tailer.restart()
    assert cut.turns() == []
    cut.tailer.stop()


def test_one_that_is_still_being_written_is_read_once_and_not_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = words(3000)
    cut = Cut(tmp_path, rest)
    cut.tailer.start()
    lines = []
    for part in range(1, 11):
        cut.write(cut.whole[: len(cut.whole) * part // 10])
        lines += cut.tailer.turn(seconds=0.3)
    lines += cut.turns()
    assert [line for line in lines if line != b"live"] == rest
    assert lines.count(b"live") == 1
    assert not any("to its end" in line for line in told(capsys))
    cut.tailer.stop()


@pytest.mark.parametrize(
    "begun", [0, 1, 20, 2000], ids=["empty", "no header", "no line", "not up to where reading had come to"]
)
@pytest.mark.parametrize("pattern", ["app.log", "*.log*"])
def test_one_that_does_not_reach_to_where_reading_had_come_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pattern: str, begun: int
) -> None:
    rest, read = words(100), words(400)[100:]
    log = tmp_path / "app.log"
    append(log, *read)
    tailer = Tailer(tmp_path / "state", tmp_path / pattern)
    assert tailer.turn() == read
    tailer.stop()
    append(log, *rest)
    whole, packed = gzip.compress(log.read_bytes()), tmp_path / "app.log.1.gz"
    packed.write_bytes(whole[:begun])  # before the log goes: this one is not to get its inode
    log.unlink()
    tailer.start()
    assert [*tailer.turn(), *tailer.turn(), *tailer.turn()] == []
    (warning,) = told(capsys)
    assert "cannot be read: its compression is not whole" in warning
    packed.write_bytes(whole[:-50])
    lines = [line for _ in range(9) for line in tailer.turn(seconds=MINUTE_S)]
    packed.write_bytes(whole)
    assert [*lines, *tailer.turn(), *tailer.turn(), *tailer.turn()] == rest
    assert 90 < len(lines) < 100
    tailer.stop()


def test_one_that_is_damaged_before_the_position_of_an_earlier_run_waits_and_is_read_once_whole(
    tmp_path: Path,
) -> None:
    rest = words(300)
    cut = Cut(tmp_path, rest)
    cut.write(cut.whole[:-50])
    cut.tailer.start()
    *first, _ = cut.turns()
    cut.tailer.stop()
    os.truncate(cut.packed, len(cut.whole) // 2)
    cut.tailer.start()
    assert cut.turns() == []
    cut.write(cut.whole)
    assert [line for _ in range(9) for line in cut.tailer.turn(seconds=MINUTE_S)] == rest[len(first) :]
    cut.tailer.stop()


@pytest.mark.parametrize("rotated", [False, True], ids=["there", "rotated on"])
def test_a_change_after_it_was_let_go_of_is_found(tmp_path: Path, rotated: bool) -> None:
    rest = words(300)
    before = open_without_a_name()
    cut = Cut(tmp_path, rest)
    cut.write(cut.whole[:-50])
    cut.tailer.start()
    *first, _ = cut.turns()
    assert len(open_without_a_name() - before) == 1
    assert [line for _ in range(4) for line in cut.tailer.turn(seconds=MINUTE_S)] == []
    assert open_without_a_name() == before
    if rotated:
        cut.packed = cut.packed.rename(tmp_path / "app.log.2.gz")
    cut.write(cut.whole)
    assert cut.turns() == rest[len(first) :]
    cut.tailer.stop()


def test_one_that_is_deleted_has_no_more_to_give(tmp_path: Path) -> None:
    cut = Cut(tmp_path, words(300))
    cut.write(cut.whole[:-50])
    cut.tailer.start()
    assert len(cut.turns()) > 295
    cut.packed.unlink()
    assert [line for _ in range(4) for line in cut.tailer.turn(seconds=MINUTE_S)] == []
    assert [file.reader.path for file in cut.tailer.source._roster.files] == [str(cut.log)]
    cut.tailer.stop()


def test_the_last_event_that_could_be_unpacked_is_read(tmp_path: Path) -> None:
    rest = [*words(100), *(line.encode() for line in TRACE)]
    cut = Cut(tmp_path, rest)
    cut.write(cut.whole[:-20])
    cut.tailer.start()
    first = [line for line in cut.turns() if line != b"live"]
    assert first == rest[: len(first)]
    assert len(first) >= len(rest) - 2
    cut.write(cut.whole)
    assert cut.turns() == rest[len(first) :]
    cut.tailer.stop()


def test_a_single_wrong_byte_costs_no_line_before_it(tmp_path: Path) -> None:
    rest = words(3000)
    cut = Cut(tmp_path, rest)
    wrong = bytearray(cut.whole)
    wrong[len(wrong) // 2] ^= 0x55
    cut.write(bytes(wrong))
    cut.tailer.start()
    lines = cut.turns()
    assert lines[:1000] == rest[:1000]
    assert lines.count(b"live") == 1
    cut.tailer.stop()


def open_without_a_name() -> set[str]:
    """Files without one that are held open, as unpacked content is."""
    found = set()
    for handle in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            target = str(handle.readlink())
            if target.startswith(f"{tempfile.gettempdir()}/#"):
                found.add(target)
    return found
