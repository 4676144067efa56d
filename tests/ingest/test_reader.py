"""One reader by itself: what it opens, and what it knows its file by."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from logwatchd.ingest.identity import HEAD_BYTES, key_of
from logwatchd.ingest.lines import MAX_LINE_BYTES
from logwatchd.ingest.reader import Chunk, Reader, Stop

BEGIN, MIDDLE, END = b"begin\n", b"m" * 2 * HEAD_BYTES + b"\n", b"end\n"


@pytest.fixture
def log(logs: Path) -> Path:
    log = logs / "app.log"
    log.write_bytes(BEGIN + MIDDLE + END)
    return log


@pytest.fixture
def reader(log: Path) -> Iterator[Reader]:
    reader = Reader(key_of(log.stat()), str(log))
    assert reader.open()
    yield reader
    reader.close()


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _read(reader: Reader) -> bytes:
    chunk = reader.read(reader.size())
    assert isinstance(chunk, Chunk)
    return chunk.data


@pytest.mark.parametrize("replace", [Path.touch, os.mkfifo], ids=["file", "FIFO"])
def test_what_stands_at_the_path_of_a_file_that_is_gone_is_not_opened(
    log: Path, reader: Reader, replace: object
) -> None:
    other = log.with_name("other")
    replace(other)  # type: ignore[operator]
    reader.close()
    other.replace(log)
    handles = _open_files()
    assert not reader.open()
    assert not reader.is_open
    assert _open_files() == handles


def test_a_fifo_that_has_the_number_of_a_file_is_not_opened(logs: Path) -> None:
    fifo = logs / "app.log"
    os.mkfifo(fifo)
    assert not Reader(key_of(fifo.stat()), str(fifo)).open()


@pytest.mark.parametrize("is_later", [False, True], ids=["in this run", "in a later run"])
@pytest.mark.parametrize("at", [0, len(BEGIN + MIDDLE)], ids=["head", "mark"])
def test_what_was_read_is_known_by_its_beginning_and_by_its_end(
    log: Path, reader: Reader, at: int, is_later: bool
) -> None:
    _read(reader)
    if is_later:
        reader.close()
        reader = Reader(reader.key, reader.path, reader.position())
        assert reader.open()
    assert reader.is_same()
    with log.open("r+b") as file:
        file.seek(at)
        file.write(b"X")
    assert not reader.is_same()


def test_what_was_read_since_the_last_look_is_known_as_well(log: Path, reader: Reader) -> None:
    log.write_bytes(BEGIN)
    assert reader.is_same()
    with log.open("ab") as file:
        file.write(MIDDLE)
    _read(reader)
    with log.open("r+b") as file:
        file.seek(len(BEGIN))
        file.write(b"X")
    assert not reader.is_same()


def test_what_was_looked_at_and_not_read_is_known(log: Path, reader: Reader) -> None:
    assert reader.is_same()
    log.write_bytes(END + MIDDLE + BEGIN)
    assert not reader.is_same()
    assert reader.read(reader.size()) is Stop.REPLACED
    assert reader.restart().seen == (BEGIN + MIDDLE + END)[:HEAD_BYTES]


def test_a_file_that_starts_anew_is_another_one_of_which_nothing_is_known(log: Path, reader: Reader) -> None:
    _read(reader)
    lapse = reader.restart()
    assert lapse.position.offset == len(BEGIN + MIDDLE + END)
    assert [end for end, _ in lapse.trail] == [lapse.position.offset]
    assert (reader.id.generation, reader.offset) == (lapse.position.file.generation + 1, 0)
    assert reader.is_same()
    assert reader.restart().trail == ()


def test_a_file_that_starts_anew_within_an_over_long_line_is_read_from_its_first_line(
    log: Path, reader: Reader
) -> None:
    log.write_bytes(b"x" * 2 * MAX_LINE_BYTES)
    _read(reader)
    assert reader.skipping
    log.write_bytes(BEGIN)
    reader.restart()
    assert _read(reader) == BEGIN
