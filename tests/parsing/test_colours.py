"""A terminal's colours hide nothing that a line says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.parsing.colours import plain, without_colours
from logwatchd.parsing.keys import key_of
from logwatchd.parsing.level import level_of
from logwatchd.parsing.normalise import decode, normalise
from logwatchd.parsing.service import service_of
from logwatchd.parsing.timestamp import timestamp_of
from logwatchd.records import Level
from logwatchd.scoring.lexicon import Lexicon

LINES = [
    (
        "\x1b[2m2026-11-20T03:00:01.5Z\x1b[0m \x1b[31mERROR\x1b[0m \x1b[2mshop::cart\x1b[0m\x1b[2m:\x1b[0m sold out",
        "2026-11-20T03:00:01.5Z ERROR shop::cart: sold out",
    ),
    ("done \x1b[3mstatus\x1b[0m\x1b[2m=\x1b[0m503 in 3 ms", "done status=503 in 3 ms"),
    ("\x1b[38;5;196mred\x1b[m and \x1b[38:2::255:0:0mredder\x1b[0m\x1b[K", "red and redder"),
    ("\x1b[2J\x1b]0;title\x07 stays", "\x1b[2J\x1b]0;title\x07 stays"),
]
PIECES = [b"\x1b[31m", b"\x1b[0m", b"\x1b[", b"\x1b", b"m", b"status=", b"503", b" ", b"17 ", b"ERROR", b"\x1b[1;32m"]


@pytest.mark.parametrize(("coloured", "without"), LINES)
def test_colours_are_left_out(coloured: str, without: str) -> None:
    assert without_colours(coloured.encode()) == without.encode()
    assert plain(coloured) == without
    assert normalise(coloured) == normalise(without)


def test_level_time_and_service_of_a_line_in_colours_are_those_of_the_line() -> None:
    coloured, now = LINES[0][0], datetime(2026, 11, 20, 4, tzinfo=UTC)
    assert level_of(decode(key_of(coloured.encode()))) is Level.ERROR
    assert timestamp_of(coloured, now) == datetime(2026, 11, 20, 3, 0, 1, 500_000, tzinfo=UTC)
    assert service_of("\x1b[2mNov 20 03:00:01\x1b[0m host shop[17]: sold out", None, "/var/log/syslog") == "shop"


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=8).map(b"".join), max_size=6))
def test_lines_in_colours_have_the_patterns_that_each_has_by_itself(lines: list[bytes]) -> None:
    lexicon = Lexicon()
    ids = lexicon.ids_of(b"".join(line + b"\n" for line in lines)).tolist()
    assert [lexicon.patterns[number] for number in ids] == [normalise(line.decode()) for line in lines]
