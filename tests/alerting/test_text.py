from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.alerting.text import clip, excerpt, gist, visible

ANY = st.text(st.characters(exclude_categories=()))


@given(ANY)
def test_nothing_hidden_is_left(text: str) -> None:
    assert not {unicodedata.category(char) for char in visible(text)} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@given(ANY)
def test_what_shows_stays_as_it_is(text: str) -> None:
    if text.isprintable():
        assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("user\u202egnp.exe", r"user\u202egnp.exe"),
        ("a\u200bb", r"a\u200bb"),
        ("\U000e0041hidden", r"\U000e0041hidden"),
        ("a\tb\nc", r"a\x09b\x0ac"),
        ("caf\u00e9 \u65e5\u672c", "caf\u00e9 \u65e5\u672c"),
        ("\ud800", r"\ud800"),
    ],
)
def test_hidden_characters_are_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_some_may_be_kept() -> None:
    assert visible("a\tb\x07", keep="\t") == r"a	b\x07"


@given(ANY, st.integers(0, 60))
def test_a_clipped_text_has_room(text: str, limit: int) -> None:
    clipped = clip(text, limit)
    assert len(clipped) <= limit
    assert clipped == text or len(text) > limit


def test_a_clipped_text_says_how_much_is_missing() -> None:
    clipped = clip("x" * 1000, 100)
    kept = clipped.index("...")
    assert clipped == "x" * kept + f"... [{1000 - kept} more]"


JAVA = "ERROR order 7\njava.lang.RuntimeException: a\n" + "\tat a.B.c(B.java:1)\n" * 30
JAVA += "Caused by: java.sql.SQLException: pool is empty\n" + "\tat d.E.f(E.java:1)\n" * 5 + "\t... 42 more"
PYTHON = "ERROR job 7\nTraceback (most recent call last):\n" + '  File "a.py", line 1, in b\n    c()\n' * 30
PYTHON += "KeyError: 'sku'"


@pytest.mark.parametrize(
    ("event", "short"),
    [
        ("disk full", "disk full"),
        (JAVA, "ERROR order 7 ... Caused by: java.sql.SQLException: pool is empty"),
        (PYTHON, "ERROR job 7 ... KeyError: 'sku'"),
        ("Error: boom\n    at f (a.js:1:2)\n    at g (a.js:3:4)", "Error: boom"),
        ("ERROR request failed\n  reason: disk full", "ERROR request failed ... reason: disk full"),
        ("\n", ""),
    ],
)
def test_the_gist_of_an_event_names_its_last_exception(event: str, short: str) -> None:
    assert gist(event) == short


def test_an_excerpt_of_a_trace_keeps_the_exceptions_and_says_what_it_leaves_out() -> None:
    assert excerpt(JAVA, 8) == [
        "ERROR order 7",
        "java.lang.RuntimeException: a",
        "... 30 lines ...",
        "Caused by: java.sql.SQLException: pool is empty",
        "... 3 lines ...",
        "\tat d.E.f(E.java:1)",
        "\tat d.E.f(E.java:1)",
        "\t... 42 more",
    ]
    assert excerpt(PYTHON, 8)[-1] == "KeyError: 'sku'"


@given(st.lists(st.sampled_from(["frame", "  frame", ""]), max_size=40), st.integers(6, 12))
def test_an_excerpt_is_the_lines_in_their_order_with_marks_for_all_others(lines: list[str], most: int) -> None:
    text = "\n".join(f"{line}{index}" for index, line in enumerate(lines))
    rows, left = excerpt(text, most), iter(text.splitlines() or [""])
    assert len(rows) <= most
    for row in rows:
        if row.startswith("... "):
            assert [next(left) for _ in range(int(row.split()[1]))]
        else:
            assert next(left) == row
    assert next(left, None) is None
