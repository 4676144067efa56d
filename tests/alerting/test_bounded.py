from __future__ import annotations

import threading

import pytest

from logwatchd.alerting.bounded import BoundedCalls, CancelledError
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
    assert begun.wait(10)
    calls.cancel()
    assert ended.wait(10)
    with pytest.raises(CancelledError):
        calls.within(600, never.wait)
    never.set()
