"""What waits is dealt with in the right order, and each kind of it once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from logwatchd import clock
from logwatchd.requests import Phase, Request, Requests, first_of

RELOAD, LEARNED, STOP, DIED, ENDED = Request.RELOAD, Request.LEARNED, Request.STOP, Request.DIED, Request.ENDED


@pytest.mark.parametrize(
    ("waiting", "chosen", "left"),
    [
        ([RELOAD], RELOAD, []),
        ([RELOAD, RELOAD, RELOAD], RELOAD, []),
        ([RELOAD, LEARNED, RELOAD], RELOAD, [LEARNED]),
        ([LEARNED, RELOAD], LEARNED, [RELOAD]),
        ([RELOAD, RELOAD, STOP], STOP, [RELOAD, RELOAD]),
        ([RELOAD, DIED, STOP], DIED, [RELOAD, STOP]),
        ([LEARNED, ENDED, RELOAD], ENDED, [LEARNED, RELOAD]),
    ],
)
def test_an_end_goes_first_and_what_waits_of_a_kind_is_one(
    waiting: list[Request], chosen: Request, left: list[Request]
) -> None:
    assert first_of(waiting) == (chosen, left)


def test_what_is_asked_for_while_a_reload_is_under_way_is_another_one() -> None:
    requests = Requests()
    for _ in range(3):
        requests.put(RELOAD)
    requests.put(LEARNED)
    assert requests.next(1.0) is RELOAD
    for _ in range(3):
        requests.put(RELOAD)
    assert [requests.next(1.0), requests.next(1.0), requests.next(0.0)] == [LEARNED, RELOAD, None]
    for request in (RELOAD, LEARNED, STOP):
        requests.put(request)
    assert requests.next(1.0) is STOP


@pytest.fixture
def _signals_restored() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("_signals_restored")
def test_a_stop_that_is_asked_for_twice_at_once_is_one_and_a_later_one_is_an_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[int] = []
    now = [100.0]
    monkeypatch.setattr(os, "_exit", ended.append)
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    requests = Requests()
    requests.listen()
    requests.phase = Phase.SERVING
    signal.raise_signal(signal.SIGINT)
    assert requests.next(1.0) is STOP
    requests.phase = Phase.STOPPING
    for now[0], codes in ((100.9, []), (101.1, [130])):
        signal.raise_signal(signal.SIGINT)
        assert ended == codes


@pytest.mark.usefixtures("_signals_restored")
def test_a_stop_of_a_daemon_that_stops_of_itself_is_an_order(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    requests = Requests()
    requests.listen()
    requests.phase = Phase.STOPPING
    signal.raise_signal(signal.SIGTERM)
    assert ended == [143]
