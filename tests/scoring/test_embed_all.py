"""Embedding any number of texts in batches, from a service that changes its model under the same name meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from logwatchd.errors import PermanentError
from logwatchd.scoring.cached import CachedEmbedder
from logwatchd.scoring.embedder import Embedder
from logwatchd.scoring.embedders import embed_all
from logwatchd.scoring.ledger import Ledger
from logwatchd.scoring.remote import OpenAIEmbedder, Service
from logwatchd.scoring.vector_cache import VectorCache, open_database
from tests.fakes.openai import FakeOpenAI

TEXTS = [f"text {'abcdefghij'[number]}" for number in range(10)]


@pytest.fixture(params=[False, True], ids=["asked", "kept"])
def embedder(service: FakeOpenAI, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Embedder]:
    remote = OpenAIEmbedder(Service("m", service.url + "/v1"), SecretStr("sk-test"))
    if not request.param:
        yield remote
        return
    database = open_database(tmp_path)
    yield CachedEmbedder(remote, VectorCache(database, 1 << 20), Ledger(database), 0.0)
    database.close()


def test_vectors_of_another_length_have_all_asked_for_once_more(service: FakeOpenAI, embedder: Embedder) -> None:
    def after_the_first(done: int) -> None:
        service.dimensions = 32

    vectors = embed_all(embedder, TEXTS, 4, after_the_first)
    assert vectors.shape == (10, 32)
    assert vectors.any(axis=1).all()
    assert set(service.answered[8:]) >= set(TEXTS[:4])


def test_a_service_that_goes_on_changing_is_one_clear_line(service: FakeOpenAI, embedder: Embedder) -> None:
    def change(done: int) -> None:
        service.dimensions += 1

    with pytest.raises(
        PermanentError, match=r"^openai:m\+redacted: vectors of \d+ dimensions after others of \d+: .*--clear"
    ):
        embed_all(embedder, TEXTS, 4, change)
