"""Logs that were rotated and compressed while logwatchd was down, before all of them was read."""

from __future__ import annotations

import errno
import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ingest.tailer import Tailer, append


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


def rotated(log: Path) -> None:
    """As logrotate does: the old file is compressed, then it goes."""
    Path(f"{log}.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()


@pytest.fixture(params=["first.log", "*.log", "**/*.log", "*.log*"])
def tailer(request: pytest.FixtureRequest, tmp_path: Path, logs: Path) -> Iterator[Tailer]:
    append(logs / "first.log", "one")
    made = Tailer(tmp_path / "state", logs / request.param)
    assert made.turn() == [b"one"]
    made.stop()
    append(logs / "first.log", "two")
    yield made
    made.stop()


def test_a_rest_is_found_whatever_names_the_log(tailer: Tailer, logs: Path) -> None:
    (logs / "keeps the inode").hardlink_to(logs / "first.log")
    rotated(logs / "first.log")
    append(logs / "first.log", "three")
    tailer.start()
    assert [*tailer.turn(), *tailer.turn()] == [b"two", b"three"]
    tailer.restart()
    assert tailer.turn() == []


def test_a_rest_is_found_in_a_folder_that_could_not_be_listed_at_first(
    tailer: Tailer, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (logs / "keeps the inode").hardlink_to(logs / "first.log")
    rotated(logs / "first.log")
    append(logs / "first.log", "three")
    tailer.start()
    with monkeypatch.context() as patched:

        def refusing(folder: str) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        patched.setattr(os, "scandir", refusing)
        early = tailer.turn()
    assert sorted([*early, *tailer.turn(), *tailer.turn()]) == [b"three", b"two"]
    tailer.restart()
    assert tailer.turn() == []


def test_a_rest_is_found_though_another_log_has_its_inode(tailer: Tailer, logs: Path) -> None:
    """logrotate frees an inode and creates the next log, which gets its number."""
    inode = (logs / "first.log").stat().st_ino
    rotated(logs / "first.log")
    append(logs / "second.log", "of another log")
    if (logs / "second.log").stat().st_ino != inode:
        pytest.skip("this filesystem does not use an inode's number again at once")
    append(logs / "first.log", "three")
    tailer.start()
    lines = [*tailer.turn(), *tailer.turn()]
    assert [line for line in lines if line != b"of another log"] == [b"two", b"three"]
    tailer.restart()
    assert tailer.turn() == []


@pytest.mark.parametrize("ending", ["zst", "lz4"])
def test_a_rest_that_takes_another_program_is_warned_of_once_with_the_command(
    tmp_path: Path, logs: Path, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    def warnings() -> list[str]:
        return [line for line in capsys.readouterr().out.splitlines() if "warning" in line]

    log, magic = logs / "app.log", {"zst": b"\x28\xb5\x2f\xfd", "lz4": b"\x04\x22\x4d\x18"}[ending]
    append(log, "one")
    Path(f"{log}.9.{ending}").write_bytes(magic + b"there before us")
    tailer = Tailer(tmp_path / "state", logs / "*.log")
    assert tailer.turn() == [b"one"]
    Path(f"{log}.2.{ending}").write_bytes(magic + b"rotated under our eyes")
    assert tailer.turn() == []
    tailer.stop()
    assert warnings() == []
    packed = Path(f"{log}.1.{ending}")
    packed.write_bytes(magic + b"rotated while we were away")
    log.unlink()
    append(log, "three")
    tailer.start()
    assert [*tailer.turn(), *tailer.turn()] == [b"three"]
    (warning,) = warnings()
    program = {"zst": "zstd", "lz4": "lz4"}[ending]
    assert f"{packed}: cannot be unpacked here, and may hold lines that were not read" in warning
    assert f"'{program} -dc {packed} | logwatchd scan ... -' judges them" in warning
    tailer.restart()
    assert tailer.turn() == []
    assert warnings() == []
    tailer.stop()


def test_rests_of_two_rotations_come_in_their_order(tmp_path: Path, logs: Path) -> None:
    """The older one, which is compressed, takes longer to be had than the younger one."""
    log = logs / "app.log"
    append(log, "one")
    tailer = Tailer(tmp_path / "state", log)
    assert tailer.turn() == [b"one"]
    append(log, "two")
    Path(f"{log}.2.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.write_text("three\n")
    Path(f"{log}.1").write_bytes(log.read_bytes())
    log.write_text("four\n")
    assert [*tailer.turn(), *tailer.turn()] == [b"two", b"three", b"four"]
    tailer.stop()
