"""The only module that reads a clock. `now` enters a stage once a tick and is passed down."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def monotonic() -> float:
    """Seconds on a clock that never jumps: for deadlines, waits and ages."""
    return time.monotonic()


def utc_now() -> datetime:
    """Wall-clock time for people and services to read, for days and for ages that outlast the process; it may jump."""
    return datetime.now(UTC)


def sleep(seconds: float) -> None:
    """Wait, in a command that has nothing else to do; a stage never does."""
    time.sleep(seconds)
