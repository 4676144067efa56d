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
_SLICE_BYTES = 1 << 14  # texts are embedded in slices of about this size, whose arrays fit into a processor's cache
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
    refused = 0
    redact = None
    dimensions: int | None = DIMENSIONS

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`; it cannot fail."""
        vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        start = size = 0
        rows: list[bytes] = []
        for index, text in enumerate(texts):
            row = _words(text)
            rows.append(row)
            size += len(row)
            if size >= _SLICE_BYTES or index == len(texts) - 1:
                part = vectors[start : index + 1]
                part[:] = _count_ngrams(rows)
                # Square root of the counts: the tenth mention of a word adds less than its first.
                np.copysign(np.sqrt(np.abs(part)), part, out=part)
                part[:] = unit_rows(part)
                start, size, rows = index + 1, 0, []
        return vectors


def _words(text: str) -> bytes:
    """The text's words in lower case, each between single blanks. Without any word it is a word of its own."""
    folded = " ".join(_PLACEHOLDER.sub(" ", text).lower().split()) or "<>"
    return b" " + folded.encode("utf-8", errors="replace")[:_MAX_TEXT_BYTES] + b" "


def _count_ngrams(rows: list[bytes]) -> NDArray[np.float64]:
    """Signed counts of hashed n-grams, (len(rows), DIMENSIONS)."""
    data = np.frombuffer(b"".join(rows), dtype=np.uint8)
    first_cell = np.repeat(np.arange(len(rows)) * DIMENSIONS, np.array([len(row) for row in rows]))
    blank, wide = data == _BLANK, data.astype(np.uint32)
    rolling = wide + np.uint32(1)
    inner_blank = np.zeros(len(data), dtype=bool)
    cells: list[NDArray[np.int64]] = []
    hashes: list[NDArray[np.uint32]] = []
    for size in range(2, max(_NGRAM_SIZES) + 1):
        # rolling[i] is the hash of data[i : i + size]; an n-gram may begin or end with a blank but not span one. So it
        # spans no two rows either: where they meet, there are two blanks.
        rolling = rolling[:-1] * _MULTIPLIER
        rolling += wide[size - 1 :]
        inner_blank = inner_blank[:-1] | (blank[size - 2 : -1] if size > 2 else False)
        if size in _NGRAM_SIZES:
            places = np.flatnonzero(~inner_blank)
            hashes.append(_mix(rolling[places] + np.uint32(size)))
            cells.append(first_cell[places] + hashes[-1] % np.uint32(DIMENSIONS))
    signs = 1.0 - 2.0 * (np.concatenate(hashes) >> np.uint32(31))
    counts = np.bincount(np.concatenate(cells), weights=signs, minlength=len(rows) * DIMENSIONS)
    return np.asarray(counts, dtype=np.float64).reshape(len(rows), DIMENSIONS)


def _mix(hashes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Spread every input bit over the whole word."""
    hashes = (hashes ^ (hashes >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    hashes = (hashes ^ (hashes >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return hashes ^ (hashes >> np.uint32(16))
