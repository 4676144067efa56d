"""Embeddings by the OpenAI API, or by any server that speaks it (Ollama, vLLM, a test server)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import SecretStr

from logwatchd import clock
from logwatchd.errors import PermanentError, RetryableError
from logwatchd.lean_imports import defer
from logwatchd.parsing.redaction import Redactor
from logwatchd.scoring.batching import cut
from logwatchd.scoring.embedder import name_of, unit_rows
from logwatchd.scoring.isolating import Isolating, RefusedError, SpoiledError
from logwatchd.scoring.ledger import estimated_tokens
from logwatchd.scoring.pauses import pause_s, retry_after_s
from logwatchd.vectors import Vectors

if TYPE_CHECKING:
    import ssl

    from openai import APIStatusError, OpenAI
    from openai.types import CreateEmbeddingResponse

_PERMANENT = {401, 403, 404}
_REFUSED = {400, 413, 422}  # the model or its dimensions are none, or a text is too long for it, or not to its taste
_STUMBLED = 500  # perhaps at a text: some servers know no better word for one that is too long
_NO_CREDIT = "insufficient_quota"  # comes as a 429 and does not pass by itself
_LONGEST_PAUSE_S = 20.0
_BESIDE_VECTORS = 1 << 20
_MOST_TOKENS = 10**9  # that one answer can have cost
_FORMS = Redactor(b"").masked

defer("openai")  # of its modules one in seven is needed here


@dataclass(frozen=True, slots=True)
class Service:
    """Where and how to ask. dimensions: None for the model's own. timeout_s: for a whole answer. max_tokens: a text.
    batch_size: texts of one request at the most."""

    model: str
    base_url: str | None = None
    dimensions: int | None = None
    timeout_s: float = 10.0
    max_tokens: int = 8191
    batch_size: int = 200

    @property
    def most_bytes(self) -> int:
        """No usable answer is longer: a vector a text, of 8,192 numbers at 32 characters with what is between them."""
        return _BESIDE_VECTORS + self.batch_size * 8192 * 32


class OpenAIEmbedder:
    """The `openai` provider. Any number of threads may call it at once, a connection each.

    The one way by which texts leave for a service: each goes through `redact` here, whoever asks, and the same is sent
    once a call. Others use `redact` to know beforehand which texts are the same.
    """

    remote = True
    keep = True

    def __init__(
        self, service: Service, api_key: SecretStr, retries: int = 0, redact: Callable[[str], str] = _FORMS
    ) -> None:
        """
        Args:
            retries: by itself; 0 where a queue retries, which knows what else waits and when to stop.
            redact: see `Embedder.redact`; by itself the built-in forms of secrets and identifiers.
        """
        self._service = service
        self._api_key = api_key
        self._retries = retries
        self._redact = redact
        self._lock = threading.Lock()
        self._idle: list[OpenAI] = []
        self._tls: ssl.SSLContext | None = None
        self._isolating = Isolating(self._embed)
        self.tokens = 0
        self.cut = 0
        self.refused = 0

    @property
    def name(self) -> str:
        return name_of(self._service.model)

    @property
    def dimensions(self) -> int | None:
        return self._service.dimensions

    @property
    def redact(self) -> Callable[[str], str]:
        return self._redact

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`; a try blocks for little more than `timeout_s`."""
        safe = [self._redact(text) for text in texts]
        rows = {text: row for row, text in enumerate(dict.fromkeys(safe))}
        vectors = self._tried(list(rows))
        return vectors if len(rows) == len(safe) else vectors[[rows[text] for text in safe]]

    def _tried(self, texts: Sequence[str]) -> Vectors:
        for attempt in range(self._retries):
            try:
                return self._whatever(texts)
            except RetryableError as error:
                clock.sleep(pause_s(attempt, error.retry_after_s, longest_s=_LONGEST_PAUSE_S))
        return self._whatever(texts)

    def _whatever(self, texts: Sequence[str]) -> Vectors:
        """Also of texts that the service does not take as they are."""
        found = self._isolating.embed(texts)
        if found.cut or found.refused:
            with self._lock:
                self.cut += found.cut
                self.refused += found.refused
        return found.vectors

    def _embed(self, texts: Sequence[str]) -> Vectors:
        """Texts that are redacted, each once."""
        from openai import APIConnectionError, APIError, APIStatusError

        given = [cut(text, self._service.max_tokens) for text in texts]
        client = self._client()
        try:
            answer = self._ask(client, given)
            vectors = [item.embedding for item in sorted(answer.data, key=lambda item: item.index)]
        except APIStatusError as error:
            self._release(client)
            raise self._refusal(error) from None
        except (APIConnectionError, APIError) as error:  # time-outs too
            client.close()
            raise RetryableError(f"{self._where(client)}: {error.__cause__ or error}") from None
        except MemoryError:
            raise
        except Exception as error:  # what the client's parsers raise is the service's doing, and passes perhaps
            client.close()
            raise SpoiledError(f"{self._where(client)}: unusable answer: {_one_line(error)}") from None
        array = self._checked(vectors, len(texts), self._where(client))
        self._release(client)
        with self._lock:
            self.tokens += _tokens(answer) or estimated_tokens(sum(map(len, given)), len(given))
            self.cut += sum(one is not text for one, text in zip(given, texts, strict=True))
        return array

    def _ask(self, client: OpenAI, texts: list[str]) -> CreateEmbeddingResponse:
        if self._service.dimensions is None:
            return client.embeddings.create(model=self._service.model, input=texts)
        return client.embeddings.create(model=self._service.model, input=texts, dimensions=self._service.dimensions)

    def _client(self) -> OpenAI:
        with self._lock:
            return self._idle.pop() if self._idle else self._new_client()

    def _new_client(self) -> OpenAI:
        from httpx2 import create_ssl_context
        from openai import OpenAI

        from logwatchd.scoring.deadline import DeadlineClient

        self._tls = self._tls or create_ssl_context()
        client = OpenAI(
            api_key=self._api_key.get_secret_value(),
            base_url=self._service.base_url,
            timeout=self._service.timeout_s,
            max_retries=0,
            http_client=DeadlineClient(self._service.timeout_s, self._service.most_bytes, self._tls),
        )
        _ = client.embeddings  # which imports more: in one thread, while the others wait
        return client

    def _release(self, client: OpenAI) -> None:
        with self._lock:
            self._idle.append(client)

    @staticmethod
    def _where(client: OpenAI) -> str:
        return f"embeddings from {client.base_url}"

    def _refusal(self, error: APIStatusError) -> Exception:
        url = error.request.url.copy_with(query=None)
        text = f"embeddings from {url}: HTTP {error.status_code}: {_reason(error)}"
        if error.code == _NO_CREDIT:
            return PermanentError(f"{text}; the account has no credit left: look at its billing")
        if error.status_code in _PERMANENT | _REFUSED:
            model = f"embedder.model = '{self._service.model}'"
            asked = f" and embedder.dimensions = {self._service.dimensions}" if self._service.dimensions else ""
            mend = {
                401: "check openai_api_key",
                403: "check openai_api_key and its rights",
                404: f"check {model} and base_url",
            }.get(error.status_code, f"check {model}{asked}")
            kind = RefusedError if error.status_code in _REFUSED else PermanentError
            return kind(f"{text}; {mend}")
        passing = SpoiledError if error.status_code == _STUMBLED else RetryableError
        return passing(text, retry_after_s(error.response.headers))

    def _checked(self, vectors: list[list[float]], count: int, where: str) -> Vectors:
        if len(vectors) != count:
            raise SpoiledError(f"{where}: {len(vectors)} vectors for {count} texts")
        try:
            array = np.asarray(vectors, dtype=np.float32)
        except (ValueError, TypeError, OverflowError):
            raise SpoiledError(f"{where}: vectors of different lengths, or of what are no numbers") from None
        if array.ndim != 2 or array.shape[1] == 0 or not np.isfinite(array).all() or not array.any(axis=1).all():
            raise SpoiledError(f"{where}: vectors that are empty, zero or not finite")
        wanted = self._service.dimensions
        if wanted is not None and array.shape[1] != wanted:
            raise PermanentError(
                f"{where}: vectors of {array.shape[1]} dimensions where embedder.dimensions = {wanted} were asked for; "
                "the model has no such choice: take the key out, and build the baseline again"
            )
        return unit_rows(array)


def _tokens(answer: CreateEmbeddingResponse) -> int:
    """What the service says that it counted; 0 where it does not say, or what cannot be."""
    usage = getattr(answer, "usage", None)
    found = getattr(usage, "prompt_tokens", None) or getattr(usage, "total_tokens", None)
    return found if isinstance(found, int) and 0 < found <= _MOST_TOKENS else 0


def _reason(error: APIStatusError) -> str:
    """The service's words on one line; never the key, of which some services repeat a part."""
    body = error.body if isinstance(error.body, dict) else {}
    if error.status_code == 401:
        return "the key was refused"
    return _one_line(body.get("message") or error.response.reason_phrase or "no reason given")


def _one_line(text: object) -> str:
    return " ".join(str(text).split())[:200]
