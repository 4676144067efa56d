from __future__ import annotations

import threading

import pytest

from logwatchd.alerting.bounded import BoundedCalls, CallsByService, CancelledError, share_of
from logwatchd.errors import PermanentError, RetryableError
from tests.helpers import no_threads, wait_until


def test_a_call_has_its_result_or_its_error() -> None:
    calls = BoundedCalls("a test")
    assert calls.within(5, lambda: 42) == 42

    def refuse() -> None:
        raise PermanentError("no")

    with pytest.raises(PermanentError, match="no"):
        calls.within(5, refuse)


def test_a_call_that_never_ends_is_left_alone_and_too_many_are_not_begun() -> None:
    calls, never = BoundedCalls("a test"), threading.Event()
    for _ in range(8):
        with pytest.raises(RetryableError, match="no whole answer from a test"):
            calls.within(0.0, never.wait)
    with pytest.raises(RetryableError, match="8 earlier calls to a test still have not ended"):
        calls.within(5, lambda: 42)
    never.set()

    def works() -> bool:
        try:
            return calls.within(5, lambda: 42) == 42
        except RetryableError:
            return False

    wait_until(works, what="a call after the others ended")


def test_a_call_for_which_there_is_no_thread_or_no_memory_can_be_made_again() -> None:
    calls = BoundedCalls("a test")
    with no_threads(), pytest.raises(RetryableError, match=r"no thread for a call to a test .*: raise TasksMax="):
        calls.within(5, lambda: 42)

    def fill() -> bytearray:
        return bytearray(1 << 62)

    with pytest.raises(RetryableError, match="no memory for a call to a test: raise MemoryMax="):
        calls.within(5, fill)
    assert calls.within(5, lambda: 42) == 42


def leave(calls: BoundedCalls, count: int, never: threading.Event) -> None:
    """Have so many calls hang."""
    for _ in range(count):
        with pytest.raises(RetryableError, match="no whole answer"):
            calls.within(0.0, never.wait)


def test_a_service_that_hangs_stops_no_other_and_a_changed_one_begins_anew() -> None:
    calls, never = CallsByService(), threading.Event()
    calls.renew({"slack": "old", "ops": "old"})
    leave(calls.of("slack"), 8, never)
    assert calls.of("ops").within(5, lambda: 42) == 42
    calls.renew({"slack": "old", "ops": "new"})
    with pytest.raises(RetryableError, match="8 earlier calls to slack still have not ended"):
        calls.of("slack").within(5, lambda: 42)
    calls.renew({"slack": "new", "ops": "new"})
    assert calls.of("slack").within(5, lambda: 42) == 42
    never.set()


def test_all_services_together_leave_a_bounded_number_of_calls_alone() -> None:
    """However often a reload makes another one of a service that hangs."""
    assert [share_of(count) for count in (0, 1, 4, 5, 16, 100)] == [8, 8, 8, 6, 2, 1]
    calls, never = CallsByService(), threading.Event()
    for turn in range(4):
        calls.renew({"slack": turn, "ops": ""})
        leave(calls.of("slack"), 8, never)
    calls.renew({"slack": "again", "ops": ""})
    for name in ("slack", "ops", "gone"):
        with pytest.raises(RetryableError, match=f"32 earlier calls to {name} and others still have not ended"):
            calls.of(name).within(5, lambda: 42)
    never.set()


def test_cancelling_reaches_every_service_and_those_of_before_a_reload() -> None:
    calls, never, begun = CallsByService(), threading.Event(), threading.Semaphore(0)
    ended = threading.Semaphore(0)

    def wait() -> None:
        begun.release()
        never.wait()

    def run(bounded: BoundedCalls) -> None:
        with pytest.raises(CancelledError):
            bounded.within(600, wait)
        ended.release()

    calls.renew({"slack": "old", "ops": ""})
    for name in ("slack", "ops"):
        threading.Thread(target=run, args=(calls.of(name),), daemon=True).start()
        assert begun.acquire(timeout=60)
    calls.renew({"slack": "new"})
    calls.cancel()
    assert ended.acquire(timeout=60)
    assert ended.acquire(timeout=60)
    with pytest.raises(CancelledError):
        calls.of("slack").within(600, never.wait)
    never.set()


def test_cancelling_ends_calls_under_way_and_later_ones() -> None:
    calls, never, begun = BoundedCalls("a test"), threading.Event(), threading.Event()
    ended = threading.Event()

    def wait() -> None:
        begun.set()
        never.wait()

    def run() -> None:
        with pytest.raises(CancelledError):
            calls.within(600, wait)
        ended.set()

    threading.Thread(target=run, daemon=True).start()
    assert begun.wait(60)
    calls.cancel()
    assert ended.wait(60)
    with pytest.raises(CancelledError):
        calls.within(600, never.wait)
    never.set()
