"""Alerting in want of threads, of memory, or of an answer from one service: all else goes on, and nothing is lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from logwatchd import clock
from logwatchd.alerting.outbox import FILE_NAME
from logwatchd.config import Config
from logwatchd.config_alerting import SinkSettings
from logwatchd.errors import RetryableError
from logwatchd.journal import Event
from tests.alerting.at_work import Entries, events, lines_sent, observe, running
from tests.alerting.builders import config
from tests.fakes import FakeClaude, FakeSlack, Hang, Status
from tests.fakes.hook import FakeHook
from tests.helpers import no_threads, wait_until


def test_without_threads_alerts_wait_and_no_reload_ends_the_process(tmp_path: Path, entries: Entries) -> None:
    with FakeClaude() as claude, FakeSlack() as slack:
        few, many = (
            config(tmp_path, claude_url=claude.url, slack_url=slack.webhook_url, threads=threads) for threads in (2, 9)
        )
        with running(few) as alerting:
            with no_threads():
                observe(alerting, 1)
                wait_until(lambda: set(alerting.status().services.values()) == {"resting"})
                with pytest.raises(RetryableError, match=r"no thread for the analyst-\d+ stage .*: raise TasksMax="):
                    alerting.reconfigure(many)
                assert len(alerting.threads) == 1 + 2 + 2
                assert not slack.requests
                assert not claude.requests
            wait_until(lambda: slack.requests and claude.requests)
            wait_until(lambda: alerting.status().alerts_pending == 0)
            assert alerting.status().alerts_refused == 0
            alerting.reconfigure(many)
            assert len(alerting.threads) == 1 + 2 + 9
    assert Event.ALERTS_GIVEN_UP not in events(entries)


def test_without_memory_alerts_wait(tmp_path: Path, entries: Entries, monkeypatch: pytest.MonkeyPatch) -> None:
    """For what is done in the threads of calls, and before them."""
    tried: list[str] = []

    def fill(*_: object) -> Any:
        tried.append("")
        return bytearray(1 << 62)

    places = ["analysis.evidence_of", "slack.parts_of", "workers.safe_alert", "workers.safe_story"]
    with (
        FakeClaude() as claude,
        FakeSlack() as slack,
        running(config(tmp_path, claude_url=claude.url, slack_url=slack.webhook_url)) as alerting,
    ):
        for number, place in enumerate(places):
            tried.clear()
            with monkeypatch.context() as full:
                full.setattr(f"logwatchd.alerting.{place}", fill)
                observe(alerting, 1, start=number)
                wait_until(lambda: tried)
            wait_until(lambda number=number: alerting.status().analyses == number + 1)  # type: ignore[misc]
        wait_until(lambda: alerting.status().alerts_pending == 0)
        assert alerting.status().alerts_refused == 0
    assert Event.ALERTS_GIVEN_UP not in events(entries)
    assert Event.ANALYSIS_UNUSABLE not in events(entries)


def test_a_sink_that_never_answers_stops_no_other_and_its_new_address_is_used_at_once(
    tmp_path: Path, entries: Entries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logwatchd.alerting.workers.DELIVERY_CALL_S", 0.05)
    monkeypatch.setattr("logwatchd.alerting.slack.TIMEOUT_S", 600)
    monkeypatch.setattr("logwatchd.alerting.lane._FIRST_PAUSE_S", 0.001)
    with FakeSlack() as hanging, FakeSlack() as slack, FakeHook("/hook") as hook:
        hanging.enqueue(*[Hang()] * 100)
        with running(with_hook(config(tmp_path, slack_url=hanging.webhook_url), hook.url + "/hook")) as alerting:
            observe(alerting, 1)
            wait_until(lambda: "earlier calls to slack still have not ended" in last_error(tmp_path))
            monkeypatch.setattr("logwatchd.alerting.workers.DELIVERY_CALL_S", 30.0)
            wait_until(lambda: len(hanging.requests) == 8)
            observe(alerting, 1, start=1)
            # Each of them once or, where a call took longer than it may, again.
            wait_until(lambda: len({request.body["key"] for request in hook.requests if request.body}) == 2)
            assert len(hanging.requests) == 8
            alerting.reconfigure(with_hook(config(tmp_path, slack_url=slack.webhook_url), hook.url + "/hook"))
            wait_until(lambda: alerting.status().alerts_pending == 0)
        assert lines_sent(slack) == ["fault number 0000", "fault number 0001"]


@pytest.mark.parametrize("others", [True, False])
def test_what_waits_for_one_sink_alone_is_no_reason_for_a_digest_to_the_others(
    tmp_path: Path, entries: Entries, monkeypatch: pytest.MonkeyPatch, others: bool
) -> None:
    monkeypatch.setattr("logwatchd.alerting.rounds.MAX_WAITING", 5)
    with FakeSlack() as slack, FakeHook("/hook") as hook:
        slack.enqueue(Status(404))
        refused = config(tmp_path, slack_url=slack.webhook_url, incidents={"max_alerts_per_hour": 0})
        with running(with_hook(refused, hook.url + "/hook") if others else refused) as alerting:
            observe(alerting, 6)
            wait_until(lambda: alerting.status().services["slack"] == "refused")
            wait_until(lambda: len(hook.requests) == 6 * others)
            alerting.desk.run_once(clock.monotonic())
            observe(alerting, 3, start=6)
            assert alerting.status().alerts_held == (0 if others else 3)
            wait_until(lambda: len(hook.requests) == 9 * others)
    assert {request.body["kind"] for request in hook.requests if request.body} == ({"alert"} if others else set())


def with_hook(found: Config, url: str) -> Config:
    """With a webhook beside Slack."""
    hook = SinkSettings.model_validate({"name": "ops", "type": "webhook", "url": url, "secret": "ops_secret"})
    secrets = replace(found.secrets, sinks={"ops_secret": SecretStr("sink-secret-0123456789")})
    return replace(found, settings=found.settings.model_copy(update={"sink": [hook]}), secrets=secrets)


def last_error(folder: Path) -> str:
    """Of the first alert."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as outbox:
        (error,) = outbox.execute("SELECT last_error FROM alerts WHERE seq = 1").fetchone() or ("",)
    return error or ""
