"""Codes of lines whose own digits decide; what they come to is in test_lexicon.py and test_exactness.py."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from logwatchd.parsing.keys import key
from logwatchd.parsing.slots import meaningful
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


def test_digits_in_several_places_are_kept_in_a_bounded_memory_and_looked_up() -> None:
    seen: list[bytes] = []

    def ids_of(keys: Sequence[bytes]) -> list[int]:
        seen.extend(keys)
        return [len(seen) - len(keys) + place for place in range(len(keys))]

    digits, bare = Digits(ids_of, max_bytes=10_000), b"exit 0 code 0"
    slots = meaningful(bare)
    number = digits.learn(bare, slots)
    lines = [b"exit %d code %d\n" % (code % 10, code) for code in range(1000, 1200)]
    codes = np.full(1, digits.code(number, meaningful(b"exit 0 code 0000")))
    for _ in range(2):
        for line in lines:
            found = int(digits.ids(line, np.zeros(1, dtype=np.int64), codes)[0])
            assert seen[found] == key(bare, slots, b"%b,%b" % (line[5:6], line[12:16]))
            assert len(digits._known_several) < 100
    assert len(seen) == len(lines)
    long = np.full(1, digits.code(number, meaningful(b"exit 0 code 0000000")))
    found = int(digits.ids(b"exit 3 code 1234567\n", np.zeros(1, dtype=np.int64), long)[0])
    assert seen[found] == key(bare, slots, b"3,1234567")
