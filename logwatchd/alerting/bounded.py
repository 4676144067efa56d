"""Network calls that end in time: the SDKs bound each read, but not the whole of an answer that comes in drops."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from logwatchd import clock
from logwatchd.errors import RetryableError, starved

_T = TypeVar("_T")
_SLICE_S = 0.1
_MAX_LEFT = 8  # of one service
_MAX_LEFT_IN_ALL = 32  # of all sinks: each is a thread, and the unit allows 128


class CancelledError(Exception):
    """The call was given up because we are stopping."""


def share_of(services: int) -> int:
    """How many calls to each of so many services may be left alone, so that all of them keep within what all may."""
    return max(1, min(_MAX_LEFT, _MAX_LEFT_IN_ALL // max(1, services)))


@dataclass(slots=True)
class _Common:
    """What the calls to several services have in common. left: calls of all that nobody waits for; under `lock`."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    left: int = 0
    most_left: int = _MAX_LEFT_IN_ALL


class _Outcome(Generic[_T]):
    def __init__(self) -> None:
        self.ended = threading.Event()
        self.value: _T | None = None
        self.error: BaseException | None = None


class BoundedCalls:
    """Makes calls in threads of their own, and leaves a thread alone whose call does not end in time."""

    def __init__(self, what: str, most_left: int = _MAX_LEFT, common: _Common | None = None) -> None:
        """what: names the thread and the error. most_left: when so many calls were left alone, none is begun."""
        self.most_left = most_left
        self._what = what
        self._common = common or _Common()
        self._left = 0

    def cancel(self) -> None:
        """Give up the calls that are being made, and all later ones."""
        self._common.cancelled.set()

    def within(self, timeout_s: float, call: Callable[[], _T]) -> _T:
        """The call's result, or its error.

        Raises:
            RetryableError: it did not end in time, too many earlier ones still have not ended, or there is no thread or
                memory for it.
            CancelledError: `cancel` was called.
        """
        common = self._common
        with common.lock:
            if self._left >= self.most_left:
                raise RetryableError(f"{self._left} earlier calls to {self._what} still have not ended")
            if common.left >= common.most_left:
                raise RetryableError(f"{common.left} earlier calls to {self._what} and others still have not ended")
        outcome: _Outcome[_T] = _Outcome()
        try:
            threading.Thread(target=self._make, args=(call, outcome), name=self._what, daemon=True).start()
        except (RuntimeError, MemoryError) as error:
            raise starved(f"a call to {self._what}", error) from None
        deadline = clock.monotonic() + timeout_s
        while not outcome.ended.wait(_SLICE_S):
            late = clock.monotonic() >= deadline
            if late or common.cancelled.is_set():
                with common.lock:
                    if outcome.ended.is_set():
                        break
                    self._left += 1
                    common.left += 1
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
        with self._common.lock:
            if outcome.error is not None:
                self._left -= 1
                self._common.left -= 1
                return
            outcome.value, outcome.error = value, error
            outcome.ended.set()


class CallsByService:
    """The calls to each service, bounded for itself, so that one which hangs stops no other."""

    def __init__(self) -> None:
        self._common = _Common()
        self._lock = threading.Lock()
        self._calls: dict[str, tuple[object, BoundedCalls]] = {}
        self._share = _MAX_LEFT

    def renew(self, made_of: Mapping[str, object]) -> None:
        """Have bounds for these services.

        Args:
            made_of: by name, what a service is made of: a changed one begins anew, and is not held up by what hangs at
                its old address.
        """
        with self._lock:
            self._share = share_of(len(made_of))
            self._common.most_left = max(_MAX_LEFT_IN_ALL, len(made_of))
            before = self._calls
            self._calls = {name: (made, self._kept(before.get(name), name, made)) for name, made in made_of.items()}

    def of(self, service: str) -> BoundedCalls:
        """The calls to this one; also to one that a reload has just taken away."""
        with self._lock:
            if service not in self._calls:
                self._calls[service] = (None, self._new(service))
            return self._calls[service][1]

    def cancel(self) -> None:
        """See `BoundedCalls.cancel`; of all services, those of before a reload as well."""
        self._common.cancelled.set()

    def _kept(self, before: tuple[object, BoundedCalls] | None, name: str, made: object) -> BoundedCalls:
        if before is None or before[0] != made:
            return self._new(name)
        before[1].most_left = self._share
        return before[1]

    def _new(self, name: str) -> BoundedCalls:
        return BoundedCalls(name, self._share, self._common)
