"""Which words made a text far from all that is known, the most telling first.

A word's share is measured by leaving it out. How far the text then moves says how much of it the word is; of that
counts what does not point to the nearest centroid, for a word may be new and yet resemble a known one. Whether the
text comes nearer without the word says less: far from everything, that is left to chance resemblances.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from logwatchd.records import Verdict
from logwatchd.scoring.baseline import Baseline
from logwatchd.scoring.embedder import unit_rows
from logwatchd.scoring.local import LocalEmbedder
from logwatchd.vectors import Embed, Vectors

MAX_WORDS = 8
MAX_WORD_CHARS = 60
MAX_TRIED = 64
MAX_TRIED_CHARS = 1 << 16  # of all texts that are embedded for one difference: some milliseconds
_TELLING = 0.1  # of the most telling word's share; what lies below it keeps the others company
_TINY = 1e-9

_PLACEHOLDER = r"<[A-Z_]+>"
_WORD = re.compile(rf"(?:\w|{_PLACEHOLDER})+(?:[.'\-](?:\w|{_PLACEHOLDER})+)*")
_PLACEHOLDERS = re.compile(rf"(?:{_PLACEHOLDER}[.'\-]?)+")
# What stands around an exception in any trace; its frames are not in a pattern at all.
_TRACE = re.compile(r"\bTraceback\b(?: \(most recent call last\):)?|\bCaused by:")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a pattern that its nearest known-good examples lack.

    share: 0 to 1, of the text's squared length what the word alone brings and the nearest centroid does not explain.
    nearer: by how much the cosine distance to that centroid falls without the word; below 0 where the word resembles a
    known one.
    """

    text: str
    share: float
    nearer: float


def differs(verdict: Verdict, baseline: Baseline) -> tuple[str, ...]:
    """The words that tell an anomaly from what is known, the most telling first, without any call to a service.

    It takes a third of a millisecond.

    Args:
        baseline: that the verdict was given by. Where its vectors come from a service, the local embedder measures
            against the examples in its place.
    """
    nearest = verdict.nearest
    if nearest is None:
        return ()
    words = lacking(verdict.pattern, nearest.examples)
    embedder = LocalEmbedder()
    if baseline.manifest.embedder == embedder.name:
        towards = baseline.centroids[nearest.centroid]
    else:
        towards = unit_rows(embedder.embed(nearest.examples).sum(axis=0, keepdims=True))[0]
    return telling(weigh(verdict.pattern, words, towards, embedder.embed))


def lacking(pattern: str, examples: Iterable[str]) -> tuple[str, ...]:
    """Words of the pattern that no example has, in order, each once.

    Returns:
        Placeholders such as <N> only where no word differs.
    """
    known = {word.casefold() for example in examples for word in _WORD.findall(example)}
    words = dict.fromkeys(_WORD.findall(_TRACE.sub(" ", pattern)) or _WORD.findall(pattern))
    found = [word for word in words if word.casefold() not in known]
    return tuple([word for word in found if not _PLACEHOLDERS.fullmatch(word)] or found)


def weigh(pattern: str, words: Sequence[str], towards: Vectors, embed: Embed) -> tuple[Word, ...]:
    """Leave out each of these words in turn.

    Args:
        words: of the pattern; those beyond MAX_TRIED or MAX_TRIED_CHARS are not tried.
        towards: (D,) unit vector to be near to, such as a centroid.
        embed: is called once, with the pattern itself and one text a word.

    Returns:
        The words tried, the most telling first.
    """
    tried = words[: max(1, min(MAX_TRIED, MAX_TRIED_CHARS // max(1, len(pattern))))]
    if not tried:
        return ()
    texts = [_without(pattern, word) for word in tried]
    vectors = embed([pattern, *(text for text in texts if text)])
    whole, rest = vectors[0], np.zeros((len(tried), len(towards)), dtype=np.float32)
    rest[[bool(text) for text in texts]] = vectors[1:]
    along, near = rest @ whole, rest @ towards
    own = np.sqrt(np.maximum(_TINY, 1.0 - along**2))  # of the whole's length what the word alone brings
    explained = np.clip((whole @ towards - along * near) / own, 0.0, 1.0)
    shares, nearer = own**2 * (1.0 - explained), near - whole @ towards
    order = np.argsort(-shares, kind="stable").tolist()
    return tuple(Word(tried[i], float(shares[i]), float(nearer[i]) if texts[i] else 0.0) for i in order)


def telling(words: Sequence[Word]) -> tuple[str, ...]:
    """Of weighed words those that matter, at most MAX_WORDS."""
    least = words[0].share * _TELLING if words else 0.0
    return tuple(_clipped(word.text) for word in words[:MAX_WORDS] if word.share >= least)


def _without(pattern: str, word: str) -> str:
    """The pattern with every occurrence of a word left out."""
    return " ".join(_WORD.sub(lambda match: "" if match[0] == word else match[0], pattern).split())


def _clipped(word: str) -> str:
    return word if len(word) <= MAX_WORD_CHARS else word[: MAX_WORD_CHARS - 3] + "..."
