"""What tests of every part share: waiting for a condition instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable

POLL_S = 0.01


def wait_until(predicate: Callable[[], object], timeout_s: float = 10.0, what: str = "the condition") -> None:
    """Return as soon as `predicate()` is true.

    Raises:
        AssertionError: it stayed false for `timeout_s`; `what` says in words what was waited for.
    """
    deadline = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {timeout_s:g} s")
        time.sleep(POLL_S)
