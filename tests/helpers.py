"""What tests of every part share: waiting for a condition instead of sleeping."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

POLL_S = 0.01
# For what takes minutes and has a smaller sibling that always runs.
LONG = pytest.mark.skipif(not os.environ.get("LOGWATCHD_TEST_LONG"), reason="takes minutes: LOGWATCHD_TEST_LONG=1")


def wait_until(predicate: Callable[[], object], timeout_s: float = 60.0, what: str = "the condition") -> None:
    """Return as soon as `predicate()` is true.

    Raises:
        AssertionError: it stayed false for `timeout_s`; `what` says in words what was waited for.
    """
    deadline = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {timeout_s:g} s")
        time.sleep(POLL_S)
