"""When the service counts as away, and when it is tried again: decided from outcomes alone, on a clock of our own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logwatchd.errors import PermanentError, RetryableError
from logwatchd.scoring.batching import REQUEST_TOKENS, Limits, next_batch, size_of
from logwatchd.scoring.breaker import OPENS_AFTER, Breaker

PASSING = RetryableError("HTTP 503")


def test_hiccups_leave_it_closed_and_a_row_of_failures_opens_it() -> None:
    breaker = Breaker()
    now = 100.0
    for _ in range(OPENS_AFTER - 1):
        breaker.failed(PASSING, began_at=now, now=now + 0.01)
        now += 1.0
    assert not breaker.open
    assert breaker.reason == "HTTP 503"
    breaker.succeeded()
    assert breaker.reason is None
    for _ in range(OPENS_AFTER):
        breaker.failed(PASSING, began_at=now, now=now + 0.01)
        now += 0.5
    assert breaker.open
    breaker.succeeded()
    assert not breaker.open


def test_requests_that_left_together_count_once() -> None:
    breaker = Breaker()
    for _ in range(10):
        breaker.failed(PASSING, began_at=100.0, now=100.1)
    assert breaker.failures == 1
    assert not breaker.open


def test_a_long_silence_opens_it_whatever_the_count() -> None:
    breaker = Breaker()
    breaker.slow(began_at=100.0, now=104.0, patience_s=5.0)
    assert not breaker.open
    breaker.slow(began_at=100.0, now=105.0, patience_s=5.0)
    assert breaker.open
    assert breaker.reason == "no answer for 5 s"


def test_what_opened_it_stays_the_reason_while_a_request_is_not_answered() -> None:
    breaker = Breaker()
    breaker.hold("the day's budget is used up", until=160.0)
    breaker.slow(began_at=100.0, now=110.0, patience_s=5.0)
    assert breaker.reason == "the day's budget is used up"


def test_a_refusal_opens_it_at_once_and_is_not_tried_again_soon() -> None:
    breaker = Breaker()
    breaker.failed(PermanentError("HTTP 401"), 100.0, 100.1)
    assert breaker.open
    assert breaker.retry_at >= 160
    breaker.mended()
    assert breaker.retry_at == 0


@given(st.lists(st.sampled_from([None, 0.0, 3.0, 50.0]), min_size=1, max_size=20))
def test_nothing_is_sent_before_the_service_wants_it_also_when_others_succeed(wishes: list[float | None]) -> None:
    breaker = Breaker()
    now, until = 100.0, 0.0
    for wish in wishes:
        breaker.failed(RetryableError("HTTP 429", wish), now, now)
        until = max(until, now + (wish or 0.0))
        assert breaker.retry_at >= until
        breaker.succeeded()
        assert breaker.retry_at <= max(until, now)
        assert until <= now or breaker.retry_at >= until
        now += 1.0


def test_while_it_is_open_probes_are_some_seconds_apart() -> None:
    breaker = Breaker()
    for attempt in range(20):
        breaker.failed(PASSING, 100.0 + attempt, 100.0 + attempt)
    breaker.sent(200.0)
    assert 202.0 <= breaker.retry_at <= 205.0


def test_a_used_up_budget_is_not_ended_by_an_answer_that_was_on_its_way() -> None:
    breaker = Breaker()
    breaker.hold("the day's budget is used up", until=160.0)
    breaker.succeeded()
    assert breaker.open
    assert breaker.retry_at == 160.0
    breaker.sent(161.0)
    breaker.succeeded()
    assert not breaker.open


@given(st.lists(st.text(min_size=1, max_size=30), max_size=60), st.integers(1, 9))
def test_batches_hold_every_text_once_in_order_and_keep_to_the_limits(texts: list[str], batch_size: int) -> None:
    limits = Limits(batch_size=batch_size, max_tokens=20)
    rest, sent = list(texts), []
    while rest:
        batch = next_batch(rest, limits)
        assert 1 <= len(batch.texts) <= batch_size
        assert batch.size_bytes == sum(min(20, size_of(text)) for text in batch.texts) <= REQUEST_TOKENS
        assert batch.full or len(batch.texts) == len(rest)
        sent += batch.texts
        rest = rest[len(batch.texts) :]
    assert sent == texts
