"""The embed queue over the real openai client, against a loopback server that misbehaves on command."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from logwatchd import clock
from logwatchd.parsing.redaction import Redactor
from logwatchd.scoring.backlog import Backlog
from logwatchd.scoring.batching import Limits
from logwatchd.scoring.embed_queue import EmbedQueue
from logwatchd.scoring.embedder import Embedder
from logwatchd.scoring.kept import Kept
from logwatchd.scoring.ledger import Ledger
from logwatchd.scoring.local import LocalEmbedder
from logwatchd.scoring.remote import OpenAIEmbedder, Service
from logwatchd.scoring.vector_cache import VectorCache, open_database
from logwatchd.vectors import Vectors
from tests.fakes.openai import FakeOpenAI, vector
from tests.fakes.server import Answer, Hang, Request, Status
from tests.helpers import wait_until

MODEL = "text-embedding-3-small"


@pytest.fixture
def embedder(service: FakeOpenAI) -> OpenAIEmbedder:
    return embedder_of(service)


def embedder_of(service: FakeOpenAI, timeout_s: float = 10.0) -> OpenAIEmbedder:
    return OpenAIEmbedder(Service(MODEL, service.url + "/v1", timeout_s=timeout_s), SecretStr("sk-test"))


def kept_in(folder: Path) -> Kept:
    store = open_database(folder)
    return Kept(store, VectorCache(store, 64 << 20), Ledger(store), Backlog(folder, 64 << 20))


class Bench:
    """A queue whose turns are taken by hand, and what it handed on, in order."""

    def __init__(self, embedder: Embedder, limits: Limits, kept: Kept | None = None) -> None:
        self.texts: list[str] = []
        self.vectors: list[Vectors] = []
        self.woken = threading.Event()
        self.queue = EmbedQueue(self._take, kept.cache if kept else None, kept.ledger if kept else None)
        self.queue.use(embedder, 64 if embedder.remote else (embedder.dimensions or 0), limits)
        self.queue.wake = self.woken.set

    def _take(self, texts: Sequence[str], vectors: Vectors, embedder: str) -> None:
        assert len(texts) == len(vectors)
        self.texts.extend(texts)
        self.vectors.extend(vectors)

    def turn(self, later_s: float = 0.0) -> float:
        return self.queue.run_once(clock.monotonic() + later_s)

    def until(self, done: Callable[[], object], later_s: float = 0.0) -> None:
        """Take turns until `done`, each when the queue asks for it or when an answer came."""
        deadline = time.monotonic() + 30
        while not done():
            assert time.monotonic() < deadline, "did not come true within 30 s"
            self.woken.clear()
            delay_s = self.turn(later_s)
            if not done():
                self.woken.wait(min(delay_s, 1.0))


def sent(service: FakeOpenAI) -> list[list[str]]:
    return [body["input"] for body in service.history]


def test_a_full_batch_leaves_at_once_and_a_part_waits(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    bench = Bench(embedder, Limits(batch_size=3, max_wait_ms=60_000))
    bench.queue.submit(["a", "b", "c", "d", "a"])
    bench.until(lambda: bench.texts)
    assert bench.texts == ["a", "b", "c"]
    assert 0 < bench.turn() <= 60
    assert sent(service) == [["a", "b", "c"]]  # "d" waits for company
    bench.until(lambda: len(bench.texts) == 4, later_s=61)
    assert sent(service) == [["a", "b", "c"], ["d"]]


def test_the_wait_is_that_of_the_first_text(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    bench = Bench(embedder, Limits(batch_size=3, max_wait_ms=60_000))
    bench.queue.submit(["a"])
    first = bench.turn()
    bench.queue.submit(["b"])
    assert bench.turn() <= first


def test_a_text_that_waits_or_is_on_its_way_is_not_sent_twice(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    bench = Bench(embedder, Limits(batch_size=10, max_wait_ms=0))
    release = service.hold()
    bench.queue.submit(["a", "b"])
    bench.queue.submit(["b", "a", "c"])
    bench.turn()
    bench.queue.submit(["a", "c", "d"])
    bench.turn()
    release.set()
    bench.until(lambda: len(bench.texts) == 4)
    assert sorted(sent(service)) == [["a", "b", "c"], ["d"]]


def test_requests_in_flight_are_bounded(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    bench = Bench(embedder, Limits(batch_size=1, max_wait_ms=0, max_in_flight=2))
    release, now, most = threading.Event(), Counter[str](), []

    def held(request: Request) -> Answer:
        now["flying"] += 1
        most.append(now["flying"])
        if len(most) >= 2:
            release.set()
        release.wait(30)
        now["flying"] -= 1
        return service.well(request)

    service.enqueue(*[held] * 6)
    bench.queue.submit(list("abcdef"))
    bench.until(lambda: len(bench.texts) == 6)
    assert max(most) == 2


def test_local_texts_do_not_wait() -> None:
    bench = Bench(LocalEmbedder(), Limits(batch_size=200, max_wait_ms=60_000))
    bench.queue.submit(["a"])
    assert bench.turn() == 0.0
    assert bench.texts == ["a"]


def test_an_outage_loses_no_text_and_is_said_in_the_status(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    bench = Bench(embedder, Limits(batch_size=10, max_wait_ms=0))
    service.enqueue(Status(503), Status(429, headers={"Retry-After": "5"}))
    bench.queue.submit(["a", "b"])
    bench.until(lambda: bench.queue.trouble)
    assert not bench.queue.away  # a hiccup is no outage
    assert bench.queue.waiting() == 2
    bench.until(lambda: "429" in (bench.queue.trouble or ""), later_s=1)
    assert bench.turn(later_s=1) > 3.5  # not before the service wants it
    assert len(service.history) == 2
    bench.until(lambda: bench.texts, later_s=11)
    assert bench.texts == ["a", "b"]
    assert bench.queue.trouble is None


def test_a_service_that_stays_away_is_said_to_be_away_and_is_probed(
    service: FakeOpenAI, embedder: OpenAIEmbedder
) -> None:
    bench = Bench(embedder, Limits(batch_size=2, max_wait_ms=0, max_in_flight=1))
    changes: list[bool] = []
    bench.queue.on_change = lambda: changes.append(bench.queue.away)
    service.enqueue(*[Status(503)] * 6)
    bench.queue.submit(list("abcdefgh"))
    bench.until(lambda: bench.queue.away, later_s=20)
    failed = len(service.history)
    bench.turn()
    assert len(service.history) == failed  # a probe now and then, not all that waits
    bench.until(lambda: len(bench.texts) == 8, later_s=100)
    assert changes == [True, False]
    assert sorted(bench.texts) == list("abcdefgh")


def test_a_refused_key_is_an_outage_at_once(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    bench = Bench(embedder, Limits(batch_size=10, max_wait_ms=0))
    service.enqueue(Status(401))
    bench.queue.submit(["a"])
    bench.until(lambda: bench.queue.away)
    assert "openai_api_key" in (bench.queue.trouble or "")
    bench.queue.use(embedder, 64, Limits(batch_size=10, max_wait_ms=0))  # a reload: it may be mended
    bench.until(lambda: bench.texts)
    assert not bench.queue.away


def test_no_answer_is_an_outage_before_the_time_out(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    bench = Bench(embedder, Limits(batch_size=10, max_wait_ms=0))
    hang = Hang()
    service.enqueue(hang)
    bench.queue.submit(["a"])
    bench.turn()
    assert not bench.queue.away
    bench.turn(later_s=6)
    assert bench.queue.away
    hang.until.set()


def test_what_is_withdrawn_is_not_sent(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    bench = Bench(embedder, Limits(batch_size=2, max_wait_ms=0))
    bench.queue.submit(list("abcd"))
    bench.queue.keep_only({"b", "d"})
    bench.until(lambda: len(bench.texts) == 2)
    assert sent(service) == [["b", "d"]]


def test_texts_of_which_the_same_leaves_are_sent_once_and_each_has_the_vector(
    service: FakeOpenAI, tmp_path: Path
) -> None:
    texts = [f"invalid user {name} from <IP>" for name in ("anna", "bob", "carla")] + ["disk full"]
    bench = Bench(embedder_of(service), Limits(batch_size=2, max_wait_ms=0), kept_in(tmp_path))
    service.enqueue(Status(503))
    release = service.hold()
    bench.queue.submit([texts[0], texts[3], texts[1]])
    bench.until(lambda: bench.queue.trouble)
    assert bench.queue.waiting() == 3
    bench.turn(later_s=5)
    wait_until(lambda: len(service.history) == 2, what="the request on its way")
    bench.queue.submit([texts[2], texts[1]])
    bench.turn(later_s=5)
    assert bench.queue.waiting() == 4
    release.set()
    bench.until(lambda: len(bench.texts) == 4)
    assert sorted(bench.texts) == sorted(texts)
    assert sent(service)[1:] == [["invalid user <user> from <IP>", "disk full"]]
    found = dict(zip(bench.texts, bench.vectors, strict=True))
    assert all(np.array_equal(found[text], found[texts[0]]) for text in texts[:3])
    assert np.allclose(found["disk full"], vector("disk full", 64), atol=1e-3)
    assert bench.queue.waiting() == 0
    again = Bench(embedder_of(service), Limits(max_wait_ms=0), kept_in(tmp_path))
    again.queue.submit(["invalid user dora from <IP>"])
    again.until(lambda: again.texts)
    assert len(service.history) == 2


def test_one_of_two_askers_may_withdraw(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    bench = Bench(embedder, Limits(batch_size=10, max_wait_ms=60_000))
    bench.queue.submit(["user anna failed", "user bob failed", "user carla was here"])
    bench.turn()
    bench.queue.keep_only({"user bob failed"})
    bench.queue.submit(["user anna failed"])
    bench.queue.keep_only({"user bob failed"})
    bench.until(lambda: bench.texts, later_s=61)
    assert bench.texts == ["user bob failed"]
    assert sent(service) == [["user <user> failed"]]
    assert bench.queue.waiting() == 0


def test_a_new_rule_holds_for_what_waits_and_for_what_is_sent_again(service: FakeOpenAI, tmp_path: Path) -> None:
    limits = Limits(batch_size=1, max_wait_ms=0, max_in_flight=1)
    bench = Bench(embedder_of(service), limits)
    release = service.hold(Status(503))
    bench.queue.submit(["CUST-a paid", "CUST-b paid", "CUST-c went"])
    bench.turn()
    wait_until(lambda: service.history, what="the first request")
    redact = Redactor(b"", [("customer", "CUST-[a-z]")]).masked
    new = OpenAIEmbedder(Service(MODEL, service.url + "/v1"), SecretStr("sk-test"), redact=redact)
    bench.queue.use(new, 64, limits)
    release.set()
    bench.until(lambda: len(bench.texts) == 3, later_s=5)
    assert sorted(bench.texts) == ["CUST-a paid", "CUST-b paid", "CUST-c went"]
    assert not [text for batch in sent(service)[1:] for text in batch if "CUST-" in text]


def test_another_model_and_back_keeps_no_text_waiting(service: FakeOpenAI) -> None:
    limits = Limits(batch_size=10, max_wait_ms=0)
    bench = Bench(embedder_of(service), limits)
    release = service.hold(Status(503))
    bench.queue.submit(["a", "b"])
    bench.turn()
    wait_until(lambda: service.history, what="the first request")
    bench.queue.use(OpenAIEmbedder(Service("another", service.url + "/v1"), SecretStr("sk-test")), 64, limits)
    bench.queue.use(embedder_of(service), 64, limits)
    bench.queue.submit(["b"])
    release.set()
    bench.until(lambda: bench.texts, later_s=5)
    bench.queue.keep_only(())
    bench.turn()
    assert bench.texts == ["b"]
    assert bench.queue.waiting() == 0


def test_vectors_of_another_size_are_refused_not_judged(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    bench = Bench(embedder, Limits(batch_size=10, max_wait_ms=0))
    bench.queue.use(embedder, 1536, Limits(batch_size=10, max_wait_ms=0))
    bench.queue.submit(["a"])
    bench.until(lambda: bench.queue.trouble)
    assert bench.texts == []
    assert "64 dimensions" in (bench.queue.trouble or "")


def test_a_reload_while_texts_are_on_their_way_counts_and_sends_them_once(service: FakeOpenAI, tmp_path: Path) -> None:
    kept = kept_in(tmp_path)
    limits = Limits(batch_size=10, max_wait_ms=0, usd_per_million_tokens=20.0)
    old, new = embedder_of(service), embedder_of(service)
    bench = Bench(old, limits, kept)
    bench.queue.submit(["a" * 400])
    bench.until(lambda: bench.texts)
    release = service.hold()
    bench.queue.submit(["b" * 400])
    bench.turn()
    wait_until(lambda: len(service.history) == 2, what="the second request")
    bench.queue.use(new, 64, limits)
    bench.queue.submit(["b" * 400, "c" * 400])
    bench.turn()
    release.set()
    bench.until(lambda: len(bench.texts) == 3)
    assert sorted(service.answered) == ["a" * 400, "b" * 400, "c" * 400]
    assert bench.queue.tokens == old.tokens + new.tokens == 303
    assert kept.ledger.today().tokens == 303


def test_another_model_asks_anew_and_is_not_given_what_the_old_one_answers(service: FakeOpenAI, tmp_path: Path) -> None:
    bench = Bench(embedder_of(service), Limits(batch_size=10, max_wait_ms=0), kept_in(tmp_path))
    release = service.hold()
    bench.queue.submit(["a"])
    bench.turn()
    wait_until(lambda: service.history, what="the first request")
    other = OpenAIEmbedder(Service("another", service.url + "/v1"), SecretStr("sk-test"))
    bench.queue.use(other, 64, Limits(batch_size=10, max_wait_ms=0))
    bench.queue.submit(["a"])  # as the score stage does when it takes the new baseline
    bench.until(lambda: bench.texts)
    release.set()
    wait_until(lambda: len(service.answered) == 2, what="the late answer")
    bench.turn()
    assert bench.texts == ["a"]
    assert [body["model"] for body in service.history] == [MODEL, "another"]


def test_an_unforeseen_error_ends_the_stage(service: FakeOpenAI) -> None:
    class Broken(LocalEmbedder):
        def embed(self, texts: Sequence[str]) -> Vectors:
            raise ZeroDivisionError

    bench = Bench(Broken(), Limits())
    bench.queue.submit(["a"])
    with pytest.raises(ZeroDivisionError):
        bench.turn()


def test_a_second_start_asks_for_nothing(service: FakeOpenAI, tmp_path: Path) -> None:
    texts = [f"text {i}" for i in range(450)]
    first = Bench(embedder_of(service), Limits(max_wait_ms=0), kept_in(tmp_path))
    first.queue.submit(texts)
    first.until(lambda: len(first.texts) == 450)
    calls = len(service.history)
    second = Bench(embedder_of(service), Limits(max_wait_ms=0), kept_in(tmp_path))
    second.queue.submit(texts)
    second.until(lambda: len(second.texts) == 450)
    assert len(service.history) == calls
    assert second.queue.hits == 450
    before = {text: found.tobytes() for text, found in zip(first.texts, first.vectors, strict=True)}
    assert before == {text: found.tobytes() for text, found in zip(second.texts, second.vectors, strict=True)}
    assert np.allclose(second.vectors[0], vector(second.texts[0], 64), atol=1e-3)


def test_a_full_queue_sends_the_fewest_requests(service: FakeOpenAI, embedder: OpenAIEmbedder) -> None:
    bench = Bench(embedder, Limits(batch_size=100, max_wait_ms=0, max_in_flight=4))
    texts = [f"text {i}" for i in range(4950)]
    bench.queue.submit(texts)
    bench.until(lambda: len(bench.texts) == len(texts))
    assert len(service.history) == 50
    assert Counter(text for batch in sent(service) for text in batch) == Counter(texts)


def test_a_used_up_budget_is_an_outage(service: FakeOpenAI, embedder: OpenAIEmbedder, tmp_path: Path) -> None:
    kept = kept_in(tmp_path)
    limits = Limits(batch_size=10, max_wait_ms=0, max_in_flight=1, daily_usd=0.001, usd_per_million_tokens=20.0)
    bench = Bench(embedder, limits, kept)
    bench.queue.submit([f"{i} " + "x" * 38 for i in range(40)])  # 11 tokens each: 440 tokens for 50 that may be had
    bench.until(lambda: bench.queue.away)
    assert len(bench.texts) == 0
    assert "budget of $0.001" in (bench.queue.trouble or "")
    bench.queue.use(embedder, 64, Limits(batch_size=10, max_wait_ms=0, daily_usd=1.0, usd_per_million_tokens=20.0))
    bench.until(lambda: len(bench.texts) == 40)
    assert not bench.queue.away
    assert kept.ledger.today().texts == 40
    assert kept.ledger.today().usd == pytest.approx(embedder.tokens * 20 / 1e6)


def test_a_restart_does_not_renew_the_budget(service: FakeOpenAI, tmp_path: Path) -> None:
    limits = Limits(batch_size=4, max_wait_ms=0, max_in_flight=1, daily_usd=0.001, usd_per_million_tokens=20.0)
    texts = [f"{i} " + "x" * 38 for i in range(8)]
    first = Bench(embedder_of(service), limits, kept_in(tmp_path))
    first.queue.submit(texts[:4])
    first.until(lambda: first.texts)
    second = Bench(embedder_of(service), limits, kept_in(tmp_path))
    second.queue.submit(texts[4:])
    second.until(lambda: second.queue.away)
    assert len(service.history) == 1
