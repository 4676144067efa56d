"""The real openai client against a loopback server that misbehaves on command."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from logwatchd import clock
from logwatchd.errors import PermanentError, RetryableError
from logwatchd.parsing.normalise import normalise
from logwatchd.parsing.redaction import Redactor
from logwatchd.scoring.batching import Limits, cut, next_batch
from logwatchd.scoring.cached import CachedEmbedder
from logwatchd.scoring.embedder import model_of
from logwatchd.scoring.ledger import Ledger
from logwatchd.scoring.pauses import pause_s, retry_after_s
from logwatchd.scoring.remote import OpenAIEmbedder, Service
from logwatchd.scoring.vector_cache import VectorCache, open_database
from tests.fakes.openai import FakeOpenAI, vector
from tests.fakes.server import Drip, Garbage, Hang, Reply, Reset, Status, Torn
from tests.helpers import wait_until
from tests.parsing.planted import PLANTED, left_of

KEY = "sk-test-not-to-be-shown"
MODEL = "text-embedding-3-small"


@pytest.fixture
def embedder(service: FakeOpenAI) -> OpenAIEmbedder:
    return OpenAIEmbedder(Service(MODEL, service.url + "/v1"), SecretStr(KEY))


def test_vectors_come_back_in_order_and_normalised(embedder: OpenAIEmbedder) -> None:
    vectors = embedder.embed(["alpha", "beta"])
    assert np.allclose(vectors, [vector("alpha", 64), vector("beta", 64)], atol=1e-6)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)


def test_the_key_goes_into_the_header_and_nowhere_else(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    embedder.embed(["alpha"])
    assert service.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY.encode() not in service.requests[0].raw
    assert KEY not in repr(embedder.__dict__)


def test_no_secret_leaves_and_what_is_the_same_without_them_is_sent_once(
    service: FakeOpenAI, embedder: OpenAIEmbedder
) -> None:
    """A hundred of them, as they stand and as what the normaliser leaves of their lines."""
    texts = [text for line, _ in PLANTED for text in (line, normalise(line))] + ["user anna failed", "user bob failed"]
    vectors = embedder.embed(texts)
    (sent,) = (body["input"] for body in service.history)
    assert len(PLANTED) >= 100
    assert {*sent} == {embedder.redact(text) for text in texts}
    safe = [embedder.redact(normalise(line)) for line, _ in PLANTED]
    assert [part for (_, secret), text in zip(PLANTED, safe, strict=True) for part in left_of(secret, text)] == []
    long = [secret for _, secret in PLANTED if len(secret) >= 6]
    assert [secret for secret in long if secret in "\n".join(sent)] == []
    assert len(set(sent)) == len(sent) < len(texts) == len(vectors)
    assert np.array_equal(vectors[-1], vectors[-2])
    assert np.allclose(vectors[0], vector(embedder.redact(texts[0]), 64), atol=1e-6)


def test_what_the_configuration_adds_does_not_leave_either(service: FakeOpenAI) -> None:
    redact = Redactor(b"", [("customer", r"CUST-\w+")], [KEY]).masked
    OpenAIEmbedder(Service(MODEL, service.url + "/v1"), SecretStr(KEY), redact=redact).embed([f"CUST-abz sent {KEY}"])
    assert service.history[0]["input"] == ["<customer> sent <secret>"]


def test_vectors_of_texts_as_they_stood_are_those_of_another_embedder(embedder: OpenAIEmbedder) -> None:
    assert embedder.name == f"openai:{MODEL}+redacted"
    assert model_of(embedder.name) == model_of(f"openai:{MODEL}") == MODEL
    assert model_of("local-1") is None


def test_tokens_are_those_that_the_service_counts(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    embedder.embed(["alpha", "a longer text than that"])
    usage = {"prompt_tokens": 1234, "total_tokens": 1234}
    data = [{"object": "embedding", "index": 0, "embedding": [1.0] + [0.0] * 63}]
    before = embedder.tokens
    service.enqueue(Reply({"object": "list", "data": data, "model": MODEL, "usage": usage}))
    embedder.embed(["beta"])
    assert before == (5 // 4 + 1) + (23 // 4 + 1)
    assert embedder.tokens - before == 1234


def test_a_count_of_tokens_that_cannot_be_is_none(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    data = [{"object": "embedding", "index": 0, "embedding": [1.0] + [0.0] * 63}]
    service.enqueue(Reply({"object": "list", "data": data, "model": MODEL, "usage": {"prompt_tokens": 10**400}}))
    embedder.embed(["beta"])
    assert embedder.tokens == 4 // 4 + 1


def test_dimensions_are_asked_for(service: FakeOpenAI) -> None:
    embedder = OpenAIEmbedder(Service(MODEL, service.url + "/v1", dimensions=16), SecretStr(KEY))
    assert embedder.embed(["alpha"]).shape == (1, 16)
    assert service.history[0]["dimensions"] == 16
    assert embedder.dimensions == 16


def test_other_dimensions_than_were_asked_for_are_permanent(service: FakeOpenAI) -> None:
    embedder = OpenAIEmbedder(Service(MODEL, service.url + "/v1", dimensions=16), SecretStr(KEY))
    data = [{"object": "embedding", "index": 0, "embedding": [1.0] * 8}]
    service.enqueue(Reply({"object": "list", "data": data, "model": MODEL}))
    with pytest.raises(PermanentError, match=r"8 dimensions where embedder\.dimensions = 16"):
        embedder.embed(["alpha"])


@pytest.mark.parametrize("code", [400, 401, 403, 404])
def test_refusals_are_permanent_and_name_the_mend(service: FakeOpenAI, embedder: OpenAIEmbedder, code: int) -> None:
    service.trouble = lambda: Status(code)
    with pytest.raises(PermanentError, match="check ") as caught:
        embedder.embed(["alpha"])
    assert str(code) in str(caught.value)
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_account_without_credit_is_no_passing_429(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    error = {"message": "You exceeded your current quota", "type": "x", "code": "insufficient_quota"}
    service.enqueue(Status(429, json.dumps({"error": error})))
    with pytest.raises(PermanentError, match="billing"):
        embedder.embed(["alpha"])


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
        Garbage(b"[" * 5000),
        Garbage(b'{"data": ' + b"[" * 5000),
        Reply({"data": [{"embedding": [10**400] * 64, "index": 0, "object": "embedding"}], "model": "m"}),
    ],
    ids=lambda trouble: repr(trouble)[:40],
)
def test_passing_troubles_are_retryable(service: FakeOpenAI, embedder: OpenAIEmbedder, trouble: object) -> None:
    service.enqueue(trouble)  # type: ignore[arg-type]
    with pytest.raises(RetryableError):
        embedder.embed(["alpha"])
    assert embedder.embed(["alpha"]).shape == (1, 64)


@pytest.mark.parametrize("trouble", [Drip(0.02), Drip(0.02, head=True), Hang()], ids=["drips", "drips early", "hangs"])
def test_no_answer_holds_its_thread_for_longer_than_the_time_out(service: FakeOpenAI, trouble: Drip | Hang) -> None:
    embedder = OpenAIEmbedder(Service(MODEL, service.url + "/v1", timeout_s=0.3), SecretStr(KEY))
    service.enqueue(trouble)
    outcome: list[str] = []

    def ask() -> None:
        try:
            embedder.embed(["alpha"])
        except RetryableError as error:
            outcome.append(str(error))

    thread = threading.Thread(target=ask, daemon=True)
    began = time.monotonic()
    thread.start()
    thread.join(60)
    assert outcome, f"still waiting after {time.monotonic() - began:.0f} s"

    def answered() -> bool:
        with suppress(RetryableError):  # .3 s may be too short for a busy machine as well
            return embedder.embed(["alpha"]).shape == (1, 64)
        return False

    wait_until(answered)


def test_the_wish_of_the_service_to_wait_is_known(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    service.enqueue(Status(429, headers={"Retry-After": "7"}))
    with pytest.raises(RetryableError) as caught:
        embedder.embed(["alpha"])
    assert caught.value.retry_after_s == 7


def test_retry_after_may_be_a_date_and_may_be_nonsense() -> None:
    date = (clock.utc_now() + timedelta(seconds=100)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert 90 < (retry_after_s({"retry-after": date}) or 0) <= 100
    for text in ("soon", "nan", "inf", ""):
        assert retry_after_s({"retry-after": text}) is None
    assert retry_after_s({"retry-after": "-5"}) == 0
    assert retry_after_s({"retry-after": "9999999"}) == 3600


def test_pauses_grow_differ_and_are_never_shorter_than_wanted() -> None:
    first = {pause_s(0, None, longest_s=30) for _ in range(50)}
    late = {pause_s(20, None, longest_s=30) for _ in range(50)}
    assert len(first) > 10
    assert max(first) <= 0.5
    assert 15 <= min(late) <= max(late) <= 30
    assert all(pause_s(0, 7, longest_s=30) > 7 for _ in range(50))


def test_a_command_tries_again_by_itself(service: FakeOpenAI) -> None:
    embedder = OpenAIEmbedder(Service(MODEL, service.url + "/v1"), SecretStr(KEY), retries=2)
    service.enqueue(Status(503), Status(429, headers={"Retry-After": "0.1"}))
    assert embedder.embed(["alpha"]).shape == (1, 64)
    assert len(service.requests) == 3


def test_a_service_that_changed_its_model_under_the_same_name_is_asked_anew(
    service: FakeOpenAI, embedder: OpenAIEmbedder, tmp_path: Path
) -> None:
    database = open_database(tmp_path)
    cached = CachedEmbedder(embedder, VectorCache(database, 1 << 20), Ledger(database), 0.0)
    assert cached.embed(["alpha", "beta"]).shape == (2, 64)
    service.dimensions = 32
    assert cached.embed(["alpha", "gamma"]).shape == (2, 32)
    assert service.answered == ["alpha", "beta", "gamma", "alpha"]


def test_nobody_listening_is_retryable() -> None:
    embedder = OpenAIEmbedder(Service("m", "http://127.0.0.1:9/v1"), SecretStr(KEY))
    with pytest.raises(RetryableError):
        embedder.embed(["alpha"])


def test_long_texts_are_cut_at_a_word_and_counted(service: FakeOpenAI) -> None:
    embedder = OpenAIEmbedder(Service(MODEL, service.url + "/v1", max_tokens=100), SecretStr(KEY))
    embedder.embed(["short", "word " * 19 + "another one"])
    assert service.history[0]["input"] == ["short", ("word " * 19).rstrip()]
    assert embedder.cut == 1


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a" * 10, "a" * 10),
        ("a" * 11, "a" * 10),
        ("aaaaaaaa bbb", "aaaaaaaa"),
        ("a bbbbbbbbbbb", "a bbbbbbbb"),
        ("ääää äääää", "ääää"),
        ("ääääää", "äääää"),
    ],
)
def test_a_cut_is_made_at_a_sensible_place(text: str, kept: str) -> None:
    assert cut(text, 10) == kept


def test_requests_are_sized_by_tokens_as_well() -> None:
    texts = [f"{i:04d}" + "x" * 7996 for i in range(100)]
    batch = next_batch(texts, Limits(batch_size=200, max_tokens=8191))
    assert batch.full
    assert len(batch.texts) == 300_000 // 8000
    assert next_batch(texts[:3], Limits(batch_size=200)).full is False
    assert len(next_batch(["y" * 1_000_000], Limits()).texts) == 1
