"""Places that vary together: of a known text two words or more may be others at once.

Where a name stands beside others, as a user beside a folder and a command, each combination is a text of its own, and a
log shows a few of very many. No place then has many values between words that stay, as `variables` asks for. So the
words of a text are ordered by how many texts of its length have them there, and the rarest are left out together: two
of them, three, and so on. Where texts are the same otherwise, each of these places has many values, and these come
again in other texts, the places vary, each for itself. Where values do not come again, the texts are no more alike than
different messages of one program are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from logwatchd.scoring.variables import (
    FACTORS,
    GAPS,
    MIN_VALUES,
    MIN_WORDS,
    SHARE,
    hashes,
    lengths,
    shares,
    telling,
    with_values_whole,
)

MAX_PLACES = 8  # that vary together
MAX_SETS = 32  # of places, among texts of one length: each new text is tried by each
MAX_TEXTS = 20_000  # of one length that are learned from
_COMES_AGAIN = 2  # texts a value, at least

# A row a template: how many words its texts have, which of their places are left out, one bit each, and its number: as
# in `variables`, with several words left out. uint64 (C, 3), sorted.
Combinations = NDArray[np.uint64]
_Words = NDArray[np.uint64]  # (N, words)
_Gaps = NDArray[np.bool_]  # (N, words) or (words,)


def learn(patterns: Sequence[str]) -> Combinations:
    """The templates that these distinct texts fill with MIN_VALUES values or more at each of two places or more."""
    found = [np.zeros((0, 3), dtype=np.uint64)]
    for words, _, texts in _by_length(patterns):
        if len(texts) >= MIN_VALUES * _COMES_AGAIN:
            found.append(_of_length(words, texts[:MAX_TEXTS]))
    return np.concatenate(found)


def shares_of(
    patterns: Sequence[str], variables: NDArray[np.uint64], combinations: Combinations
) -> NDArray[np.float64]:
    """What `variables.shares` says, and SHARE at most of a text that fills one of these templates as well."""
    kept = shares(patterns, variables)
    if not len(combinations):
        return kept
    known = frozenset(combinations[:, 0].tolist())
    for words, indices, texts in _by_length(patterns):
        if words in known:
            rows = combinations[combinations[:, 0] == words]
            hashed = hashes(texts).reshape(-1, words)
            for places in np.unique(rows[:, 1]):
                numbers = _numbers(hashed, _gaps(int(places), words))
                filled = np.isin(numbers, rows[rows[:, 1] == places, 2])
                kept[indices[filled]] = np.minimum(kept[indices[filled]], SHARE)
    return kept


def _by_length(patterns: Sequence[str]) -> Iterator[tuple[int, NDArray[np.intp], list[str]]]:
    """How many words, which texts have as many, and these with their values whole."""
    whole = [*map(with_values_whole, patterns)]
    counts = lengths(whole)
    for words in np.unique(counts).tolist():
        indices = np.flatnonzero(counts == words)
        yield words, indices, [whole[index] for index in indices.tolist()]


def _of_length(words: int, texts: Sequence[str]) -> Combinations:
    """The templates of texts of so many words."""
    hashed, says = hashes(texts).reshape(-1, words), telling(texts).reshape(-1, words)
    values, texts_with = np.empty(hashed.shape, dtype=np.int64), np.empty(hashed.shape, dtype=np.int64)
    for place in range(words):
        _, values[:, place], counts = np.unique(hashed[:, place], return_inverse=True, return_counts=True)
        texts_with[:, place] = counts[values[:, place]]
    rarest_last = np.argsort(-texts_with, axis=1, kind="stable")
    gaps = np.zeros(hashed.shape, dtype=np.bool_)
    found: dict[int, set[int]] = {}  # numbers, by places
    for gone in range(1, min(MAX_PLACES, words - MIN_WORDS) + 1):
        np.put_along_axis(gaps, rarest_last[:, words - gone, None], True, axis=1)
        left = np.where(gaps, 0, says).sum(axis=1)
        some = np.flatnonzero(left >= MIN_WORDS) if gone > 1 else np.arange(0)
        numbers = _numbers(hashed[some], gaps[some])
        good = _vary(numbers, gaps[some], values[some])
        masks = gaps[some][good] @ (np.uint64(1) << np.arange(words, dtype=np.uint64))
        for places, number in zip(masks.tolist(), numbers[good].tolist(), strict=True):
            found.setdefault(places, set()).add(number)
    most = sorted(found, key=lambda places: (-len(found[places]), places))[:MAX_SETS]
    rows = [(words, places, number) for places in sorted(most) for number in sorted(found[places])]
    return np.array(rows, dtype=np.uint64).reshape(-1, 3)


def _vary(numbers: NDArray[np.uint64], gaps: _Gaps, values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which texts, (N,), have a template whose places vary, each for itself."""
    _, group, sizes = np.unique(numbers, return_inverse=True, return_counts=True)
    good = sizes >= MIN_VALUES * _COMES_AGAIN
    most = values.max(initial=0) + 1
    for place in range(gaps.shape[1]) if good.any() else ():
        there = gaps[:, place] & good[group]
        pairs = np.unique(group[there] * most + values[there, place])
        different = np.bincount(pairs // most, minlength=len(sizes))
        few = (different < MIN_VALUES) | (different * _COMES_AGAIN > sizes)
        good[group[there & few[group]]] = False
    return good[group]


def _numbers(hashed: _Words, gaps: _Gaps) -> NDArray[np.uint64]:
    words = hashed.shape[1]
    kept = np.where(gaps, GAPS[:words], hashed * FACTORS[:words])
    numbers: NDArray[np.uint64] = kept.sum(axis=1, dtype=np.uint64) + np.uint64(words)
    return numbers


def _gaps(places: int, words: int) -> _Gaps:
    return np.array([places >> place & 1 for place in range(words)], dtype=np.bool_)
