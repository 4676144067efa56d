"""Sentence-transformers-class models (all-MiniLM-L6-v2 and others) by onnxruntime, from a local folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logwatchd.errors import ConfigError
from logwatchd.scoring.embedder import unit_rows
from logwatchd.scoring.models import file_in, identity, missing, tokenizer_of
from logwatchd.vectors import Vectors

_MODELS = ("model.onnx", "onnx/model.onnx", "model_quantized.onnx", "onnx/model_quantized.onnx")


class OnnxEmbedder:
    """The `onnx` provider: mean over a text's token vectors, as these models were trained. Deterministic."""

    remote = False
    keep = True  # some milliseconds a text
    tokens = 0
    refused = 0
    redact = None

    def __init__(self, folder: Path, max_tokens: int, threads: int = 1) -> None:
        """folder: with the model and its tokenizer.json. threads: of onnxruntime's.

        Raises:
            ConfigError: a library or a file is missing, or is not what it should be.
        """
        model = file_in(folder, *_MODELS)
        tokens = file_in(folder, "tokenizer.json")
        try:
            import onnxruntime
            import tokenizers  # noqa: F401
        except ImportError as error:
            raise missing("onnx", error) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has a class of its own for each kind of fault
            raise ConfigError([f"embedder.folder: {model}: not a model: {str(error).splitlines()[0]}"]) from None
        self._inputs = {given.name for given in self._session.get_inputs()}
        self._tokenizer = tokenizer_of(tokens)
        self._max_tokens = max_tokens
        self.name = identity("onnx", model, tokens)
        self.cut = 0
        self.dimensions: int | None = self.embed(["x"]).shape[1]

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`; it cannot fail.

        One text a run: in a batch the short ones would be padded to the longest, which takes three times as long here.
        """
        return unit_rows(np.stack([self._run(self._tokens(text)) for text in texts]))

    def _run(self, ids: list[int]) -> NDArray[np.float32]:
        given = np.array([ids], dtype=np.int64)
        feed = {"input_ids": given, "attention_mask": np.ones_like(given), "token_type_ids": np.zeros_like(given)}
        output: NDArray[Any] = self._session.run(None, {name: feed[name] for name in self._inputs if name in feed})[0]
        vector: NDArray[np.float32] = output[0] if output.ndim == 2 else output[0].mean(axis=0)  # some pool themselves
        return vector.astype(np.float32)

    def _tokens(self, text: str) -> list[int]:
        """Its ids, cut to the model's length; the last one, which ends every text, stays."""
        ids: list[int] = self._tokenizer.encode(text).ids or [0]
        if len(ids) > self._max_tokens:
            self.cut += 1
            ids = [*ids[: self._max_tokens - 1], ids[-1]]
        return ids
