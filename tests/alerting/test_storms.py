"""One fault ten thousand times, three hundred faults at once, a hundred thousand: what a person gets of it."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import MutableMapping
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd import clock
from logwatchd.alerting.desk import AlertDesk, Policy
from logwatchd.alerting.digests import MAX_HELD
from logwatchd.alerting.grouping import Rules
from logwatchd.alerting.message import Kind
from logwatchd.alerting.notify import Cap, Timers, Why, digest_due, due
from logwatchd.alerting.outbox import FILE_NAME, Outbox
from logwatchd.journal import Event
from logwatchd.parsing.service import service_of
from logwatchd.records import FileId
from tests.alerting.at_work import running
from tests.alerting.builders import NOON, Found, anomaly, config, direction, faults, incident
from tests.fakes import FakeSlack
from tests.helpers import LONG, wait_until

Entries = list[MutableMapping[str, Any]]
TIMERS = Timers(group_wait_s=5, group_interval_s=300, repeat_interval_s=14_400, resolve_after_s=900)


def rows(folder: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(folder / FILE_NAME)) as other:
        return other.execute(sql).fetchall()


@pytest.mark.parametrize(
    ("fields", "now", "expected"),
    [
        ({}, 104.9, Why.GATHERS),
        ({}, 105.0, Why.FIRST),
        ({"told_at": 105.0, "told_lines": 1, "told_reach": 1, "lines": 10_000}, 404.0, Why.TOO_SOON),
        ({"told_at": 105.0, "told_lines": 1, "told_reach": 1, "lines": 10_000}, 405.0, Why.GREW),
        ({"told_at": 105.0, "told_lines": 2, "told_reach": 1, "lines": 19}, 405.0, Why.NOTHING_NEW),
        ({"told_at": 105.0, "told_lines": 2, "told_reach": 1, "lines": 3, "hosts": ["web2"]}, 405.0, Why.SPREAD),
        ({"told_at": 105.0, "told_lines": 2, "told_reach": 1, "lines": 3, "last_at": 14_500.0}, 14_505.0, Why.STILL),
        (
            {"told_at": 105.0, "told_lines": 3, "told_reach": 1, "lines": 3, "last_at": 14_500.0},
            14_505.0,
            Why.NOTHING_NEW,
        ),
        ({"told_at": 105.0, "told_lines": 1, "told_reach": 1, "lines": 99}, 1000.0, Why.OVER),
    ],
)
def test_what_is_said_of_an_incident_has_a_reason(fields: dict[str, Any], now: float, expected: Why) -> None:
    assert due(incident(anomaly("x"), 100.0, **fields), now, TIMERS) is expected


def test_a_digest_comes_when_the_storm_pauses_and_at_the_latest_after_group_interval() -> None:
    assert not digest_due(100, 160, 164, TIMERS)
    assert digest_due(100, 160, 165, TIMERS)
    assert digest_due(100, 399, 400, TIMERS)


@given(st.integers(1, 50), st.lists(st.floats(0, 600), max_size=200))
def test_no_hour_has_more_messages_than_the_cap(most: int, gaps_s: list[float]) -> None:
    cap, now, sent = Cap(most), 0.0, []
    for gap_s in gaps_s:
        now += gap_s
        if cap.admits(now):
            cap.count(now)
            sent.append(now)
        assert sum(1 for at in sent if now - at < 3600) <= most


def test_after_an_hour_there_is_room_again() -> None:
    cap = Cap(1, ages_s=[600.0], now=1000.0)
    assert not cap.admits(3999.0)
    assert cap.admits(4000.0)
    cap.count(4000.0)
    assert not cap.admits(7599.0)
    assert cap.admits(7600.0)


@pytest.mark.parametrize("restart", [True, False])
def test_messages_before_count_also_over_a_restart(tmp_path: Path, entries: Entries, restart: bool) -> None:
    policy = Policy(Rules(), replace(TIMERS, group_wait_s=0), max_alerts_per_hour=3)
    desk = AlertDesk(Outbox(tmp_path), policy)
    desk.observe(faults(2), 100.0)
    again = AlertDesk(Outbox(tmp_path), policy) if restart else desk
    again.observe(faults(4, start=2), 100.0)
    assert rows(tmp_path, "SELECT held, count(*) FROM alerts GROUP BY 1") == [(0, 3), (1, 3)]


def test_an_update_is_one_of_the_hours_messages(tmp_path: Path, entries: Entries) -> None:
    policy = Policy(Rules(), Timers(group_wait_s=0, group_interval_s=1), max_alerts_per_hour=2)
    desk = AlertDesk(Outbox(tmp_path), policy)
    desk.observe([anomaly("locked", 0, at=NOON)], 100.0)
    desk.run_once(100.1)
    desk.observe([anomaly("locked", offset, at=NOON) for offset in range(1, 30)], 101.0)
    desk.run_once(102.0)
    desk.observe(faults(1, start=3), 103.0)
    assert rows(tmp_path, "SELECT kind, held FROM alerts ORDER BY seq") == [("alert", 0), ("update", 0), ("alert", 1)]


def test_who_was_told_that_a_held_back_incident_grew_is_told_that_it_is_over(tmp_path: Path, entries: Entries) -> None:
    policy = Policy(Rules(), Timers(group_wait_s=0, group_interval_s=1), max_alerts_per_hour=1, resolve=True)
    desk = AlertDesk(Outbox(tmp_path), policy)
    told, grows, stays = faults(3)
    desk.observe([told, grows, stays], 100.0)
    desk.run_once(101.0)
    for now in (900.0, 1700.0, 2500.0, 3300.0, 3701.0):
        desk.observe([grows, stays], now)
    desk.observe([grows] * 20, 3701.0)
    desk.run_once(3702.0)
    desk.run_once(4700.0)
    sql = "SELECT json_extract(alert, '$.line'), kind FROM alerts WHERE held = 0 AND kind IN ('update', 'resolved')"
    assert rows(tmp_path, f"{sql} ORDER BY seq") == [
        (grows.line, "update"),
        (told.line, "resolved"),
        (grows.line, "resolved"),
    ]


def test_an_incident_that_reaches_another_host_is_told_once_more(tmp_path: Path, entries: Entries) -> None:
    desk = AlertDesk(Outbox(tmp_path), Policy(Rules(), Timers(group_wait_s=0, group_interval_s=1)))
    for second, host in enumerate(("web1", "web1", "web2", "web2")):
        line = f"Mar  1 12:00:00 {host} shop[7]: database is locked"
        desk.observe([anomaly(line, second * 100, pattern="database is locked")], 100.0 + 10 * second)
        desk.run_once(105.0 + 10 * second)
    told = rows(tmp_path, "SELECT kind, why FROM alerts ORDER BY seq")
    assert told == [("alert", ""), ("update", "it has reached another source or host: 3 lines")]
    desk.close()
    assert entries[-1]["hosts"] == ["web1", "web2"]


def test_what_is_held_back_is_said_at_once_and_told_when_the_storm_pauses(tmp_path: Path, entries: Entries) -> None:
    desk = AlertDesk(Outbox(tmp_path), Policy(Rules(), TIMERS, max_alerts_per_hour=1))
    for hours in (0, 1):
        now = 100.0 + 1800 * hours
        desk.observe(faults(3, start=3 * hours), now)
        desk.run_once(now + 4.9)
        assert entries[-1]["event"] is not Event.DIGEST
        desk.run_once(now + 5.0)
        desk.run_once(now + 20.0)
    said = [entry["event"] for entry in entries if entry["event"] in (Event.ALERTS_HELD, Event.DIGEST)]
    assert said == [Event.ALERTS_HELD, Event.DIGEST] * 2
    assert [entry["incidents"] for entry in entries if entry["event"] is Event.DIGEST] == [2, 3]


def test_very_many_new_kinds_at_once_are_a_few_incidents(tmp_path: Path, entries: Entries) -> None:
    desk = AlertDesk(Outbox(tmp_path), Policy(timers=TIMERS))
    for number in range(100):
        desk.observe([anomaly(f"kind {number}", number * 100_000)], 100.0 + number / 10)
    assert desk.status().incidents <= 10
    desk.observe([anomaly("kind 100", 99_000_000)], 200.0)
    assert rows(tmp_path, "SELECT json_extract(alert, '$.line') FROM alerts ORDER BY seq")[-1] == ("kind 100",)


def test_one_fault_ten_thousand_times_is_one_message_and_one_update(tmp_path: Path, entries: Entries) -> None:
    with FakeSlack() as slack:
        timers = {"group_wait_s": 0.2, "group_interval_s": 1.0}
        with running(config(tmp_path, slack_url=slack.webhook_url, incidents=timers)) as alerting:
            repeats = [anomaly(f"job {i} died", i * 20, pattern="job <N> died") for i in range(10_000)]
            alerting.observe(repeats[:1], clock.monotonic())
            wait_until(lambda: len(slack.history) == 1)
            for start in range(1, 10_000, 500):
                alerting.observe(repeats[start : start + 500], clock.monotonic())
            wait_until(lambda: len(slack.history) == 2)
            quiet_until = clock.monotonic() + 3.0
            wait_until(lambda: clock.monotonic() >= quiet_until)
        assert len(slack.history) == 2
    assert "it has grown tenfold" in str(slack.history[1])
    assert "10000 lines so far" in str(slack.history[1])


@pytest.mark.slow
@pytest.mark.parametrize("cap", [4, pytest.param(20, marks=LONG)])  # Slack takes one message a second
def test_faults_beyond_the_cap_are_so_many_messages_and_a_digest(tmp_path: Path, entries: Entries, cap: int) -> None:
    count = 15 * cap
    with FakeSlack() as slack:
        incidents = {"group_wait_s": 0.2, "max_alerts_per_hour": cap}
        with running(config(tmp_path, slack_url=slack.webhook_url, incidents=incidents)) as alerting:
            for start in range(0, count, 10):
                alerting.observe(faults(10, start), clock.monotonic())
            wait_until(lambda: alerting.status().alerts_pending == 0 and len(slack.history) > cap, timeout_s=90)
            assert alerting.status().alerts_held == 0
        assert len(slack.history) == cap + 1
    digest = slack.history[-1]
    assert f"{count - cap} more incidents held back" in str(digest["blocks"][0])
    assert [entry["incidents"] for entry in entries if entry["event"] is Event.DIGEST] == [count - cap]
    assert len({body["blocks"][1]["text"]["text"] for body in slack.history[:cap]}) == cap


def test_what_came_back_says_so(tmp_path: Path, entries: Entries) -> None:
    desk = AlertDesk(Outbox(tmp_path), Policy(timers=replace(TIMERS, group_wait_s=0), resolve=True))
    desk.observe([anomaly("locked", 0)], 100.0)
    desk.run_once(101.0)
    desk.run_once(1100.0)
    desk.observe([anomaly("locked", 10)], 1200.0)
    told = rows(tmp_path, "SELECT kind, why FROM alerts ORDER BY seq")
    assert [kind for kind, _ in told] == [Kind.ALERT, Kind.RESOLVED, Kind.ALERT]
    assert told[2][1].startswith("it came back")


@pytest.mark.slow
def test_a_hundred_thousand_kinds_in_a_minute_are_a_handful_of_messages_in_bounded_memory(
    tmp_path: Path, entries: Entries
) -> None:
    desk = AlertDesk(Outbox(tmp_path), Policy(timers=TIMERS))
    one = anomaly("first", file=FileId(8, 5, 0))
    for turn in range(50):
        now, at = 100.0 + turn * 1.2, NOON + timedelta(seconds=turn * 1.2)
        kinds = [f"kind {turn} {i}" for i in range(2000)]
        storm = [replace(one, line=kind, verdict=replace(one.verdict, pattern=kind)) for kind in kinds]
        told = one.details.background()
        desk.observe([replace(each, details=Found(told, at, direction(each.line))) for each in storm], now)
        desk.run_once(now)
        entries.clear()
        if turn == 0:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert desk.status().anomalies == 100_000
    assert desk.status().incidents <= 10
    assert grown_mib < 64
    (lines,) = rows(tmp_path, "SELECT sum(lines) FROM incidents")[0]
    assert lines == 100_000  # each of them is counted in what is told


@pytest.mark.slow
def test_held_back_incidents_are_bounded_and_all_accounted_for(tmp_path: Path, entries: Entries) -> None:
    """Each an incident of its own: what is over the cap stands in the digest, and the file stays small."""
    outbox = Outbox(tmp_path)
    policy = Policy(Rules(group_by="pattern"), TIMERS, max_alerts_per_hour=20)
    desk = AlertDesk(outbox, policy)
    total = MAX_HELD + 3000
    for start in range(0, total, 500):
        desk.observe(faults(500, start), 100.0 + start / 1000)
        entries.clear()
    assert outbox.held_back() == total - 20
    desk.run_once(100.0 + total / 1000 + 1)
    desk.run_once(1000.0)
    (digest,) = [entry for entry in entries if entry["event"] is Event.DIGEST]
    assert digest["incidents"] == total - 20
    assert outbox.held_back() == 0
    outbox.prune()
    assert sum(file.stat().st_size for file in tmp_path.glob(f"{FILE_NAME}*")) < 64 << 20


def test_a_service_that_names_itself_with_half_a_character_does_not_stop_the_digest(
    tmp_path: Path, entries: Entries
) -> None:
    line = '{"level":"error","service":"pay\\ud83d","msg":"card refused"}'
    service = service_of(line, None, "/var/log/pay.log")
    outbox = Outbox(tmp_path)
    desk = AlertDesk(outbox, Policy(Rules(group_by="none"), Timers(group_wait_s=0), max_alerts_per_hour=1))
    desk.observe([replace(one, line=f"{line} {one.line}", service=service) for one in faults(MAX_HELD + 3)], 100.0)
    digest = outbox.make_digest()
    assert digest is not None
    assert digest.groups == ((service, "P2-High", MAX_HELD + 2),)
