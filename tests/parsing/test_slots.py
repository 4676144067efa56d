"""Numbers that carry meaning: read backwards, the same are found as by the expressions that say what they are."""

from __future__ import annotations

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logwatchd.parsing.shapes import shapes
from logwatchd.parsing.skeletons import skeleton
from logwatchd.parsing.slots import meaningful, places
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
