from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from logwatchd.alerting.lane import Lane, pause_s
from logwatchd.errors import PermanentError, RetryableError
from logwatchd.journal import Event

Entries = list[MutableMapping[str, Any]]


def lane() -> Lane:
    return Lane("slack", Event.SINK_FAILS, Event.SINK_REFUSED, Event.SINK_RECOVERED)


@given(st.integers(1, 10_000), st.none() | st.floats(0, 1e9))
def test_a_pause_grows_to_a_bound_and_respects_what_was_asked(failures: int, asked_s: float | None) -> None:
    pause = pause_s(failures, asked_s)
    assert 0.25 <= pause <= 3600
    assert pause >= min(asked_s or 0, 3600)
    assert pause_s(failures + 1, asked_s) >= pause


def test_a_failure_is_said_once_and_so_is_its_end(entries: Entries) -> None:
    service = lane()
    for turn in range(5):
        service.fail(RetryableError("no answer"), now=turn)
    assert service.state(4.5) == "resting"
    assert not service.open(4.5)
    service.succeed(100.0, pace_s=1.0)
    assert not service.open(100.9)
    assert service.open(101.0)
    assert [entry["event"] for entry in entries] == [Event.SINK_FAILS, Event.SINK_RECOVERED]


def test_it_is_down_after_three_failures_but_not_for_one(entries: Entries) -> None:
    service = lane()
    service.fail(RetryableError("busy", 7.0), now=0)
    assert not service.open(6.9)
    assert service.open(7.0)
    assert not service.down(6.9)
    service.fail(RetryableError("busy"), now=7)
    service.fail(RetryableError("busy"), now=10)
    assert service.down(10.5)


def test_a_refusal_lasts_until_it_is_renewed(entries: Entries) -> None:
    service = lane()
    service.fail(PermanentError("the webhook is gone; mend it"), now=0)
    service.fail(PermanentError("the webhook is gone; mend it"), now=0)
    assert service.state(1e9) == "refused"
    assert not service.open(1e9)
    assert service.down(1e9)
    assert [entry["event"] for entry in entries] == [Event.SINK_REFUSED]
    service.renew()
    assert service.open(0)
