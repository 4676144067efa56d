"""Network calls that end in time: the SDKs bound each read, but not the whole of an answer that comes in drops."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from logwatchd import clock
from logwatchd.errors import RetryableError, starved

_T = TypeVar("_T")
_SLICE_S = 0.1
_MAX_LEFT = 8


class CancelledError(Exception):
    """The call was given up because we are stopping."""


class _Outcome(Generic[_T]):
    def __init__(self) -> None:
        self.ended = threading.Event()
        self.value: _T | None = None
        self.error: BaseException | None = None


class BoundedCalls:
    """Makes calls in threads of their own, and leaves a thread alone whose call does not end in time."""

    def __init__(self, what: str) -> None:
        """what: names the thread and the error."""
        self._what = what
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._left = 0

    def cancel(self) -> None:
        """Give up the calls that are being made, and all later ones."""
        self._cancelled.set()

    def within(self, timeout_s: float, call: Callable[[], _T]) -> _T:
        """The call's result, or its error.

        Raises:
            RetryableError: it did not end in time, too many earlier ones still have not ended, or there is no thread or
                memory for it.
            CancelledError: `cancel` was called.
        """
        with self._lock:
            if self._left >= _MAX_LEFT:
                raise RetryableError(f"{self._left} earlier calls to {self._what} still have not ended")
        outcome: _Outcome[_T] = _Outcome()
        try:
            threading.Thread(target=self._make, args=(call, outcome), name=self._what, daemon=True).start()
        except (RuntimeError, MemoryError) as error:
            raise starved(f"a call to {self._what}", error) from None
        deadline = clock.monotonic() + timeout_s
        while not outcome.ended.wait(_SLICE_S):
            late = clock.monotonic() >= deadline
            if late or self._cancelled.is_set():
                with self._lock:
                    if outcome.ended.is_set():
                        break
                    self._left += 1
                    outcome.error = CancelledError()  # tells the thread that nobody waits for it any more
                if not late:
                    raise CancelledError
                raise RetryableError(f"no whole answer from {self._what} within {timeout_s:.0f} s")
        if isinstance(outcome.error, MemoryError):
            raise starved(f"a call to {self._what}", outcome.error) from None
        if outcome.error is not None:
            raise outcome.error
        return outcome.value  # type: ignore[return-value]  # without an error it is the call's own result

    def _make(self, call: Callable[[], _T], outcome: _Outcome[_T]) -> None:
        value: _T | None = None
        error: BaseException | None = None
        try:
            value = call()
        except BaseException as caught:
            error = caught
        with self._lock:
            if outcome.error is not None:
                self._left -= 1
                return
            outcome.value, outcome.error = value, error
            outcome.ended.set()
