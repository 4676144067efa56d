"""What every embedder offers, whatever makes its vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from logwatchd.vectors import Vectors


class Embedder(Protocol):
    """Turns patterns into vectors. One thread at a time calls it."""

    @property
    def name(self) -> str:
        """Identity of the vector space, such as 'local-1' or 'openai:text-embedding-3-small'."""

    @property
    def dimensions(self) -> int | None:
        """Of its vectors; None where only the service's answers show it."""

    @property
    def remote(self) -> bool:
        """Whether a call costs money and may block on the network."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed a batch.

        Args:
            texts: at most the batch size of patterns, none empty.

        Returns:
            float32 (len(texts), dimensions), rows L2-normalised.

        Raises:
            RetryableError: the same call may succeed later.
            PermanentError: it will not, until somebody mends the configuration.
        """


def unit_rows(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1; a zero row stays zero. float32 (B, D) -> float32 (B, D)."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)
