"""Alerting that runs, and what is seen of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import pytest

from logwatchd import clock
from logwatchd.alerting.bounded import BoundedCalls
from logwatchd.alerting.notices import Notice
from logwatchd.alerting.wiring import Alerting, build
from logwatchd.config import Config
from logwatchd.errors import RetryableError
from logwatchd.journal import Event
from tests.alerting.builders import faults
from tests.fakes import FakeSlack

Entries = list[MutableMapping[str, Any]]


def in_time(call: Callable[[], object]) -> None:
    """The call, which is to end by itself, and long before this gives it up."""
    try:
        BoundedCalls("a test").within(20, call)
    except RetryableError as error:
        if "from a test" in str(error):
            pytest.fail(f"{error}")
        raise


def crashed(name: str, error: BaseException) -> None:
    pytest.fail(f"{name} died: {error!r}")


@contextmanager
def running(settings: Config, seen: list[Notice] | None = None) -> Iterator[Alerting]:
    deaths: list[str] = []
    alerting = build(
        settings,
        lambda name, error: deaths.append(f"{name}: {error!r}"),
        observer=(seen if seen is not None else []).append,
    )
    alerting.start()
    try:
        yield alerting
    finally:
        alerting.close(0.0)
        assert deaths == []


def observe(alerting: Alerting, count: int, start: int = 0) -> None:
    alerting.observe(faults(count, start), clock.monotonic())


def lines_sent(slack: FakeSlack) -> list[str]:
    return [body["blocks"][1]["text"]["text"].strip("`\n") for body in slack.history if body and "blocks" in body]


def events(entries: Entries) -> list[Event]:
    return [entry["event"] for entry in entries]
