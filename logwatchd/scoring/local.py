"""The local embedder: features of the text itself. No download, no training, the same vector everywhere.

Character n-grams inside words, hashed into a fixed number of dimensions with a sign (Weinberger et al., Feature Hashing
for Large Scale Multitask Learning, ICML 2009). Placeholders such as <N> are blanks: they stand in almost every
pattern and would only make all texts alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from logwatchd.scoring.embedder import unit_rows
from logwatchd.vectors import Vectors

DIMENSIONS = 1024
_NGRAM_SIZES = (3, 4, 5)
_PLACEHOLDER = re.compile(r"<[A-Z]+>")
_BATCH_BYTES = 1 << 18  # texts are embedded in slices of about this size, which bounds the working memory
_MAX_TEXT_BYTES = 8192
_BLANK = 0x20
_MULTIPLIER = np.uint32(0x01000193)  # FNV's prime; the final mix is MurmurHash3's


class LocalEmbedder:
    """Hashed character n-grams; deterministic across machines and runs."""

    name = "local-1"
    remote = False
    keep = False
    tokens = 0
    cut = 0
    redact = None
    dimensions: int | None = DIMENSIONS

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`; it cannot fail."""
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        start = size = 0
        rows: list[bytes] = []
        for index, text in enumerate(texts):
            row = _words(text)
            rows.append(row)
            size += len(row)
            if size >= _BATCH_BYTES or index == len(texts) - 1:
                vectors[start : index + 1] = _count_ngrams(rows)
                start, size, rows = index + 1, 0, []
        # Square root of the counts: the tenth mention of a word adds less than its first.
        return unit_rows(np.sign(vectors) * np.sqrt(np.abs(vectors)))


def _words(text: str) -> bytes:
    """The text's words in lower case, each between single blanks. Without any word it is a word of its own."""
    folded = " ".join(_PLACEHOLDER.sub(" ", text).lower().split()) or "<>"
    return b" " + folded.encode("utf-8", errors="replace")[:_MAX_TEXT_BYTES] + b" "


def _count_ngrams(rows: list[bytes]) -> Vectors:
    """Signed counts of hashed n-grams, float32 (len(rows), DIMENSIONS)."""
    data = np.frombuffer(b"".join(rows), dtype=np.uint8)
    lengths = np.array([len(row) for row in rows])
    row_of = np.repeat(np.arange(len(rows)), lengths)
    blank = data == _BLANK
    counts: NDArray[np.float64] = np.zeros(len(rows) * DIMENSIONS)
    rolling = data.astype(np.uint32) + np.uint32(1)
    inner_blank = np.zeros(len(data), dtype=bool)
    for size in range(2, max(_NGRAM_SIZES) + 1):
        # rolling[i] is the hash of data[i : i + size]; an n-gram may begin or end with a blank but not span one.
        rolling = rolling[:-1] * _MULTIPLIER + data[size - 1 :].astype(np.uint32)
        inner_blank = inner_blank[:-1] | (blank[size - 2 : -1] if size > 2 else False)
        if size not in _NGRAM_SIZES:
            continue
        keep = ~inner_blank & (row_of[: len(rolling)] == row_of[size - 1 :])
        hashes = _mix(rolling[keep] + np.uint32(size))
        signs = np.where(hashes & np.uint32(1 << 31), -1.0, 1.0)
        cells = row_of[: len(rolling)][keep] * DIMENSIONS + (hashes % np.uint32(DIMENSIONS))
        counts += np.bincount(cells, weights=signs, minlength=len(counts))
    return counts.reshape(len(rows), DIMENSIONS).astype(np.float32)


def _mix(hashes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Spread every input bit over the whole word."""
    hashes = (hashes ^ (hashes >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    hashes = (hashes ^ (hashes >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return hashes ^ (hashes >> np.uint32(16))
