"""Waiting for pipes: what it comes to where that cannot be done."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from logwatchd.errors import RetryableError
from logwatchd.ingest.readiness import Readiness
from tests.helpers import no_threads


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_without_a_thread_it_says_so_and_asks_again_later(pipe: tuple[int, int]) -> None:
    ready = threading.Event()
    readiness = Readiness(ready.set)
    with no_threads(), pytest.raises(RetryableError, match=r"no thread for .*TasksMax="):
        readiness.ask(pipe[0])
    assert readiness.is_ready(pipe[0])
    readiness.close()
    readiness.ask(pipe[0])
    os.write(pipe[1], b"x")
    assert ready.wait(60)
    readiness.close()


def test_what_ends_its_thread_is_raised_where_somebody_asks_next(pipe: tuple[int, int]) -> None:
    faults = iter([ZeroDivisionError()])
    woken = threading.Event()

    def stumble() -> None:
        for fault in faults:
            raise fault
        woken.set()

    readiness = Readiness(stumble)
    readiness.ask(pipe[0])
    os.write(pipe[1], b"x")
    assert woken.wait(60)
    assert readiness.is_ready(pipe[0])
    with pytest.raises(ZeroDivisionError):
        readiness.ask(pipe[0])
    readiness.close()
