"""What waits is given up by this process's own clock; the wall's may have been set since it was stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, MutableMapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from logwatchd import clock
from logwatchd.alerting.desk import AlertDesk
from logwatchd.alerting.outbox import FILE_NAME, Outbox
from logwatchd.alerting.retention import Limits
from logwatchd.journal import Event
from tests.alerting.builders import alert, config, new, waiting
from tests.alerting.test_wiring import lines_sent, running
from tests.fakes import FakeSlack
from tests.helpers import wait_until

Entries = list[MutableMapping[str, Any]]
HOUR_S, DAY_S = 3600.0, 86_400.0


@pytest.fixture
def sleep(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets the process grow older, by its own clock alone."""
    older = [0.0]
    began = clock.monotonic()
    monkeypatch.setattr(clock, "monotonic", lambda: began + older[0])

    def sleep(seconds: float) -> None:
        older[0] += seconds

    return sleep


def stored(folder: Path, *lines: str, at: str = "1970-01-01T00:01:00+00:00", limits: Limits | None = None) -> Outbox:
    """An outbox of an earlier run, whose clock said so."""
    outbox = Outbox(folder)
    outbox.store([new(line, alert(line)) for line in lines], [])
    outbox.close()
    with closing(sqlite3.connect(folder / FILE_NAME)) as other:
        other.execute("UPDATE alerts SET stored_at = ?", (at,))
        other.commit()
    return Outbox(folder, limits)


def test_what_was_stored_before_the_clock_was_set_is_delivered(tmp_path: Path, entries: Entries) -> None:
    stored(tmp_path, "one", "two").close()
    with FakeSlack() as slack, running(config(tmp_path, slack_url=slack.webhook_url)) as alerting:
        wait_until(lambda: alerting.status().alerts_sent == 2, what="both being sent")
        assert lines_sent(slack) == ["one", "two"]
    assert [entry for entry in entries if entry["event"] is Event.ALERTS_GIVEN_UP] == []


def test_the_wall_clock_gives_up_only_what_was_tried_for_an_hour(
    tmp_path: Path, sleep: Callable[[float], None]
) -> None:
    outbox = stored(tmp_path, "one", "two")
    assert outbox.prune() == 0
    outbox.failed(1, "no network")
    assert outbox.prune() == 0
    sleep(HOUR_S)
    outbox.failed(1, "no network")
    assert outbox.prune() == 1
    assert [line for _, line in waiting(tmp_path)] == ["two"]


@pytest.mark.parametrize("at", ["1970-01-01T00:01:00+00:00", "2500-01-01T00:00:00+00:00"])
def test_what_this_process_saw_wait_for_so_long_is_given_up_whatever_the_wall_clock_says(
    tmp_path: Path, sleep: Callable[[float], None], at: str
) -> None:
    outbox = stored(tmp_path, "one", "two", at=at)
    for day in range(30):
        assert outbox.prune() == 0
        if day == 10:
            outbox.store([new("three", alert("three"))], [])
        sleep(DAY_S)
    assert outbox.prune() == 2
    for _ in range(10):
        assert outbox.prune() == 0
        sleep(DAY_S)
    sleep(DAY_S)
    assert outbox.prune() == 1


def test_what_waited_for_a_start_is_tried_before_any_is_given_up(tmp_path: Path) -> None:
    outbox = stored(tmp_path, "one", "two", "three", limits=Limits(max_pending=1, done_for=timedelta(days=100_000)))
    desk = AlertDesk(outbox)
    now = clock.monotonic()
    desk.run_once(now)
    assert outbox.counts()["pending"] == 3
    desk.run_once(now + 61)
    assert outbox.counts()["pending"] == 1
