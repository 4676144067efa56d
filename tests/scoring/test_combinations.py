"""Places that vary together, each for itself: what has new values at all of them is only a little new."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.records import Level
from logwatchd.scoring.combinations import MAX_SETS, Combinations, learn, shares_of
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.local import LocalEmbedder
from logwatchd.scoring.variables import MAX_WORDS, MIN_VALUES, SHARE, SHARE_OF_MANY, Templates
from logwatchd.scoring.variables import learn as learn_variables
from tests.scoring.making import learn as learn_baseline
from tests.scoring.test_variables import by_number

USERS = ["ada", "bert", "carl", "dora", "emil", "frida", "gustav", "hanna", "ivo"]
FOLDERS = ["/etc", "/srv", "/root", "/home", "/opt", "/usr", "/var", "/tmp", "/mnt"]
COMMANDS = ["ls", "vi", "cat", "cp", "rm", "mv", "id", "df", "du"]
SUDO = "sudo: {} : TTY=pts ; PWD={} ; USER=root ; COMMAND={}"
NONE: Templates = np.zeros(0, dtype=np.uint64)


def some_of(template: str, *values: Sequence[str], texts: int = 60) -> list[str]:
    """Fewer texts than have each place take many values between words that stay."""
    rng = Random(1)
    return sorted({template.format(*map(rng.choice, values)) for _ in range(texts)})


def share(text: str, learned: Combinations) -> float:
    return float(shares_of([text], NONE, learned)[0])


def test_places_that_vary_each_for_itself_are_known_though_none_of_them_is_a_variable_by_itself() -> None:
    texts = some_of(SUDO, USERS, FOLDERS, COMMANDS)
    assert not len(learn_variables(texts))
    learned = learn(texts)
    assert share(SUDO.format("zoe", "/new", "top"), learned) == SHARE
    assert share(SUDO.format("zoe", "/etc", "ls"), learned) == SHARE
    assert share(SUDO.format("zoe", "/new", "top").replace("USER=root", "USER=admin"), learned) == 1
    assert share(f"{SUDO.format('zoe', '/new', 'top')} now", learned) == 1
    assert share("sudo: zoe : command not allowed ; PWD=/new ;", learned) == 1


@pytest.mark.parametrize("few", range(3))
def test_each_of_the_places_has_many_values(few: int) -> None:
    values = [USERS, FOLDERS, COMMANDS]
    values[few] = values[few][: MIN_VALUES - 1]
    assert share(SUDO.format("zoe", "/new", "top"), learn(some_of(SUDO, *values, texts=400))) == 1


def test_different_messages_of_one_program_are_no_combinations() -> None:
    """Their words are many at each place as well, but no value comes again with others."""
    rng = Random(1)
    texts = ["host kernel: " + " ".join(f"w{rng.randrange(10_000)}" for _ in range(5)) for _ in range(300)]
    assert not len(learn(texts))


def test_words_that_say_something_have_to_be_left() -> None:
    assert not len(learn(some_of("<TIME> INFO {} {} done", USERS, FOLDERS)))
    assert len(learn(some_of("<TIME> INFO {} {} was done", USERS, FOLDERS)))


def test_a_variable_of_many_values_keeps_its_lesser_share() -> None:
    names = ["ab" * number for number in range(1, 41)]
    texts = [f"user {name} signed in from {folder} again" for name in names for folder in FOLDERS]
    variables, combinations = learn_variables(texts), learn(texts)
    asked = ["user zoe signed in from /etc again", "user zoe signed in from /new again"]
    assert shares_of(asked, variables, combinations).tolist() == [SHARE_OF_MANY, SHARE]


def test_no_new_text_is_tried_by_more_than_some_sets_of_places() -> None:
    letters, words = "abcdefgh", 12
    texts = []
    for first in range(words):
        for second in range(first):
            stay = [f"word{first}of{second}at{place}" for place in range(words)]
            for letter in letters:
                for other in letters:
                    stay[first], stay[second] = f"{first}{second}{letter}", f"{first}{second}{other}"
                    texts.append(" ".join(stay))
    assert len(np.unique(learn(texts)[:, 1])) == MAX_SETS < words * (words - 1) // 2


TEXTS = st.lists(
    st.lists(st.sampled_from(["a", "b", "cc", "dd", ""]), min_size=1, max_size=5).map(" ".join), max_size=8
)


@given(TEXTS, st.data())
def test_a_text_fits_whose_number_is_there_for_its_length_and_these_places(
    texts: list[str], data: st.DataObject
) -> None:
    texts += [" ".join(["w"] * (MAX_WORDS + 1))]
    rows = []
    for text in texts:
        words = text.split(" ")[:MAX_WORDS]
        places = data.draw(st.sets(st.integers(0, len(words) - 1), max_size=3))
        rows.append((len(words), sum(1 << place for place in places), by_number(words, places)))
    some = sorted(data.draw(st.sets(st.sampled_from(rows), max_size=4)))

    def fits(text: str) -> bool:
        words = text.split(" ")[:MAX_WORDS]
        gaps = [({place for place in range(MAX_WORDS) if mask >> place & 1}, n, number) for n, mask, number in some]
        return any(len(words) == n and by_number(words, places) == number for places, n, number in gaps)

    learned = np.array(some, dtype=np.uint64).reshape(-1, 3)
    assert (shares_of(texts, NONE, learned) < 1).tolist() == [*map(fits, texts)]


def test_new_values_are_a_little_new_unless_they_sound_the_alarm() -> None:
    lines = [f"INFO {text}" for text in some_of(SUDO, USERS, FOLDERS, COMMANDS)] * 3
    embedder, learned = LocalEmbedder(), Detector(learn_baseline(lines))

    def novelty(user: str) -> float:
        text = "INFO " + SUDO.format(user, "/new", "top")
        return learned.judge([text], [Level.INFO], embedder.embed([text]))[0].novelty

    assert 0 < novelty("zoe") * 2 < novelty("failed")
