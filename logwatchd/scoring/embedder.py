"""What every embedder offers, whatever makes its vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from logwatchd.vectors import Vectors

_SERVICE = "openai:"
_REDACTED = "+redacted"  # vectors of texts as they stood, which an earlier version made, are not to be mixed with these


class Embedder(Protocol):
    """Turns patterns into vectors. Several threads may call a remote one at once, and one at a time any other."""

    @property
    def name(self) -> str:
        """Identity of the vector space, such as 'local-1' or 'openai:text-embedding-3-small+redacted'."""

    @property
    def dimensions(self) -> int | None:
        """Of its vectors; None where only the service's answers show it."""

    @property
    def remote(self) -> bool:
        """Whether a call costs money and may block on the network."""

    @property
    def keep(self) -> bool:
        """Whether its vectors are worth keeping on the disk, or are had again sooner than they are found there."""

    @property
    def tokens(self) -> int:
        """Of all texts so far, as the service counts them."""

    @property
    def cut(self) -> int:
        """How many texts so far were too long for the model and were embedded by their beginning."""

    @property
    def refused(self) -> int:
        """How many texts so far the service refused, however short, while it took others: they have zero vectors."""

    @property
    def redact(self) -> Callable[[str], str] | None:
        """What each text goes through before it leaves the machine; None where nothing leaves.

        Texts of which the same leaves have the same vector. `redact(redact(x)) == redact(x)`.
        """

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed a batch.

        Args:
            texts: at most the batch size of patterns, none empty.

        Returns:
            float32 (len(texts), dimensions), rows L2-normalised; a zero row for a text that has no vector, which is
            as far as can be from all that is known.

        Raises:
            RetryableError: the same call may succeed later.
            PermanentError: it will not, until somebody mends the configuration.
        """


def name_of(model: str) -> str:
    """The name of an embedder that asks a service for this model's vectors of redacted texts."""
    return f"{_SERVICE}{model}{_REDACTED}"


def model_of(name: str) -> str | None:
    """The model of the service that this embedder asks; None where it asks none."""
    return name.removeprefix(_SERVICE).removesuffix(_REDACTED) if name.startswith(_SERVICE) else None


def leaving(embedder: Embedder, texts: Sequence[str]) -> Sequence[str]:
    """What is embedded of each text: itself, or, where it leaves the machine, what redaction makes of it."""
    return texts if embedder.redact is None else [embedder.redact(text) for text in texts]


def unit_rows(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1; a zero row stays zero. float32 (B, D) -> float32 (B, D)."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)
