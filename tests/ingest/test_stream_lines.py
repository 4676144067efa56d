"""What comes out of a pipe becomes events, however it is cut into reads."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.ingest.lines import MAX_LINE_BYTES
from logwatchd.ingest.stream_lines import Run, StreamLines
from logwatchd.records import SourceSpec

TRACE = b'ERROR it broke\nTraceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: no\n'


def fed(lines: StreamLines, *parts: bytes) -> list[Run]:
    return [run for part in parts for run in lines.feed(part)]


def whole(lines: StreamLines, *parts: bytes) -> list[Run]:
    return [*fed(lines, *parts), *lines.finish()]


def events(runs: list[Run]) -> list[bytes]:
    found = []
    for run in runs:
        data = bytearray(run.data)
        for place in run.inner:
            data[place] = 0
        found += [event.replace(b"\0", b"\n") for event in bytes(data).split(b"\n")[:-1]]
    return found


@given(
    st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")), max_size=30),
    st.lists(st.integers(0, 2000), max_size=20),
    st.booleans(),
)
def test_however_it_is_cut_each_line_comes_once_and_knows_its_place(
    lines: list[bytes], cuts: list[int], ended: bool
) -> None:
    text = b"".join(line + b"\n" for line in lines)
    if not ended:
        text = text[:-1]
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    runs = whole(StreamLines(SourceSpec(("-",), multiline="off")), *(text[a:b] for a, b in pairwise(places)))
    assert b"".join(run.data for run in runs).removesuffix(b"\n") == text.removesuffix(b"\n")
    at = 0
    for run in runs:
        assert run.offset == at
        at += len(run.data)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_stack_trace_is_one_event_however_it_comes(size: int) -> None:
    text = b"INFO before\n" + TRACE + b"INFO after\n"
    runs = whole(StreamLines(SourceSpec(("-",))), *(text[i : i + size] for i in range(0, len(text), size)))
    assert b"".join(run.data for run in runs) == text
    assert [run.offset for run in runs] == [sum(len(r.data) for r in runs[:n]) for n in range(len(runs))]
    if size == 1000:
        assert events(runs) == [b"INFO before", TRACE.removesuffix(b"\n"), b"INFO after"]


def test_an_event_that_may_go_on_is_held_until_it_is_released() -> None:
    lines = StreamLines(SourceSpec(("-",)))
    assert fed(lines, b"INFO one\n" + TRACE) == [Run(b"INFO one\n", 0, ())]
    assert lines.holds_event
    (run,) = lines.release()
    assert (run.data, run.offset) == (TRACE, 9)
    assert events([run]) == [TRACE.removesuffix(b"\n")]
    assert not lines.holds_event
    assert fed(lines, b"INFO two\n") == [Run(b"INFO two\n", 9 + len(TRACE), ())]


@pytest.mark.parametrize("step", [1000, 64 << 10, MAX_LINE_BYTES])
def test_a_line_of_over_a_mebibyte_is_cut_and_those_around_it_are_whole(step: int) -> None:
    text = b"first\n" + b"x" * (2 * MAX_LINE_BYTES + 17) + b"\nlast\n"
    lines = StreamLines(SourceSpec(("-",)))
    runs = whole(lines, *(text[i : i + step] for i in range(0, len(text), step)))
    assert b"".join(run.data for run in runs) == b"first\n" + b"x" * MAX_LINE_BYTES + b"\nlast\n"
    assert lines.cut == 1
    assert runs[-1].offset + len(runs[-1].data) == len(text)


def test_a_line_of_exactly_a_mebibyte_is_whole() -> None:
    text = b"x" * MAX_LINE_BYTES + b"\n"
    lines = StreamLines(SourceSpec(("-",)))
    assert [run.data for run in whole(lines, text[:-1], text[-1:])] == [text]
    assert lines.cut == 0


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_other_encodings_come_out_as_utf_8_even_if_a_read_parts_a_character(encoding: str) -> None:
    text = "grün\nñandú\nlast without its newline"
    raw = text.encode(encoding)
    runs = whole(StreamLines(SourceSpec(("-",), encoding=encoding)), *(raw[i : i + 1] for i in range(len(raw))))
    assert b"".join(run.data for run in runs).decode() == text + "\n"
