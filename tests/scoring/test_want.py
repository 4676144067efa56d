"""The embed queue in want of threads or of memory: its texts wait."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from pydantic import SecretStr

from logwatchd.scoring.batching import Limits
from logwatchd.scoring.remote import OpenAIEmbedder, Service
from logwatchd.vectors import Vectors
from tests.fakes.openai import FakeOpenAI
from tests.helpers import no_threads
from tests.scoring.test_embed_queue import MODEL, Bench, embedder_of


def test_without_threads_texts_wait(service: FakeOpenAI) -> None:
    bench = Bench(embedder_of(service), Limits(batch_size=10, max_wait_ms=0))
    bench.queue.submit(["a", "b"])
    with no_threads():
        assert bench.turn() == 0.0
        assert 0 < bench.turn() < 1
    assert re.fullmatch("no thread for a request for embeddings .*: raise TasksMax= .*", bench.queue.trouble or "")
    assert bench.queue.waiting() == 2
    bench.until(lambda: bench.texts, later_s=60)
    assert bench.texts == ["a", "b"]
    assert bench.queue.trouble is None


def test_without_memory_texts_wait(service: FakeOpenAI) -> None:
    class Full(OpenAIEmbedder):
        full = True

        def embed(self, texts: Sequence[str]) -> Vectors:
            return super().embed(texts) if not self.full else np.ones(1 << 60, dtype=np.float32)

    embedder = Full(Service(MODEL, service.url + "/v1"), SecretStr("sk-test"))
    bench = Bench(embedder, Limits(batch_size=10, max_wait_ms=0))
    bench.queue.submit(["a", "b"])
    bench.until(lambda: bench.queue.trouble)
    assert "no memory for the answer to a request for embeddings: raise MemoryMax=" in (bench.queue.trouble or "")
    embedder.full = False
    bench.until(lambda: bench.texts, later_s=60)
    assert bench.texts == ["a", "b"]
