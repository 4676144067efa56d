"""A service that takes a request but for one of its texts: the others are embedded, and of that one what it takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from logwatchd.errors import PermanentError, RetryableError
from logwatchd.vectors import Embed, Vectors

PROBE = "service ready"  # what every service takes that takes anything
_SHORTEST = 32  # characters of a text that are worth a request
_FAILURES = 3  # of the same request that are the service's hiccups
_MAX_REMEMBERED = 1000


class RefusedError(PermanentError):
    """The service refuses this request; perhaps for one of its texts only."""


class SpoiledError(RetryableError):
    """The service stumbles at this request or answers nonsense; perhaps for one of its texts."""


@dataclass(frozen=True, slots=True)
class Isolated:
    """float32 (N, D), a zero row where a text has no vector. cut, refused: by their beginning, and not at all."""

    vectors: Vectors
    cut: int
    refused: int


class Isolating:
    """Asks a service, and finds the text that it refuses. Any number of threads may call it."""

    def __init__(self, ask: Embed) -> None:
        """ask: raises RefusedError or SpoiledError where it may be a text's fault."""
        self._ask = ask
        self._spoiled: Counter[str] = Counter()  # by the first text: a request that failed is sent again as it was

    def embed(self, texts: Sequence[str]) -> Isolated:
        """Embed texts, each once.

        Raises:
            RetryableError, PermanentError: the service takes nothing else either, or it may yet take all of these.
        """
        try:
            found = self._ask(texts)
        except (RefusedError, SpoiledError) as error:
            if isinstance(error, SpoiledError) and not self._often(texts[0]):
                raise
            dimensions = self._dimensions(error)
            self._spoiled.pop(texts[0], None)
            return self._halves(texts, dimensions) if len(texts) > 1 else self._one(texts[0], dimensions)
        self._spoiled.pop(texts[0], None)
        return Isolated(found, 0, 0)

    def _often(self, first: str) -> bool:
        if len(self._spoiled) > _MAX_REMEMBERED:
            self._spoiled.clear()
        self._spoiled[first] += 1
        return self._spoiled[first] >= _FAILURES

    def _dimensions(self, error: RefusedError | SpoiledError) -> int:
        """Those of what the service gives for another text; if it gives none, the texts are not at fault."""
        try:
            return int(self._ask([PROBE]).shape[1])
        except (RefusedError, SpoiledError):
            raise error from None

    def _halves(self, texts: Sequence[str], dimensions: int) -> Isolated:
        middle = len(texts) // 2
        first, second = (self._part(half, dimensions) for half in (texts[:middle], texts[middle:]))
        vectors = np.concatenate([first.vectors, second.vectors])
        return Isolated(vectors, first.cut + second.cut, first.refused + second.refused)

    def _part(self, texts: Sequence[str], dimensions: int) -> Isolated:
        if len(texts) == 1:
            return self._one(texts[0], dimensions)
        found = self._tried(texts)
        return self._halves(texts, dimensions) if found is None else Isolated(found, 0, 0)

    def _one(self, text: str, dimensions: int) -> Isolated:
        """The text, its first half, of that the first half ..."""
        found, cut = self._tried([text]), 0
        while found is None and len(text) > _SHORTEST:
            text = text[: len(text) // 2].rstrip()
            found, cut = self._tried([text]), 1
        if found is None:
            return Isolated(np.zeros((1, dimensions), dtype=np.float32), 0, 1)
        return Isolated(found, cut, 0)

    def _tried(self, texts: Sequence[str]) -> Vectors | None:
        try:
            return self._ask(texts)
        except (RefusedError, SpoiledError):
            return None
