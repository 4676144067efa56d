"""Learned variables: places in a text where the baseline has many different words.

Names of users, hosts, packages and files have no digits by which a mask could know them. Where one place of an
otherwise equal text takes many values, the place is a variable, as in the template miners (SLCT: R. Vaarandi, A Data
Clustering Algorithm for Mining Patterns from Event Logs, 2003; Drain: P. He and others, 2017), but softly: a new value
there is a little new, not nothing.

A template, a text with one word left out, is known by a number of 64 bits, so that finding a text's templates costs
time in proportion to its words.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from operator import mul

import numpy as np
from numpy.typing import NDArray

from logwatchd.parsing.level import level_of
from logwatchd.records import Level

MIN_VALUES = 8
MIN_WORDS = 2  # that a template has left, beside levels and placeholders: a lone word says nothing about another
MAX_WORDS = 64  # of a text that are looked at
SHARE = 0.25  # of its novelty that a text keeps when it only has a new value of a variable
_MASK = (1 << 64) - 1
_FACTORS = range(1, 2 * MAX_WORDS, 2)  # odd, one for each place
_PLACEHOLDER = re.compile(r"<[A-Z]+>")
_LETTERS = re.compile(r"[^\W\d_]{2}")

Templates = NDArray[np.uint64]


def learn(patterns: Sequence[str]) -> Templates:
    """The templates that these distinct texts fill with MIN_VALUES values or more: uint64 (T,), sorted."""
    numbers: list[int] = []
    for pattern in patterns:
        words = _words(pattern)
        telling = [_tells(word) for word in words]
        left = sum(telling)
        numbers += [
            number for number, tells in zip(templates_of(pattern), telling, strict=True) if left - tells >= MIN_WORDS
        ]
    found, counts = np.unique(np.array(numbers, dtype=np.uint64), return_counts=True)
    return found[counts >= MIN_VALUES]


def fits(pattern: str, templates: frozenset[int]) -> bool:
    """Whether a text fills one of these templates, in time proportional to its words."""
    return bool(templates) and not templates.isdisjoint(templates_of(pattern))


def templates_of(pattern: str) -> list[int]:
    """The number of each template of a text, in the order of the word that is left out."""
    words = list(map(mul, map(_number, _words(pattern)), _FACTORS))
    whole = sum(words) + len(words)
    # The place that is left out counts with its factor as well: the same words around another gap are another text.
    return [(whole - word + gap) & _MASK for word, gap in zip(words, _GAPS, strict=False)]


def _words(pattern: str) -> list[str]:
    return pattern.split(" ")[:MAX_WORDS]


def _tells(word: str) -> bool:
    return bool(_LETTERS.search(_PLACEHOLDER.sub("", word))) and level_of(word) is Level.UNKNOWN


@lru_cache(maxsize=1 << 14)
def _number(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "little")


_GAPS = tuple(_number("") * factor for factor in _FACTORS)
