"""One reader by itself: what it opens, and what it knows its file by."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from logwatchd.ingest.identity import HEAD_BYTES, key_of
from logwatchd.ingest.lines import MAX_LINE_BYTES
from logwatchd.ingest.multiline import joiner_of
from logwatchd.ingest.reader import Chunk, Reader, Stop
from logwatchd.records import SourceSpec

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


@pytest.mark.parametrize(
    ("content", "encoding", "offset", "skipping"),
    [
        (b"one\ntwo\n", "utf-8", 8, False),
        (b"one\ntwo", "utf-8", 4, False),
        (b"one", "utf-8", 0, False),
        (b"\none", "utf-8", 1, False),
        (b"x" * MAX_LINE_BYTES, "utf-8", 0, False),
        (b"x" * (MAX_LINE_BYTES + 1), "utf-8", MAX_LINE_BYTES + 1, True),
        (b"\n" + b"x" * (MAX_LINE_BYTES - 1), "utf-8", 1, False),
        (b"xx\n" + b"y" * (MAX_LINE_BYTES - 1), "utf-8", 3, False),
        ("x\n".encode("utf-16-le") * MAX_LINE_BYTES + b"h\0a", "utf-16-le", 4 * MAX_LINE_BYTES, False),
        ("x\n".encode("utf-32-le") * MAX_LINE_BYTES + b"h", "utf-32-le", 8 * MAX_LINE_BYTES, False),
        ("one".encode("utf-16-le"), "utf-16-le", 0, False),
        ("\u0a61".encode("utf-16-le") * MAX_LINE_BYTES + b"a", "utf-16-le", 2 * MAX_LINE_BYTES + 1, True),
    ],
    ids=[
        "whole lines",
        "unfinished",
        "the only line",
        "after an empty line",
        "as long as a line may be",
        "too long",
        "after an empty line, as far back as is looked",
        "after another line, as far back as is looked",
        "half a character",
        "a quarter of a character",
        "the only line in wide characters",
        "no newline in characters that hold its byte",
    ],
)
def test_the_last_line_is_taken_up_at_its_beginning_unless_it_is_over_long(
    log: Path, reader: Reader, content: bytes, encoding: str, offset: int, skipping: bool
) -> None:
    log.write_bytes(content)
    reader.encoding = encoding
    reader.seek_last_line(len(content))
    assert (reader.offset, reader.skipping) == (offset, skipping)


@pytest.mark.parametrize("at", [0, len(BEGIN + MIDDLE) - 2], ids=["head", "mark"])
def test_what_lies_before_the_place_where_reading_is_taken_up_is_known(log: Path, reader: Reader, at: int) -> None:
    reader.seek(len(BEGIN + MIDDLE))
    with log.open("r+b") as file:
        file.seek(at)
        file.write(b"X")
    assert not reader.is_same()


def test_nothing_is_left_of_where_reading_was_before_it_is_taken_up_elsewhere(log: Path, reader: Reader) -> None:
    log.write_bytes(BEGIN + b"unfinished")
    _read(reader)
    later = Reader(reader.key, reader.path, reader.position())
    assert later.open()
    for taken_up in (reader, later):
        taken_up.seek(0)
        assert (taken_up.partial, taken_up.position().offset) == (b"", 0)
    later.close()
    log.write_bytes(b"x" * 2 * MAX_LINE_BYTES)
    _read(reader)
    assert reader.skipping
    reader.seek(0)
    assert not reader.skipping


def test_an_event_that_was_held_back_is_let_go_where_reading_is_taken_up_elsewhere(log: Path, reader: Reader) -> None:
    log.write_bytes(BEGIN + b"Traceback (most recent call last):\n")
    reader.joiner = joiner_of(SourceSpec(paths=(str(log),)))
    assert reader.read(reader.size()) is Stop.AT_END
    assert reader.holds_event
    reader.seek(log.stat().st_size)
    assert not reader.holds_event
    assert reader.release() is None


def test_the_place_of_an_earlier_run_holds_until_the_file_was_looked_at_or_starts_anew(
    log: Path, reader: Reader
) -> None:
    _read(reader)
    position = reader.position()
    later = Reader(reader.key, reader.path, position)
    assert later.position() == position
    assert later.open()
    log.write_bytes(END)
    assert not later.is_same()
    assert later.restart().position == position
    assert later.is_same()
    assert (later.position().offset, _read(later)) == (0, END)
    later.close()


def test_an_unfinished_line_is_what_a_file_had_before_it_started_anew(log: Path, reader: Reader) -> None:
    log.write_bytes(BEGIN)
    assert reader.is_same()
    log.write_bytes(BEGIN + b"unfinished")
    _read(reader)
    assert reader.restart().seen == b"unfinished"


def test_what_follows_bytes_that_were_written_over_is_not_read(log: Path, reader: Reader) -> None:
    _read(reader)
    with log.open("r+b") as file:
        file.seek(-len(END), os.SEEK_END)
        file.write(b"other\n")
    assert reader.read(reader.size()) is Stop.REPLACED
