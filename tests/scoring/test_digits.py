"""Codes of lines whose own digits decide; what they come to is in test_lexicon.py and test_exactness.py."""

from __future__ import annotations

from logwatchd.scoring.digits import Digits


def test_codes_with_digits_in_several_places_take_a_bounded_memory() -> None:
    digits = Digits(lambda keys: [*range(len(keys))], max_bytes=10_000)
    number = digits.learn(b"status=0 exit=0", ())
    given: set[int] = set()
    while not digits.full():
        start = len(given)
        given.add(digits.code(number, ((start, start + 3, "http"), (start + 10, start + 13, "exit"))))
        assert len(given) < 100
    assert len(given) > 10
    digits.forget_codes()
    assert not digits.full()
