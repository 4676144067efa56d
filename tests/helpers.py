"""What tests of every part share: waiting for a condition instead of sleeping, and being a user with fewer rights."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

POLL_S = 0.01
# For what takes minutes and has a smaller sibling that always runs.
LONG = pytest.mark.skipif(not os.environ.get("LOGWATCHD_TEST_LONG"), reason="takes minutes: LOGWATCHD_TEST_LONG=1")
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="takes root to become a user with fewer rights")
UNREACHABLE = "x" * 300  # in a path: no user can look there, not even root (File name too long)


@contextmanager
def nobody() -> Iterator[None]:
    """As a user who may do nothing, within this process."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def no_threads() -> Iterator[None]:
    """The kernel refuses every new thread of this process, for want of room for its stack."""
    threading.stack_size(1 << 47)
    try:
        yield
    finally:
        threading.stack_size(0)


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
