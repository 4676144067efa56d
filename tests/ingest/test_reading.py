"""One reader and a file that grows: events come out whole and once, with their places, however the bytes come."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logwatchd.ingest.encoding import coding_of
from logwatchd.ingest.identity import key_of
from logwatchd.ingest.lines import MAX_LINE_BYTES
from logwatchd.ingest.multiline import joiner_of
from logwatchd.ingest.reader import Chunk, Reader, Stop
from logwatchd.records import SourceSpec
from tests.ingest.tailer import Tailer, append

JOINER = joiner_of(SourceSpec(paths=("/any",), multiline_continue=r"^\+"))
# With characters whose bytes are a newline's.
LETTERS = {"utf-8": "a\xe9\u0a0a", "latin-1": "a\xe9", "utf-16": "a\u0a0a\u010a\u0a61", "utf-32": "a\u0a0a\u010a"}


class Reading:
    """A reader of a file that is written in pieces, and the events that came."""

    def __init__(self, path: Path, encoding: str, begin: int = 0) -> None:
        """begin: where the first event stands."""
        path.touch()
        self.path = path
        self.events: list[bytes] = []
        self.reader = Reader(key_of(path.stat()), str(path))
        self._encoding = encoding
        self._end = begin
        self._open()

    def append(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)

    def read(self) -> None:
        assert self.reader.is_same()
        while isinstance(chunk := self.reader.read(self.reader.size()), Chunk):
            self.take(chunk)
        assert chunk is Stop.AT_END

    def resume(self) -> None:
        """As after a restart."""
        self.reader.close()
        self.reader = Reader(self.reader.key, self.reader.path, self.reader.position())
        self._open()

    def take(self, chunk: Chunk | None) -> None:
        if chunk is None:
            return
        assert chunk.offset == self._end
        self._end = chunk.end
        begin = 0
        for at, byte in enumerate(chunk.data):
            if byte == ord("\n") and at not in chunk.inner:
                self.events.append(chunk.data[begin : at + 1])
                begin = at + 1
        assert begin == len(chunk.data)

    def _open(self) -> None:
        assert self.reader.open()
        self.reader.encoding, self.reader.joiner = self._encoding, JOINER


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, list[str], bool]:
    """An encoding, events in it, and whether a byte order mark comes first."""
    encoding = draw(st.sampled_from(sorted(LETTERS)))
    words = st.text(LETTERS[encoding], max_size=4)
    events = st.tuples(words, st.lists(words, max_size=3)).map(lambda event: "\n+".join((f"x{event[0]}", *event[1])))
    return encoding, draw(st.lists(events, min_size=1, max_size=6)), draw(st.booleans())


@example(text=("utf-16", ["xa"], True), steps=[], is_finished=False, end="finished")
@settings(max_examples=300, deadline=None)
@given(
    text=texts(),
    steps=st.lists(st.tuples(st.integers(1, 30), st.booleans()), max_size=12),
    is_finished=st.booleans(),
    end=st.sampled_from(["finished", "truncated", "quiet"]),
)
def test_events_come_whole_and_once_with_their_places(
    tmp_path_factory: pytest.TempPathFactory,
    text: tuple[str, list[str], bool],
    steps: list[tuple[int, bool]],
    is_finished: bool,
    end: str,
) -> None:
    encoding, events, is_marked = text
    coding = coding_of(encoding, b"")
    mark = coding.mark if is_marked else b""
    data = mark + "\n".join(events).encode(coding.name)
    if is_finished or end == "quiet":
        data += coding.newline
    reading = Reading(tmp_path_factory.mktemp("logs") / "app.log", encoding, len(mark))
    begin = 0
    for length, restarts in (*steps, (len(data), False)):
        reading.append(data[begin : begin + length])
        begin += length
        reading.read()
        if restarts:
            reading.resume()
    reader = reading.reader
    match end:
        case "finished":
            reading.take(reader.finish())
        case "quiet":
            assert (reader.holds_event, reader.unfinished) == (True, False)
            reading.take(reader.release())
            assert reader.release() is None
        case "truncated":
            reading.take(reader.restart().last_words)
    assert reading.events == [f"{event}\n".encode() for event in events]
    if end != "truncated":
        assert (reader.position().offset, reader.partial, reader.holds_event) == (len(data), b"", False)
        reading.resume()
        reading.read()
        assert len(reading.events) == len(events)
    reading.reader.close()


@pytest.mark.parametrize("before", range(-24, 1, 4))
def test_an_event_in_which_what_is_read_at_once_ends_is_whole(tmp_path: Path, before: int) -> None:
    reading = Reading(tmp_path / "app.log", "utf-8")
    line, event = b"x" * 63 + b"\n", b"first\n+second\n+third\n"
    filler = line * (MAX_LINE_BYTES // len(line) - 1)
    filler += b"y" * (MAX_LINE_BYTES - len(filler) + before - 1) + b"\n"
    reading.append(filler + event)
    reading.read()
    reading.append(b"+fourth\n" + line)
    reading.read()
    reading.take(reading.reader.release())
    assert reading.events[-3:] == [filler.splitlines(keepends=True)[-1], event + b"+fourth\n", line]
    reading.reader.close()


@pytest.mark.parametrize("is_sparse", [True, False])
def test_a_hole_of_more_than_is_read_at_once_is_skipped(tmp_path: Path, is_sparse: bool) -> None:
    reading = Reading(tmp_path / "app.log", "utf-8")
    size = 5 * MAX_LINE_BYTES // 2
    if is_sparse:
        os.truncate(reading.path, size)
    else:
        reading.append(bytes(size))
    reading.read()
    reading.append(b"after the hole\n")
    reading.read()
    reading.take(reading.reader.release())
    assert reading.events == [b"after the hole\n"]
    reading.reader.close()


def test_a_rotated_log_that_ends_amid_an_event_ends_with_that_event_and_tells_it_once(tail, logs: Path) -> None:
    log, begun = logs / "app.log", [b"Traceback (most recent call last):", b'  File "app.py", line 1']
    append(log, "one")
    tailer: Tailer = tail(log)
    assert tailer.turn() == [b"one"]
    with log.open("ab") as file:
        file.write(b"\n".join([*begun, b"    end of it"]))
    assert tailer.turn(seconds=0.26) == []
    log.rename(f"{log}.1")
    assert tailer.turn(seconds=1.0) == []  # nothing more may belong to it, and yet its last line is no whole one
    assert tailer.turn() == [*begun, b"    end of it"]
    assert len(tailer.blocks[-1].inner) == len(begun)
    tailer.restart()
    assert tailer.turn() == []
