from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.alerting.text import clip, visible

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
