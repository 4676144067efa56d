"""A text that an embedding service does not take, over the real openai client: it alone suffers for it."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import SecretStr

from logwatchd.errors import PermanentError, RetryableError
from logwatchd.scoring.isolating import PROBE
from logwatchd.scoring.remote import OpenAIEmbedder, Service
from tests.fakes.openai import FakeOpenAI, vector
from tests.fakes.server import Answer, Reply, Status

TEXTS = [f"an error of number {word}" for word in ("one", "two", "three", "four", "five", "six", "seven")]
ODD = "an odd line with zorp in it"
NAN = Reply({"data": [{"embedding": [float("nan")] * 64, "index": 0, "object": "embedding"}], "model": "m"})


@pytest.fixture
def embedder(service: FakeOpenAI) -> OpenAIEmbedder:
    return OpenAIEmbedder(Service("text-embedding-3-small", service.url + "/v1"), SecretStr("sk-test"))


def refuse(service: FakeOpenAI, word: str, answer: Answer) -> None:
    service.refusal = lambda texts: answer if any(word in text for text in texts) else None


def embed_at_last(embedder: OpenAIEmbedder, texts: list[str]) -> np.ndarray:
    """As the queue does, which sends again what failed."""
    for _ in range(2):
        try:
            return embedder.embed(texts)
        except RetryableError:
            pass
    return embedder.embed(texts)


@pytest.mark.parametrize("answer", [Status(400), Status(413), Status(422), Status(500), NAN], ids=repr)
@pytest.mark.parametrize("place", [0, 3, 7])
def test_the_others_have_their_vectors(
    service: FakeOpenAI, embedder: OpenAIEmbedder, answer: Answer, place: int
) -> None:
    refuse(service, "zorp", answer)
    texts = [*TEXTS[:place], ODD, *TEXTS[place:]]
    found = embed_at_last(embedder, texts)
    assert not found[place].any(), "as far as can be from all that is known"
    for text, row in zip(TEXTS, np.delete(found, place, axis=0), strict=True):
        assert row @ vector(text, 64) == pytest.approx(1.0, abs=1e-5)
    assert (embedder.refused, embedder.cut) == (1, 0)
    assert len(service.requests) < 4 * np.log2(len(texts)) + 6


def test_one_that_is_too_long_is_embedded_by_its_beginning(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    service.refusal = lambda texts: Status(400) if any(len(text) > 300 for text in texts) else None
    long = "a long line " * 200
    found = embedder.embed([TEXTS[0], long])
    assert found[1] @ vector(("a long line " * 12)[:150].rstrip(), 64) == pytest.approx(1.0, abs=1e-2)
    assert (embedder.refused, embedder.cut) == (0, 1)


def test_a_service_that_takes_fewer_texts_at_once_gets_them_in_parts(
    service: FakeOpenAI, embedder: OpenAIEmbedder
) -> None:
    service.refusal = lambda texts: Status(413) if len(texts) > 2 else None
    assert embedder.embed(TEXTS).any(axis=1).all()
    assert (embedder.refused, embedder.cut) == (0, 0)


def test_where_nothing_is_taken_no_text_is_at_fault(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    service.trouble = lambda: Status(400)
    with pytest.raises(PermanentError, match=r"HTTP 400: .* check embedder\.model"):
        embedder.embed(TEXTS)
    assert [request.body["input"] for request in service.requests] == [TEXTS, [PROBE]]


def test_a_hiccup_is_nobodys_fault_before_it_came_three_times(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    for _ in range(3):  # whatever came before: a request that was answered begins anew
        service.trouble = lambda: Status(500)
        for _ in range(2):
            with pytest.raises(RetryableError, match="HTTP 500"):
                embedder.embed(TEXTS)
        service.trouble = lambda: None
        assert embedder.embed(TEXTS).any(axis=1).all()
    assert PROBE not in service.answered
    service.trouble = lambda: Status(503)
    for _ in range(9):
        with pytest.raises(RetryableError):
            embedder.embed(TEXTS)
    assert [PROBE] not in [request.body["input"] for request in service.requests], "busy, and no text's fault"


def test_a_service_that_goes_while_it_is_asked_for_parts_is_asked_again(
    service: FakeOpenAI, embedder: OpenAIEmbedder
) -> None:
    answers = iter([Status(400), None, Status(503)])
    service.trouble = lambda: next(answers, None)
    with pytest.raises(RetryableError, match="HTTP 503"):
        embedder.embed(TEXTS)
    assert embedder.embed(TEXTS).any(axis=1).all()
