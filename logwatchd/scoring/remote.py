"""Embeddings by the OpenAI API, or by any server that speaks it (Ollama, vLLM, a test server)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import SecretStr

from logwatchd.errors import PermanentError, RetryableError
from logwatchd.scoring.embedder import unit_rows
from logwatchd.vectors import Vectors

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

TIMEOUT_S = 30.0
_MAX_CHARS = 8000  # about 2,000 to 4,000 tokens; the models take 8,191
_PERMANENT = {400, 401, 403, 404, 422}


class OpenAIEmbedder:
    """The `openai` provider. One thread at a time calls it."""

    remote = True
    dimensions: int | None = None

    def __init__(self, model: str, api_key: SecretStr, base_url: str | None, retries: int = 0) -> None:
        """retries: by the client itself; 0 where a queue retries, which knows what else waits and when to stop."""
        self._retries = retries
        self._model = model
        self._api_key = api_key
        self._base_url = base_url
        self._client: OpenAI | None = None

    @property
    def name(self) -> str:
        return f"openai:{self._model}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`; a try blocks for at most TIMEOUT_S."""
        from openai import APIConnectionError, APIResponseValidationError, APIStatusError

        try:
            answer = self._connected().embeddings.create(model=self._model, input=[text[:_MAX_CHARS] for text in texts])
            vectors = [item.embedding for item in sorted(answer.data, key=lambda item: item.index)]
        except APIStatusError as error:
            raise self._refusal(error) from None
        except APIConnectionError as error:  # time-outs too
            raise RetryableError(f"embeddings from {self._where()}: {error.__cause__ or error}") from None
        except (APIResponseValidationError, ValueError, TypeError, AttributeError) as error:
            raise RetryableError(f"embeddings from {self._where()}: unusable answer: {error}") from None
        return self._checked(vectors, len(texts))

    def _connected(self) -> OpenAI:
        if self._client is None:
            from openai import OpenAI

            self._client = OpenAI(
                api_key=self._api_key.get_secret_value(),
                base_url=self._base_url,
                timeout=TIMEOUT_S,
                max_retries=self._retries,
            )
        return self._client

    def _where(self) -> str:
        return str(self._client.base_url) if self._client else "the embeddings service"

    def _refusal(self, error: APIStatusError) -> Exception:
        text = f"embeddings from {self._where()}: HTTP {error.status_code}: {_reason(error)}"
        if error.status_code in _PERMANENT:
            mend = {
                401: "check openai_api_key",
                403: "check openai_api_key and its rights",
                404: f"check embedder.model = '{self._model}' and base_url",
            }.get(error.status_code, f"check embedder.model = '{self._model}'")
            return PermanentError(f"{text}; {mend}")
        return RetryableError(text, _seconds(error.response.headers.get("retry-after")))

    def _checked(self, vectors: list[list[float]], count: int) -> Vectors:
        where = f"embeddings from {self._where()}"
        if len(vectors) != count:
            raise RetryableError(f"{where}: {len(vectors)} vectors for {count} texts")
        try:
            array = np.asarray(vectors, dtype=np.float32)
        except (ValueError, TypeError):
            raise RetryableError(f"{where}: vectors of different lengths") from None
        if array.ndim != 2 or array.shape[1] == 0 or not np.isfinite(array).all() or not array.any(axis=1).all():
            raise RetryableError(f"{where}: vectors that are empty, zero or not finite")
        return unit_rows(array)


def _reason(error: APIStatusError) -> str:
    """The service's words on one line; never the key, of which some services repeat a part."""
    body = error.body if isinstance(error.body, dict) else {}
    if error.status_code == 401:
        return "the key was refused"
    return " ".join(str(body.get("message") or error.response.reason_phrase or "no reason given").split())[:200]


def _seconds(header: str | None) -> float | None:
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None
