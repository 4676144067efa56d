"""Places that take many values are variables; what only has a new value there is only a little new."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logwatchd.records import Level
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.local import LocalEmbedder
from logwatchd.scoring.variables import MAX_WORDS, MIN_VALUES, SHARE, fits, learn, templates_of
from tests.scoring.making import learn as learn_baseline

NAMES = ["ada", "bert", "carl", "dora", "emil", "frida", "gustav", "hanna", "ivo"]
WORDS = st.text(st.characters(categories=["Ll"]), min_size=1, max_size=6)


def templates(patterns: list[str]) -> frozenset[int]:
    return frozenset(learn(patterns).tolist())


def test_a_place_with_many_values_is_a_variable() -> None:
    learned = templates([f"INFO user {name} signed in" for name in NAMES])
    assert fits("INFO user zoe signed in", learned)
    assert not fits("INFO user zoe signed out", learned)
    assert not fits("INFO user signed in", learned)
    assert not fits("INFO user zoe anna signed in", learned)


def test_a_place_with_few_values_is_none() -> None:
    few = [f"INFO user {name} signed in" for name in NAMES[: MIN_VALUES - 1]]
    assert not fits("INFO user zoe signed in", templates(few))
    assert fits("INFO user zoe signed in", templates([*few, "INFO user max signed in"]))


def test_a_lone_word_says_nothing_about_another() -> None:
    assert not templates([f"<TIME> INFO {name}" for name in NAMES])
    assert not templates([f"<TIME> ERROR started {name}" for name in NAMES])
    assert templates([f"<TIME> ERROR unit started {name}" for name in NAMES])


@given(st.lists(WORDS, min_size=1, max_size=12), st.data())
def test_two_texts_share_a_template_when_they_differ_in_one_place(words: list[str], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(words) - 1))
    other = [*words]
    other[place] = data.draw(WORDS)
    shared = set(templates_of(" ".join(words))) & set(templates_of(" ".join(other)))
    assert templates_of(" ".join(words))[place] in shared
    assert len(shared) == (1 if other != words else len(set(templates_of(" ".join(words)))))


@given(st.text(max_size=400))
def test_any_text_has_a_bounded_number_of_templates(text: str) -> None:
    assert 1 <= len(templates_of(text)) <= MAX_WORDS
    assert all(0 <= number < 1 << 64 for number in templates_of(text))


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
