"""Numbers that carry meaning: read backwards, the same are found as by the expressions that say what they are."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logwatchd.parsing.keys import key_of
from logwatchd.parsing.shapes import shapes
from logwatchd.parsing.skeletons import skeleton
from logwatchd.parsing.slots import MAX_SLOTS, meaningful, places
from tests.parsing.lines import LINES, LOG_LIKE

TAIL = r"(?![0A-Za-z_.:/-])"
EXPRESSIONS = re.compile(
    rf"""
    (?: "[ ] | \bHTTP/0(?:\.0)?["']?[ ] ) (?P<http>0+){TAIL}
  | (?: \b[Ee]xit(?:ed|s)?(?:[ ]with)?[ _-]?(?:code|status|value)?["']?[=:\ ]{{1,3}}
      | \b(?:returned|rc|ret)["']?[=:\ \#\[(]{{1,3}}-? ) (?P<exit>0+){TAIL}
  | \b[Ss]tatus(?:[ _-]?[Cc]ode)?["']?[=:\ ]{{1,3}}["']? (?P<status>0+){TAIL}
  | \b(?:[Ss]ignal|SIG)["']?[=:\ \#\[(]{{1,3}} (?P<signal>0+){TAIL}
  | \b(?:errno|level|severity|[Cc]ode|[Ee]rror)["']?[=:\ \#\[(]{{1,3}}-? (?P<code>0+){TAIL}
    """.encode(),
    re.VERBOSE,
)
NUMBERED = st.from_regex(EXPRESSIONS) | st.lists(
    st.sampled_from(
        [
            "exit",
            "ed",
            " ",
            "_",
            "-",
            "code",
            "status",
            "Status",
            "Code",
            ":",
            "=",
            '"',
            "0",
            "HTTP/0",
            "HTTP/0.0",
            "'",
            ".0",
            "with",
            "severity[",
            "rc",
            "error",
            "x",
        ]
    ),
    max_size=12,
).map(lambda pieces: "".join(pieces).encode())


@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(NUMBERED)
def test_no_number_that_carries_meaning_is_passed_over(text: bytes) -> None:
    text = text.replace(b"\n", b"")
    found = [(*match.span(match.lastgroup or ""), match.lastgroup) for match in EXPRESSIONS.finditer(text)]
    assert list(meaningful(text)) == found


@settings(max_examples=300)
@given(LINES | LOG_LIKE)
def test_where_meaning_stands_depends_on_the_shape_alone(raw: bytes) -> None:
    shape = shapes(raw)
    assert len(shape) == len(raw)
    bare = skeleton(shape)
    there = places(shape, bare, meaningful(bare))
    assert all(set(shape[start:end]) == {ord("0")} for start, end, _ in there)
    assert shapes(raw.translate(bytes.maketrans(b"123456789", b"987654321"))) == shape


def test_of_a_table_of_codes_the_first_ones_count() -> None:
    shape = shapes(b"rc=1 " * 3000)
    found = meaningful(shape)
    assert [start for start, _, _ in found] == [3 + 5 * number for number in range(MAX_SLOTS)]
    bare = skeleton(shape)
    assert places(shape, bare, meaningful(bare)) == found


def test_places_are_found_though_bytes_that_are_no_text_are_left_out() -> None:
    raw = b'\xffexit 5" 1code \x01codeexit 5xHTTP/1.1" 22'
    shape = shapes(raw)
    bare = skeleton(shape)
    assert bare.startswith(b"<BINARY>")
    assert [raw[start:end] for start, end, _ in places(shape, bare, meaningful(bare))] == [b"5", b"22"]


@pytest.mark.parametrize("piece", [b"rc=1 ", b"ret 1 ", b"code 1,", b'" 200 ', b' 0, "', b"status=200 "])
def test_time_grows_with_a_lines_length_and_not_with_its_square(piece: bytes) -> None:
    def seconds(size: int) -> float:
        raw = piece * (size // len(piece))
        began = time.process_time()
        for _ in range(3):
            key_of(raw)
        return time.process_time() - began

    assert seconds(16_000) < 60 * max(seconds(1000), 0.0005)
