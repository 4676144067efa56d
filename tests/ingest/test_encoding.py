"""Files that are not UTF-8: their lines come whole, as UTF-8, and their places stay those of the file."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.ingest.encoding import UTF8, coding_of
from logwatchd.ingest.files import FileSource
from logwatchd.ingest.lines import MAX_LINE_BYTES, cut
from logwatchd.ingest.offline import read_events
from logwatchd.records import SourceSpec, StartAt
from tests.ingest.tailer import Tailer

# U+0A0A and U+0D0A hold the byte of a newline, U+0A00 a whole newline one byte off.
LINES = ["plain", "", "grüße", "\u0a0a\u0d0a", "\u0a00x\u000b", "𝔘 beyond the plane", "last"]
TEXT = "".join(line + "\n" for line in LINES)
NAMES = ["utf-16-le", "utf-16-be", "utf-16", "utf-32", "utf-32-be"]


class CodedTailer(Tailer):
    """A tailer of one file in an encoding."""

    def __init__(self, state: Path, log: Path, encoding: str, start_at: StartAt = "beginning") -> None:
        self._encoding = encoding
        super().__init__(state, log, start_at=start_at)

    def start(self) -> None:
        self.specs = (replace(self.specs[0], encoding=self._encoding),)
        super().start()
        assert isinstance(self.source, FileSource)


@pytest.mark.parametrize("name", NAMES)
def test_lines_written_piece_by_piece_come_whole(tmp_path: Path, name: str) -> None:
    log = tmp_path / "app.log"
    log.touch()
    tailer = CodedTailer(tmp_path / "state", log, name)
    (tmp_path / "state").mkdir(exist_ok=True)
    raw = TEXT.encode(name)
    for start in range(0, len(raw), 7):
        with log.open("ab") as out:
            out.write(raw[start : start + 7])
        tailer.turn()
    text = b"".join(block.data for block in tailer.blocks).decode()
    assert text == TEXT  # without the byte order mark
    assert tailer.blocks[-1].end == len(raw)
    assert tailer.blocks[0].offset == len(raw) - len(TEXT.encode(coding_of(name, raw).name))
    for before, block in zip(tailer.blocks, tailer.blocks[1:], strict=False):
        assert block.offset == before.end
        assert block.place(len(block.data)) == block.end


def test_the_line_that_is_being_written_at_the_first_start_comes_whole(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes("old\n\u0a0a beg".encode("utf-16-le"))
    tailer = CodedTailer(tmp_path / "state", log, "utf-16", start_at="end")
    assert tailer.turn() == []
    with log.open("ab") as out:
        out.write("un\n".encode("utf-16-le"))
    assert tailer.turn() == ["\u0a0a begun".encode()]
    tailer.stop()


def test_a_restart_goes_on_at_a_lines_beginning(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes("eins\nzwei\ndr".encode("utf-16"))
    (tmp_path / "state").mkdir()
    tailer = CodedTailer(tmp_path / "state", log, "utf-16")
    tailer.turn()
    tailer.restart()
    with log.open("ab") as out:
        out.write("ei\nvier\n".encode("utf-16-le"))
    tailer.turn()
    assert [line.decode() for line in tailer.lines] == ["eins", "zwei", "drei", "vier"]


def test_latin_1_becomes_utf_8(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes("Größe überschritten\n".encode("latin-1"))
    (tmp_path / "state").mkdir()
    tailer = CodedTailer(tmp_path / "state", log, "iso8859-1")
    tailer.turn()
    assert tailer.lines == ["Größe überschritten".encode()]


def test_what_is_broken_stays_visible() -> None:
    coding = coding_of("utf-16-le", b"")
    assert "\\xd8" in coding.to_utf8(b"\x00\xd8\x41\x00\n\x00").decode()


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("utf-8", b"\xff\xfe", "utf-8"),
        ("ascii", b"", "utf-8"),
        ("utf-16", b"\xff\xfea\0", "utf-16-le"),
        ("utf-16", b"\xfe\xff\0a", "utf-16-be"),
        ("utf-16", b"a\0b\0", "utf-16-le"),
        ("utf-32", b"\xff\xfe\0\0", "utf-32-le"),
        ("utf-16-be", b"\xff\xfe", "utf-16-be"),
    ],
)
def test_the_mark_says_which_order_the_bytes_have(name: str, head: bytes, expected: str) -> None:
    assert coding_of(name, head).name == expected


@given(st.text(max_size=60), st.sampled_from(["utf-16-le", "utf-16-be", "utf-32-le"]), st.integers(0, 200))
def test_newlines_are_found_where_characters_begin(text: str, name: str, end: int) -> None:
    text = text.encode("utf-8", "replace").decode()
    coding = coding_of(name, b"")
    raw = text.encode(name)[: end - end % 4]
    whole = raw.decode(name, "ignore")
    result = cut(raw, 0, skipping=False, coding=coding)
    assert result.data.decode(name, "ignore") == whole[: whole.rfind("\n") + 1]
    assert result.data + result.rest == raw
    first = coding.find(raw, 0)
    assert (first < 0) == ("\n" not in whole)


@pytest.mark.parametrize("name", ["utf-8", "latin-1", *NAMES])
@pytest.mark.parametrize("ending", ["\n", ""])
def test_offline_reading_gives_the_same_lines(tmp_path: Path, name: str, ending: str) -> None:
    lines = [line for line in LINES if name != "latin-1" or line.isascii()]
    (tmp_path / "x.log").write_bytes(("\n".join(lines) + ending).encode(name))
    runs = read_events(tmp_path / "x.log", SourceSpec(("/x",), encoding=name))
    found = b"".join(data for data, _ in runs).decode()
    assert found.split("\n")[:-1] == lines


@pytest.mark.parametrize("name", ["utf-8", "utf-16"])
@pytest.mark.parametrize("before", [0, 1, MAX_LINE_BYTES // 2 - 4, MAX_LINE_BYTES // 2])
def test_offline_reading_leaves_out_what_the_tailer_does(tmp_path: Path, name: str, before: int) -> None:
    log = tmp_path / "app.log"
    odd = ["x" * before, *(length * "y" for length in (MAX_LINE_BYTES - 1, MAX_LINE_BYTES, MAX_LINE_BYTES + 1))]
    hole = "" if name == "utf-16" else "\0" * (MAX_LINE_BYTES + 5)
    log.write_bytes(
        "".join(f"{line}\n" for line in [*odd, "z" * (5 * MAX_LINE_BYTES), f"{hole}end", "\n"]).encode(name)
    )
    tailer = CodedTailer(tmp_path / "state", log, name)
    while tailer.turn():
        pass
    tailer.stop()
    runs = read_events(log, SourceSpec((str(log),), encoding=name))
    assert b"".join(data for data, _ in runs) == b"".join(block.data for block in tailer.blocks)


def test_offline_reading_of_one_endless_line_is_bounded(tmp_path: Path) -> None:
    log = tmp_path / "sparse.log"
    with log.open("wb") as out:
        out.write(b"x")
        out.truncate(64 << 20)
    tracemalloc.start()
    sizes = [len(data) for data, _ in read_events(log, SourceSpec((str(log),)))]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sizes == [MAX_LINE_BYTES + 1]
    assert peak < 16 << 20


def test_utf_8_costs_nothing() -> None:
    data = b"abc\n"
    assert UTF8.to_utf8(data) is data
