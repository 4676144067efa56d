"""What waits is dealt with in the right order, and each kind of it once."""

from __future__ import annotations

import pytest

from logwatchd.requests import Request, Requests, first_of

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
