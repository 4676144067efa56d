"""Skeletons of many shapes at once: those that each shape has by itself."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from logwatchd.parsing import skeletons
from logwatchd.parsing.fold import meaningful, meaningful_in, shapes, skeleton
from logwatchd.parsing.skeletons import Skeletons

WORDS = st.one_of(
    st.sampled_from(
        ["", "", "12", "(7)", "2024", "20240102", "a1,b22,c", '{"a":17,"b":[1,22]}', "0x1f", "node17", "7:00"]
    ),
    st.sampled_from(['"x":', "12:30:44", "10.0.0.1:80", "x_17", "é1", "日志", "-5", "1" * 300, "y" * 300 + "1", ","]),
    st.sampled_from(["7:00", "exit", "code", "status=404", "code:", "200", '"GET /a HTTP/1.1"', "signal[9]", "level"]),
    st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=6),
)
LINES = st.lists(WORDS, max_size=8).map(lambda words: " ".join(words).encode()) | st.binary(max_size=40)
SHAPES = st.lists(LINES.map(lambda raw: shapes(raw.replace(b"\n", b" "))), max_size=20)


@settings(max_examples=500)
@given(SHAPES, SHAPES)
def test_many_at_once_have_the_skeletons_that_each_has(some: list[bytes], others: list[bytes]) -> None:
    for known in (Skeletons(1 << 20), Skeletons(300)):  # the second forgets all the time
        for shapes_of in (some, others, some, some + others):
            assert known.of(shapes_of) == [skeleton(shape) for shape in shapes_of]


@settings(max_examples=500)
@given(SHAPES)
def test_many_at_once_have_the_slots_that_each_has(some: list[bytes]) -> None:
    expected = {number: meaningful(shape) for number, shape in enumerate(some)}
    assert dict(meaningful_in(some)) == {number: slots for number, slots in expected.items() if slots}


def test_words_take_no_more_than_they_may() -> None:
    known = Skeletons(10_000)
    for number in range(500):
        known.of([b"x%s y%s" % (b"0" * (number % 97 + 1), b"z0" * (number % 101 + 1)), b"a0" * (100 + number)])
        assert sum(map(len, known._words)) <= 10_000
        assert max(map(len, known._words), default=0) <= skeletons._LONG
