"""Learned variables: places in a text where the baseline has many different words.

Names of users, hosts, packages and files have no digits by which a mask could know them. Where one place of an
otherwise equal text takes many values, the place is a variable, as in the template miners (SLCT: R. Vaarandi, A Data
Clustering Algorithm for Mining Patterns from Event Logs, 2003; Drain: P. He and others, 2017), but softly: a new value
there is a little new, not nothing. What is quoted in a sentence or in an access log is one value, however many words it
has: an agent, a title, a person's name.

A template, a text with one word left out, is known by a number of 64 bits, so that finding a text's templates costs
time in proportion to its words.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logwatchd.parsing.level import level_of
from logwatchd.records import Level

MIN_VALUES = 8
MIN_WORDS = 2  # that a template has left, beside levels and placeholders: a lone word says nothing about another
MAX_WORDS = 64  # of a text that are looked at
MANY_VALUES = 32
# Of its novelty that a text keeps when it only has a new value of a variable: where there are many, one more is hardly
# news.
SHARE, SHARE_OF_MANY = 0.25, 0.1
FACTORS = np.arange(1, 2 * MAX_WORDS, 2, dtype=np.uint64)  # odd, one for each place of a word
_PLACEHOLDER = re.compile(r"<[A-Z]+>")
_LETTERS = re.compile(r"[^\W\d_]{2}")
# Not a field's value, as in '"msg": "..."', nor one of a list: a sentence may stand there, and its words are places.
_QUOTED = re.compile(r"""(?<=[^:=,\ ]\ )(?:"[^"]*"|'[^'\ ][^']*')(?=[\ ,.;:)\]]|$)""", re.VERBOSE)
_INNER_BLANK = "\0"  # of what is quoted; it is in no pattern

Templates = NDArray[np.uint64]


def learn(patterns: Sequence[str]) -> Templates:
    """The templates that these distinct texts fill with MIN_VALUES values or more: uint64 (T,), sorted.

    One with MANY_VALUES stands there twice.
    """
    patterns = [*map(with_values_whole, patterns)]
    numbers, counts = _templates_of(patterns)
    says = telling(patterns)
    left = np.repeat(_sums(says, counts), counts) - says
    found, values = np.unique(numbers[left >= MIN_WORDS], return_counts=True)
    return np.repeat(found, (values >= MIN_VALUES).astype(np.intp) + (values >= MANY_VALUES))


def shares(patterns: Sequence[str], templates: Templates) -> NDArray[np.float64]:
    """How much of its novelty each of these texts keeps, (N,), in time proportional to their words.

    1 where it fills none of these templates.

    Args:
        templates: sorted, as `learn` gives them.
    """
    if not patterns or not len(templates):
        return np.ones(len(patterns))
    numbers, counts = templates_of(patterns)
    first = np.searchsorted(templates, numbers)
    filled = templates.take(first, mode="clip") == numbers
    many = filled & (templates.take(first + 1, mode="clip") == numbers) & (first + 1 < len(templates))
    kept = np.where(many, SHARE_OF_MANY, np.where(filled, SHARE, 1.0))
    least: NDArray[np.float64] = np.minimum.reduceat(kept, np.cumsum(counts) - counts)
    return least


def templates_of(patterns: Sequence[str]) -> tuple[Templates, NDArray[np.intp]]:
    """The numbers of the templates of texts, uint64 (T,), text by text in the order of the word that is left out.

    Returns:
        Also how many each text has, (N,): one for each of its words, and of its quoted values.
    """
    return _templates_of([*map(with_values_whole, patterns)])


def _templates_of(patterns: Sequence[str]) -> tuple[Templates, NDArray[np.intp]]:
    """The same of texts whose values are whole."""
    counts, words = lengths(patterns), hashes(patterns)
    places = np.arange(len(words)) - np.repeat(np.cumsum(counts) - counts, counts)
    words *= FACTORS[places]
    whole = _sums(words, counts) + counts.astype(np.uint64)
    # The place that is left out counts with its factor as well: the same words around another gap are another text.
    return np.repeat(whole, counts) - words + GAPS[places], counts


def lengths(patterns: Sequence[str]) -> NDArray[np.intp]:
    """How many words of texts whose values are whole are looked at, (N,)."""
    spaces = np.fromiter((pattern.count(" ") for pattern in patterns), dtype=np.intp, count=len(patterns))
    return np.minimum(spaces + 1, MAX_WORDS)


def hashes(patterns: Sequence[str]) -> NDArray[np.uint64]:
    """The numbers of these words, (W,), text by text."""
    return np.fromiter(map(_number, _words(patterns)), dtype=np.uint64)


def telling(patterns: Sequence[str]) -> NDArray[np.intp]:
    """How many words each of these is that say something, (W,)."""
    return np.fromiter(map(_telling, _words(patterns)), dtype=np.intp)


def _sums(values: NDArray[np.generic], counts: NDArray[np.intp]) -> NDArray[Any]:
    """The sum of the first counts[0] values, of the next counts[1], and so on; wherever a count is above 0."""
    return np.add.reduceat(values, np.cumsum(counts) - counts)


def with_values_whole(pattern: str) -> str:
    """The pattern with no blank in what is quoted, each of which is one word then."""
    if ' "' in pattern or " '" in pattern:
        return _QUOTED.sub(_whole, pattern)
    return pattern


def _whole(match: re.Match[str]) -> str:
    return match[0].replace(" ", _INNER_BLANK)


def _words(patterns: Sequence[str]) -> Iterator[str]:
    return chain.from_iterable(pattern.split(" ", MAX_WORDS)[:MAX_WORDS] for pattern in patterns)


def _telling(word: str) -> int:
    """How many words it is that say something: a level and a placeholder do not, a request in quotes is two."""
    if not _LETTERS.search(_PLACEHOLDER.sub("", word)):
        return 0
    words = word.count(_INNER_BLANK) + 1
    return words if words > 1 or level_of(word) is Level.UNKNOWN else 0


@lru_cache(maxsize=1 << 14)
def _number(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "little")


GAPS = np.uint64(_number("")) * FACTORS  # what stands in place of a word that is left out
