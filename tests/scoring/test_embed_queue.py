"""The embed queue over the real openai client, against a loopback server that misbehaves on command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from pydantic import SecretStr

from logwatchd import clock
from logwatchd.errors import PermanentError, RetryableError
from logwatchd.scoring.embed_queue import EmbedQueue
from logwatchd.scoring.local import LocalEmbedder
from logwatchd.scoring.remote import OpenAIEmbedder
from logwatchd.vectors import Vectors
from tests.fakes.openai import FakeOpenAI, vector
from tests.fakes.server import Garbage, Reply, Reset, Status, Torn

KEY = "sk-test-not-to-be-shown"


@pytest.fixture
def service() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(dimensions=64) as running:
        yield running


@pytest.fixture
def embedder(service: FakeOpenAI) -> OpenAIEmbedder:
    return OpenAIEmbedder("text-embedding-3-small", SecretStr(KEY), service.url + "/v1")


class Collected:
    """What a queue handed on, in order."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, texts: Sequence[str], vectors: Vectors, embedder: str) -> None:
        assert len(texts) == len(vectors)
        self.texts.extend(texts)


def queue_of(embedder: OpenAIEmbedder | LocalEmbedder, batch: int, wait_ms: int) -> tuple[EmbedQueue, Collected]:
    collected = Collected()
    queue = EmbedQueue(collected)
    dimensions = 64 if isinstance(embedder, OpenAIEmbedder) else embedder.dimensions
    queue.use(embedder, dimensions, batch, wait_ms)
    return queue, collected


def test_vectors_come_back_in_order_and_normalised(embedder: OpenAIEmbedder) -> None:
    vectors = embedder.embed(["alpha", "beta"])
    assert np.allclose(vectors, [vector("alpha", 64), vector("beta", 64)], atol=1e-6)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)


def test_the_key_goes_into_the_header_and_nowhere_else(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    embedder.embed(["alpha"])
    assert service.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY.encode() not in service.requests[0].raw
    assert KEY not in repr(embedder.__dict__)


@pytest.mark.parametrize("code", [400, 401, 403, 404])
def test_refusals_are_permanent_and_name_the_mend(service: FakeOpenAI, embedder: OpenAIEmbedder, code: int) -> None:
    service.enqueue(Status(code))
    with pytest.raises(PermanentError, match="check ") as caught:
        embedder.embed(["alpha"])
    assert str(code) in str(caught.value)
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "trouble",
    [
        Status(429),
        Status(500),
        Status(503),
        Reset(),
        Torn(),
        Garbage(),
        Reply({"object": "list", "data": [], "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}),
        Reply({"data": [{"embedding": [float("nan")] * 64, "index": 0, "object": "embedding"}], "model": "m"}),
        Reply({"data": [{"embedding": [0.0] * 64, "index": 0, "object": "embedding"}], "model": "m"}),
        Reply({"data": "nonsense", "model": "m"}),
        Reply([1, 2, 3]),
    ],
    ids=lambda trouble: repr(trouble)[:40],
)
def test_passing_troubles_are_retryable(service: FakeOpenAI, embedder: OpenAIEmbedder, trouble: object) -> None:
    service.enqueue(trouble)  # type: ignore[arg-type]
    with pytest.raises(RetryableError):
        embedder.embed(["alpha"])
    assert embedder.embed(["alpha"]).shape == (1, 64)


def test_the_wish_of_the_service_to_wait_is_known(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    service.enqueue(Status(429, headers={"Retry-After": "7"}))
    with pytest.raises(RetryableError) as caught:
        embedder.embed(["alpha"])
    assert caught.value.retry_after_s == 7


def test_nobody_listening_is_retryable() -> None:
    embedder = OpenAIEmbedder("m", SecretStr(KEY), "http://127.0.0.1:9/v1")
    with pytest.raises(RetryableError):
        embedder.embed(["alpha"])


def test_a_full_batch_leaves_at_once_and_a_part_waits(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    queue, collected = queue_of(embedder, batch=3, wait_ms=60_000)
    queue.submit(["a", "b", "c", "d", "a"])
    now = clock.monotonic()
    assert queue.run_once(now) == 0.0
    assert collected.texts == ["a", "b", "c"]
    assert 0 < queue.run_once(now) <= 60.1  # "d" waits for company
    assert collected.texts == ["a", "b", "c"]
    queue.run_once(now + 61)
    assert collected.texts == ["a", "b", "c", "d"]
    assert [len(body["input"]) for body in service.history] == [3, 1]


def test_a_text_that_waits_is_not_sent_twice(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    queue, _ = queue_of(embedder, batch=10, wait_ms=0)
    queue.submit(["a", "b"])
    queue.submit(["b", "a", "c"])
    queue.run_once(clock.monotonic())
    assert [body["input"] for body in service.history] == [["a", "b", "c"]]


def test_local_texts_do_not_wait() -> None:
    queue, collected = queue_of(LocalEmbedder(), batch=200, wait_ms=60_000)
    queue.submit(["a"])
    assert queue.run_once(clock.monotonic()) == 0.0
    assert collected.texts == ["a"]


def test_an_outage_loses_no_text_and_is_said_in_the_status(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    queue, collected = queue_of(embedder, batch=10, wait_ms=0)
    service.enqueue(Status(503), Status(429, headers={"Retry-After": "5"}))
    queue.submit(["a", "b"])
    now = clock.monotonic()
    first_delay = queue.run_once(now)
    assert 0 < first_delay <= 0.5
    assert queue.trouble is not None
    assert queue.waiting() == 2
    second_delay = queue.run_once(now + 1)
    assert second_delay >= 5
    assert queue.run_once(now + 2) > 0  # not before the service wants it
    assert len(service.history) == 2
    queue.run_once(now + 10)
    assert collected.texts == ["a", "b"]
    assert queue.trouble is None


def test_vectors_of_another_size_are_refused_not_judged(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    queue, collected = queue_of(embedder, batch=10, wait_ms=0)
    queue.use(embedder, 1536, 10, 0)
    queue.submit(["a"])
    queue.run_once(clock.monotonic())
    assert collected.texts == []
    assert queue.trouble is not None
    assert "64 dimensions" in queue.trouble
