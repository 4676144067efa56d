"""An embedder for commands that asks its service only for what is not kept already."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from logwatchd.scoring.embedder import Embedder, leaving
from logwatchd.scoring.ledger import Ledger
from logwatchd.scoring.vector_cache import VectorCache, as_stored, space_of
from logwatchd.vectors import Vectors


class CachedEmbedder:
    """Keeps each batch before it hands it on, so that a command that was interrupted goes on where it was.

    What is kept is found by what left the machine: texts of which the same leaves are asked for once.
    """

    keep = True

    def __init__(self, inner: Embedder, cache: VectorCache, ledger: Ledger, usd_per_million_tokens: float) -> None:
        self._inner = inner
        self._cache = cache
        self._ledger = ledger
        self._price = usd_per_million_tokens / 1e6
        self._size: int | None = None  # of the vectors that the service answered last

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def dimensions(self) -> int | None:
        return self._inner.dimensions

    @property
    def remote(self) -> bool:
        return self._inner.remote

    @property
    def tokens(self) -> int:
        return self._inner.tokens

    @property
    def usd_today(self) -> float:
        """What embedding has cost today (UTC), the daemon's as well."""
        return self._ledger.today().usd

    @property
    def cut(self) -> int:
        return self._inner.cut

    @property
    def refused(self) -> int:
        return self._inner.refused

    @property
    def redact(self) -> Callable[[str], str] | None:
        return self._inner.redact

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`."""
        texts = leaving(self._inner, texts)
        found = self._found(texts)
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        new = self._ask(missing) if missing else {}
        if len({len(vector) for vector in (*found.values(), *new.values())}) > 1:
            new, found = new | self._ask(list(found)), {}  # the service changed its model under the same name
        if found:
            self._ledger.add(hits=len(found))
        return np.stack([new[text] if text in new else found[text] for text in texts])

    def _ask(self, texts: Sequence[str]) -> dict[str, Vectors]:
        before = self._inner.tokens
        vectors = as_stored(self._inner.embed(texts))
        self._size = vectors.shape[1]
        new = dict(zip(texts, vectors, strict=True))
        self._cache.put(self._space, new)
        tokens = self._inner.tokens - before
        self._ledger.add(calls=1, texts=len(texts), tokens=tokens, usd=tokens * self._price)
        return new

    def held(self, texts: Sequence[str]) -> dict[str, Vectors]:
        """Those that are kept, with their vectors; nothing is asked for."""
        safe = leaving(self._inner, texts)
        found = self._found(safe)
        return {text: found[one] for text, one in zip(texts, safe, strict=True) if one in found}

    def _found(self, texts: Sequence[str]) -> dict[str, Vectors]:
        found = self._cache.get(self._space, texts)
        sizes = {len(vector) for vector in found.values()}
        if self._size is not None:
            sizes.add(self._size)
        return found if len(sizes) <= 1 else {}  # a service that changed its model under the same name

    @property
    def _space(self) -> str:
        return space_of(self._inner.name, self._inner.dimensions)
