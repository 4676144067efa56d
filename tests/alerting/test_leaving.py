"""What leaves the machine: no secret, and no more analyses than are paid for."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from logwatchd import clock
from logwatchd.alerting.notices import Notice
from logwatchd.alerting.outbox import FILE_NAME
from logwatchd.journal import Event
from logwatchd.records import FileId
from tests.alerting.at_work import Entries, events, running
from tests.alerting.builders import anomaly, config, direction
from tests.fakes import FakeClaude, FakeSlack
from tests.fakes.claude import WORDS
from tests.helpers import wait_until
from tests.parsing.planted import PLANTED


def test_an_analysis_serves_for_what_is_near_and_no_more_are_made_than_the_budget_allows(
    tmp_path: Path, entries: Entries
) -> None:
    """Over budget alerts leave at once; with a new hour's budget the analysis follows."""
    near = direction("the same cause")
    with FakeClaude() as claude, FakeSlack() as slack:
        settings = config(
            tmp_path,
            claude_url=claude.url,
            slack_url=slack.webhook_url,
            incidents={"group_by": "pattern"},
            max_per_hour=1,
            alert_within_s=30,
        )
        with running(settings) as alerting:
            alerting.observe([anomaly("one", 0, vector=near)], clock.monotonic())
            wait_until(lambda: alerting.status().analyses == 1)
            alerting.observe([anomaly("two", 9, vector=near)], clock.monotonic())
            wait_until(lambda: len(slack.history) == 2)
            alerting.observe([anomaly("three", 99)], clock.monotonic())
            wait_until(lambda: any("three" in str(body) for body in slack.history))
            assert len(claude.history) == 1
            assert Event.ANALYSIS_OVER_BUDGET in events(entries)
            urls = {"claude_url": claude.url, "slack_url": slack.webhook_url}
            alerting.reconfigure(config(tmp_path, **urls, max_per_hour=9))
            wait_until(lambda: len(slack.history) == 4)
        assert len(claude.history) == 2
    assert WORDS["likely_cause"] in str(slack.history[3])
    said = [entry for entry in entries if entry["event"] is Event.ANALYSIS]
    assert said[1]["reused_from"] == said[0]["alert_id"]
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as outbox:
        bill = outbox.execute("SELECT count(*), sum(usd) > 0 FROM spending").fetchone()
    assert bill == (2, 1)


@pytest.mark.parametrize("cap", [0, 1], ids=["alert", "digest"])
def test_names_of_files_and_services_are_redacted_on_their_way_out_and_routed_by_as_they_are(
    tmp_path: Path, entries: Entries, cap: int
) -> None:
    log = tmp_path / "home" / "slartibart" / "app.log"
    log.parent.mkdir(parents=True)
    log.write_text("one has failed\nand mail to jo.doe@example.org\n")
    status = log.stat()
    about = {"path": str(log), "service": "user=slartibart", "file": FileId(status.st_dev, status.st_ino, 0)}
    found = [anomaly("one has failed", 0, **about), anomaly("two is broken", 15, **about)]
    with FakeClaude() as claude, FakeSlack() as slack:
        urls = {"claude_url": claude.url, "slack_url": slack.webhook_url}
        settings = config(tmp_path, **urls, alert_within_s=30, incidents={"group_by": "none"})
        slack_of = settings.settings.slack.model_copy(update={"sources": [str(log)], "services": ["user=*"]})
        settings = replace(settings, settings=settings.settings.model_copy(update={"slack": slack_of}))
        with running(settings) as alerting:
            alerting.desk.use(replace(alerting.desk.policy, max_alerts_per_hour=cap), alerting.desk.redact)
            alerting.observe(found, clock.monotonic())
            wait_until(lambda: len(slack.history) == 2)
        sent = [request.raw.decode() for request in (*claude.requests, *slack.requests)]
    assert [body for body in sent if "slartibart" in body or "jo.doe" in body] == []
    assert claude.history
    assert any("and mail to <email-" in body for body in sent)  # the file was found by its own name
    assert sum("/home/<user-" in body.replace("&lt;", "<") for body in sent) >= 2
    assert ("held back" in str(slack.history[1])) == bool(cap)


def test_no_planted_secret_leaves_the_machine_or_stands_in_a_log(
    tmp_path: Path, entries: Entries, capfd: pytest.CaptureFixture[str]
) -> None:
    """A hundred of them, in the line, the lines before it, its pattern and its nearest known-good lines."""
    seen: list[Notice] = []
    with FakeClaude() as claude, FakeSlack() as slack:
        settings = config(
            tmp_path,
            claude_url=claude.url,
            slack_url=slack.webhook_url,
            alert_within_s=30,
            incidents={"group_by": "none"},
        )
        with running(settings, seen) as alerting:
            alerting.desk.use(replace(alerting.desk.policy, max_alerts_per_hour=5), alerting.desk.redact)
            found = [
                anomaly(line, 1000 * number, context=(line, before), examples=(line,), pattern=line)
                for number, (line, _) in enumerate(PLANTED)
                for before, _ in [PLANTED[-number]]
            ]
            alerting.observe(found, clock.monotonic())
            wait_until(lambda: len(slack.history) >= 6 and alerting.status().analyses >= 5, timeout_s=60)
        sent = [request.raw.decode() for request in (*claude.requests, *slack.requests)]
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as outbox:
        kept = "\n".join(outbox.iterdump())
    shown = [json.loads(body) for body in sent]
    told = f"{shown} {kept} {entries} {seen} {capfd.readouterr()}"
    assert len(found) == len(PLANTED) >= 100
    assert "<user-" in told
    long = [secret for _, secret in PLANTED if len(secret) >= 6]  # shorter numbers stand in any time and id
    assert [secret for secret in long if secret in told] == []
