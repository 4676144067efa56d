"""Static embeddings (model2vec and its kind): a vector a token, averaged. From a local folder; numpy does the rest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from logwatchd.errors import ConfigError
from logwatchd.scoring.embedder import unit_rows
from logwatchd.scoring.models import file_in, identity, missing, tokenizer_of
from logwatchd.vectors import Vectors


class StaticEmbedder:
    """The `static` provider. Deterministic, and quick enough that its vectors need not be kept."""

    remote = False
    keep = False
    tokens = 0
    refused = 0
    redact = None

    def __init__(self, folder: Path, max_tokens: int) -> None:
        """folder: with model.safetensors and tokenizer.json.

        Raises:
            ConfigError: a library or a file is missing, or is not what it should be.
        """
        model = file_in(folder, "model.safetensors")
        tokens = file_in(folder, "tokenizer.json")
        try:
            import safetensors.numpy
            import tokenizers  # noqa: F401
        except ImportError as error:
            raise missing("static", error) from None
        try:
            tensors = safetensors.numpy.load_file(model)
        except Exception as error:  # the library raises no narrower one
            raise ConfigError([f"embedder.folder: {model}: not a model: {error}"]) from None
        table = tensors.get("embeddings", next(iter(tensors.values())) if len(tensors) == 1 else np.zeros(0))
        if table.ndim != 2:
            raise ConfigError([f"embedder.folder: {model}: has no table 'embeddings'; not a model of this kind"])
        self._tokenizer = tokenizer_of(tokens)
        self._table = table
        size = self._tokenizer.get_vocab_size()
        self._rows = tensors.get("mapping", np.arange(size))  # several tokens may share a vector
        self._weights = tensors.get("weights", np.ones(size)).astype(np.float32)
        if min(len(self._rows), len(self._weights)) < size or self._rows.max(initial=0) >= len(table):
            raise ConfigError([f"embedder.folder: {model} and {tokens.name} are not of one model"])
        self._max_tokens = max_tokens
        self.name = identity("static", model, tokens)
        self.dimensions: int | None = table.shape[1]
        self.cut = 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`; it cannot fail. A text without any known token has a zero vector."""
        vectors = np.zeros((len(texts), self._table.shape[1]), dtype=np.float32)
        for row, found in enumerate(self._tokenizer.encode_batch(list(texts), add_special_tokens=False)):
            ids = found.ids[: self._max_tokens]
            self.cut += len(found.ids) > self._max_tokens
            if ids:
                known = self._table[self._rows[ids]].astype(np.float32)
                vectors[row] = (known * self._weights[ids, None]).mean(axis=0)
        return unit_rows(vectors)
