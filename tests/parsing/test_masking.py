"""Rules asked word by word and behind cheap questions: the same answers as those of the rules in turn."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logwatchd.parsing import masking
from logwatchd.parsing.fold import key_of
from logwatchd.parsing.masking import compiled, spans_words
from logwatchd.parsing.rules import RULES, Rule

WORDS = st.one_of(
    st.sampled_from([word for rule in RULES for word in rule.example[0].split(" ")]),
    st.sampled_from(
        ["", "=", '"', "'", "(", ")", "[", "]", "/", "-", ":", ".", "0", "00:00", "a0", "x", "_", "<N>", "%"]
    ),
    st.text(max_size=6),
)
TEXTS = st.lists(st.lists(WORDS, max_size=3).map("".join), max_size=8).map(" ".join)


def in_turn(text: str) -> str:
    for rule in RULES:
        text = rule.pattern.sub(rule.token, text)
    return text


def quickly(text: str) -> str:
    for mask in compiled(RULES):
        text = mask(text)
    return text


@settings(max_examples=500)
@given(TEXTS)
def test_words_and_lines_give_the_same_pattern(text: str) -> None:
    for line in (text, key_of(text.replace("\n", " ").encode(errors="replace")).decode(errors="replace")):
        assert quickly(line) == in_turn(line)


@pytest.mark.parametrize("rule", [rule for rule in RULES if not spans_words(rule)], ids=lambda rule: rule.name)
@settings(max_examples=100)
@given(TEXTS)
def test_a_rule_that_sees_no_blank_sees_words(rule: Rule, text: str) -> None:
    by_word = " ".join(rule.pattern.sub(rule.token, word) for word in text.split(" "))
    assert by_word == rule.pattern.sub(rule.token, text)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.needs], ids=lambda rule: rule.name)
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)
@given(st.data())
def test_what_a_rule_needs_stands_in_all_that_it_matches(rule: Rule, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(rule.pattern))
    assert any(need in text for need in rule.needs)


@pytest.mark.parametrize(
    ("pattern", "spans"),
    [
        (r"\bfoo\d+\b", False),
        (r"a\.b", False),
        (r"[.]0(?=[\s,]|$)", False),
        (r"a b", True),
        (r"a\s", True),
        (r"[^x]", True),
        (r"a.b", True),
        (r"x(?=[\s,])", True),
    ],
)
def test_which_rules_may_see_a_blank(pattern: str, spans: bool) -> None:
    assert spans_words(Rule("x", re.compile(pattern), "", "", ("", ""))) == spans


def test_words_are_forgotten_before_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "MAX_WORDS", 10)
    words = masking._Words(RULES)
    for number in range(100):
        assert words["w" * (number % 20) + "0"] == in_turn("w" * (number % 20) + "0")
    assert len(words) <= 10
