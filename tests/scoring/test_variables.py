"""Places that take many values are variables; what only has a new value there is only a little new."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence, Set

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.records import Level
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.local import LocalEmbedder
from logwatchd.scoring.variables import (
    MAX_WORDS,
    MIN_VALUES,
    SHARE,
    SHARE_OF_MANY,
    Templates,
    learn,
    shares,
    templates_of,
)
from tests.scoring.making import learn as learn_baseline

NAMES = ["ada", "bert", "carl", "dora", "emil", "frida", "gustav", "hanna", "ivo"]
WORDS = st.text(st.characters(categories=["Ll"]), min_size=1, max_size=6)


def fit(text: str, templates: Templates) -> bool:
    return bool(shares([text], templates)[0] < 1)


def numbers_of(*words: str) -> list[int]:
    found: list[int] = templates_of([" ".join(words)])[0].tolist()
    return found


def test_a_place_with_many_values_is_a_variable() -> None:
    learned = learn([f"INFO user {name} signed in" for name in NAMES])
    assert fit("INFO user zoe signed in", learned)
    assert not fit("INFO user zoe signed out", learned)
    assert not fit("INFO user signed in", learned)
    assert not fit("INFO user zoe anna signed in", learned)


def test_a_place_with_few_values_is_none() -> None:
    few = [f"INFO user {name} signed in" for name in NAMES[: MIN_VALUES - 1]]
    assert not fit("INFO user zoe signed in", learn(few))
    assert fit("INFO user zoe signed in", learn([*few, "INFO user max signed in"]))


@pytest.mark.parametrize(("values", "share"), [(8, SHARE), (31, SHARE), (32, SHARE_OF_MANY), (64, SHARE_OF_MANY)])
def test_where_there_are_many_values_one_more_is_less_news(values: int, share: float) -> None:
    learned = learn([f"INFO user {'ab' * number} signed in" for number in range(1, values + 1)])
    assert shares(["INFO user zoe signed in", "INFO user zoe signed out"], learned).tolist() == [share, 1.0]


AGENTS = [
    "curl/<N>",
    "Wget/<N> (linux-gnu)",
    "Feed Fetcher",
    "-",
    "Mozilla/<N> (X<N>; rv:<N>) Gecko/<N>",
    "a b c d",
    "e",
]


def test_a_quoted_value_is_one_place_however_many_words_it_has() -> None:
    line = '<IP> - - [<TIME>] "{} <PATH>" {} <N> "-" "{}"'
    few = [line.format("GET", 200, agent) for agent in AGENTS]
    learned = learn([*few, line.format("GET", 200, "Some Bot/<N>")])
    for new in ("Go-http-client/<N>", "Mozilla/<N> (compatible; SomeOther/<N>; of one more)"):
        assert fit(line.format("GET", 200, new), learned)
        assert not fit(line.format("GET", 404, new), learned)
        assert not fit(line.format("PUT", 200, new), learned)
        assert not fit(line.format("GET", 200, new), learn(few))
    slow = learn([f"slow search for '{name} {name}': <DURATION>" for name in NAMES])
    assert fit("slow search for 'a map of lisbon': <DURATION>", slow)
    assert not fit("slow search for a map of lisbon: <DURATION>", slow)


def test_a_fields_value_is_a_sentence_whose_words_are_places() -> None:
    line = '{"level": "info", "of": "shop orders", "msg": "%s"}'
    names = learn([line % f"user {name} signed in" for name in NAMES])
    assert fit(line % "user zoe signed in", names)
    sentences = learn([line % " ".join([f"{name} came"] * number) for number, name in enumerate(NAMES, 1)])
    assert not fit(line % "nobody knows", sentences)
    assert not fit(line % "user zoe signed out", names)


def test_a_lone_word_says_nothing_about_another() -> None:
    assert not len(learn([f"<TIME> INFO {name}" for name in NAMES]))
    assert not len(learn([f"<TIME> ERROR started {name}" for name in NAMES]))
    assert len(learn([f"<TIME> ERROR unit started {name}" for name in NAMES]))


@given(st.lists(WORDS, min_size=1, max_size=12), st.data())
def test_two_texts_share_a_template_when_they_differ_in_one_place(words: list[str], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(words) - 1))
    other = [*words]
    other[place] = data.draw(WORDS)
    shared = set(numbers_of(*words)) & set(numbers_of(*other))
    assert numbers_of(*words)[place] in shared
    assert len(shared) == (1 if other != words else len(set(numbers_of(*words))))


@given(st.lists(st.text(max_size=400), max_size=4))
def test_a_template_has_the_number_that_baselines_hold(texts: list[str]) -> None:
    numbers, counts = templates_of(texts)
    expected = [by_definition(text) for text in texts]
    assert counts.tolist() == [len(found) for found in expected]
    assert numbers.tolist() == [number for found in expected for number in found]


def by_definition(text: str) -> list[int]:
    """The sum over the words of 1 and, times a factor by the place, of the hash of the word, or of none at the gap."""
    text = re.sub(r"""(?<=[^:=, ] )("[^"]*"|'[^' ][^']*')(?=[ ,.;:)\]]|$)""", lambda m: m[0].replace(" ", "\0"), text)
    words = text.split(" ")[:MAX_WORDS]
    return [by_number(words, {gap}) for gap in range(len(words))]


def by_number(words: Sequence[str], gaps: Set[int]) -> int:
    """The number of words of which those at the gaps are left out."""
    hashes = [hashed("" if place in gaps else word) for place, word in enumerate(words)]
    return (sum(h * (2 * i + 1) for i, h in enumerate(hashes)) + len(hashes)) % 2**64


def hashed(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "little")


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=4).map(" ".join), max_size=40), st.data())
def test_a_text_fits_that_has_one_of_the_templates(texts: list[str], data: st.DataObject) -> None:
    some = sorted(data.draw(st.sets(st.sampled_from(sorted({*numbers_of("d"), *templates_of(texts)[0].tolist()})))))
    expected = [not set(some).isdisjoint(numbers_of(text)) for text in texts]
    assert (shares(texts, np.array(some, dtype=np.uint64)) < 1).tolist() == expected


def test_a_new_value_of_a_variable_is_a_little_new_unless_it_sounds_the_alarm() -> None:
    lines = [f"INFO user {name} signed in from the web" for name in NAMES] * 20
    embedder, text, worse = (
        LocalEmbedder(),
        "INFO user zoe signed in from the web",
        "INFO user Error: signed in from the web",
    )
    learned = Detector(learn_baseline(lines))
    few = Detector(learn_baseline([line for line in lines if "ivo" not in line and "hanna" not in line]))

    def novelty(detector: Detector, line: str) -> float:
        return detector.judge([line], [Level.INFO], embedder.embed([line]))[0].novelty

    assert 0 < novelty(learned, text) <= SHARE * novelty(few, text) + 1e-6
    assert novelty(learned, worse) > 2 * novelty(learned, text)
