"""The verdict on what logwatchd said, as pure functions."""

from __future__ import annotations

import re

from _demo.logbook import LogEvent, read_events
from _demo.traffic import Failed
from _demo.verdict import Window, judge

from tests.demo.alerts import told

_NEVER = float("inf")
LOCKED = Window("locked", re.compile("database is locked"), 100.0, 110.0)
GONE = Window("gone", re.compile("no such table"), 110.0, 120.0)
EVENTS = [
    LogEvent(99.0, "aaaa0000", ("INFO [aaaa0000] search 'oak'",)),
    LogEvent(101.2, "aaaa0001", ("ERROR [aaaa0001] failed", "Traceback", "  at line", "database is locked")),
    LogEvent(102.5, "", ("ERROR [-] job failed", "Traceback", "database is locked")),
    LogEvent(103.0, "aaaa0002", ("INFO [aaaa0002] search 'lamp'",)),
    LogEvent(112.1, "aaaa0003", ("ERROR [aaaa0003] failed", "Traceback", "no such table: reviews")),
]
FAILED = [Failed(101.3, "aaaa0001", 503, "POST /x"), Failed(112.2, "aaaa0003", 500, "GET /x")]
WINDOWS = [LOCKED, GONE]


FIRST = told("ERROR [aaaa0001] failed", 101.9)
SECOND = told("no such table: reviews", 113.0)


def test_all_found() -> None:
    verdict = judge(WINDOWS, EVENTS, FAILED, [SECOND, FIRST])
    assert verdict.passed
    assert verdict.reasons() == []
    locked, gone = verdict.findings
    assert locked.proof == FIRST
    assert locked.delay_s is not None
    assert abs(locked.delay_s - 0.7) < 1e-6
    assert gone.told == (SECOND,)


def test_a_fault_without_an_alert_is_not_found() -> None:
    verdict = judge(WINDOWS, EVENTS, FAILED, [FIRST])
    assert not verdict.passed
    assert verdict.reasons() == ["gone: not found"]


def test_a_fault_that_left_no_trace_says_so() -> None:
    verdict = judge(WINDOWS, EVENTS[:4], FAILED[:1], [FIRST])
    assert verdict.reasons() == ["gone: not found, and the shop logged nothing about it"]


def test_an_alert_about_a_normal_line_is_a_false_alarm_even_while_a_fault_lasts() -> None:
    alarm = told("INFO [aaaa0002] search 'lamp'", 103.5)
    verdict = judge(WINDOWS, EVENTS, FAILED, [FIRST, SECOND, alarm])
    assert verdict.false_alarms == (alarm,)
    assert not verdict.passed


def test_an_alert_before_any_fault_is_a_false_alarm() -> None:
    alarm = told("ERROR [aaaa0001] failed", 99.5)
    assert judge(WINDOWS, EVENTS, FAILED, [alarm]).false_alarms == (alarm,)


def test_an_alert_after_the_window_does_not_count() -> None:
    late = told("ERROR [aaaa0001] failed", 110.5)
    verdict = judge(WINDOWS, EVENTS, FAILED, [late, SECOND])
    assert verdict.late == (late,)
    assert verdict.reasons() == ["locked: not found"]


def test_a_line_that_two_faults_share_proves_neither() -> None:
    verdict = judge(WINDOWS, EVENTS, FAILED, [FIRST, told("Traceback", 112.5)])
    assert [len(finding.told) for finding in verdict.findings] == [1, 1]
    assert [finding.found for finding in verdict.findings] == [True, False]


def test_follow_ups_are_counted_as_messages() -> None:
    more = told("  at line", 104.0)
    verdict = judge(WINDOWS, EVENTS, FAILED, [FIRST, more, SECOND])
    assert verdict.passed
    assert len(verdict.findings[0].told) == 2


def test_a_line_of_a_job_counts_by_its_error_alone() -> None:
    job = told("ERROR [-] job failed", 103.0)
    assert judge(WINDOWS, EVENTS, [], [job, SECOND]).passed


def test_an_alert_of_several_lines_counts_by_its_first() -> None:
    both = told("ERROR [aaaa0001] failed\nTraceback", 102.0)
    assert judge(WINDOWS, EVENTS, FAILED, [both, SECOND]).passed


def test_a_shop_that_fails_by_itself_fails_the_demonstration() -> None:
    unasked = Failed(95.0, "aaaa0009", 500, "GET /y")
    verdict = judge(WINDOWS, EVENTS, [*FAILED, unasked], [FIRST, SECOND])
    assert verdict.unasked == (unasked,)
    assert verdict.reasons() == ["the shop failed although nothing was broken: GET /y"]


def test_an_open_window_takes_all_that_comes() -> None:
    window = Window("locked", LOCKED.evidence, 100.0, _NEVER)
    assert judge([window], EVENTS[:4], FAILED[:1], [told("database is locked", 900.0)]).passed


def test_read_events() -> None:
    shop = (
        "2026-07-19T10:12:33.412Z ERROR   shop.http [7f3a9c21 user=41] GET /x failed with 500 after 2 ms\n"
        "Traceback (most recent call last):\n"
        "sqlite3.OperationalError: no such table: reviews\n"
        "2026-07-19T10:12:34.000Z INFO    shop.jobs [-] stock: 0 products filled up to 12 pieces\n"
    )
    failed, job = read_events(shop)
    assert (failed.request, len(failed.lines), job.request) == ("7f3a9c21", 3, "")
    assert abs(job.at - failed.at - 0.588) < 1e-6
    access = '127.0.0.1 - 41 [19/Jul/2026:10:12:33 +0000] "GET /x HTTP/1.1" 500 45 "-" "curl/8.5.0" 0.002 7f3a9c21\n'
    (line,) = read_events(access)
    assert (line.request, line.at) == ("7f3a9c21", failed.at // 1)
    assert read_events("a line without a time\n") == []
