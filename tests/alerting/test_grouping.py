from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.alerting.grouping import Incident, Reason, Rules, decide
from logwatchd.records import Anomaly, FileId, Level, Severity
from tests.alerting.builders import NOON, anomaly

RULES = Rules()


def incident(first: Anomaly, at: float = 100.0, severity: Severity = Severity.P2) -> Incident:
    return Incident(
        alert_id=first.line,
        service=first.service,
        path=first.path,
        inode=first.file[:2],
        offset=first.offset,
        severity=severity,
        vector=first.vector,
        first_at=at,
        last_at=at,
        began=first.timestamp,
        first_seen=NOON,
        last_seen=NOON,
    )


def reason(line: Anomaly, now: float, opened: Incident, severity: Severity = Severity.P2) -> Reason:
    decision = decide(line, severity, now, RULES, same_pattern=None, just_begun=[opened], nearest=None)
    assert (decision.incident is None) is (decision.reason is Reason.NEW)
    return decision.reason


def test_the_same_pattern_comes_before_everything_else() -> None:
    one, other = incident(anomaly("one")), incident(anomaly("other"))
    decision = decide(
        anomaly("x"), Severity.P1, 100, RULES, same_pattern=one, just_begun=[other], nearest=(other, 0.99)
    )
    assert decision.reason is Reason.SAME_PATTERN
    assert decision.incident is one


@pytest.mark.parametrize(("similarity", "expected"), [(0.85, Reason.NEAR_IN_MEANING), (0.84, Reason.NEW)])
def test_near_in_meaning(similarity: float, expected: Reason) -> None:
    nearest = incident(anomaly("one"))
    decision = decide(
        anomaly("x"), Severity.P2, 9e9, RULES, same_pattern=None, just_begun=[nearest], nearest=(nearest, similarity)
    )
    assert decision.reason is expected


def test_nothing_open_is_new() -> None:
    decision = decide(anomaly("x"), Severity.P2, 1, RULES, same_pattern=None, just_begun=[], nearest=None)
    assert decision.reason is Reason.NEW


@pytest.mark.parametrize(
    ("offset", "arrived_s", "expected"),
    [
        (500, 1.9, Reason.BURST),
        (500, 2.1, Reason.NEW),
        (16_384, 0.0, Reason.BURST),
        (16_385, 0.0, Reason.NEW),
    ],
)
def test_a_burst_of_lines_without_times_is_near_in_arrival_and_place(
    offset: int, arrived_s: float, expected: Reason
) -> None:
    assert reason(anomaly("x", offset), 100 + arrived_s, incident(anomaly("first", 0))) is expected


@pytest.mark.parametrize(
    ("written_s", "arrived_s", "expected"),
    [
        (2, 30, Reason.BURST),
        (3, 0, Reason.NEW),
        (-2, 0, Reason.BURST),
        (3600, 0, Reason.NEW),
        (1, 61, Reason.NEW),
    ],
)
def test_a_burst_goes_by_the_lines_own_times_where_they_have_some(
    written_s: int, arrived_s: float, expected: Reason
) -> None:
    line = anomaly("x", 9_999_999, at=NOON + timedelta(seconds=written_s))
    assert reason(line, 100 + arrived_s, incident(anomaly("first", at=NOON))) is expected


def test_a_time_without_a_zone_is_not_compared_with_one_that_has_it() -> None:
    line = anomaly("x", 500, at=(NOON + timedelta(hours=2)).replace(tzinfo=None))
    assert reason(line, 100, incident(anomaly("first", at=NOON))) is Reason.BURST


def test_another_source_is_no_burst_but_a_rotated_one_is() -> None:
    first = incident(anomaly("first"))
    assert reason(anomaly("x", path="/var/log/other.log", file=FileId(8, 2, 0)), 100, first) is Reason.NEW
    assert reason(anomaly("x", path="/var/log/shop.log.1"), 100, first) is Reason.BURST
    assert reason(anomaly("x", file=FileId(8, 3, 0)), 100, first) is Reason.BURST


def test_a_critical_line_is_not_hidden_in_a_lesser_incident() -> None:
    line = anomaly("x", level=Level.FATAL)
    assert reason(line, 100, incident(anomaly("first"), severity=Severity.P3), Severity.P1) is Reason.NEW
    assert reason(line, 100, incident(anomaly("first"), severity=Severity.P1), Severity.P1) is Reason.BURST


@given(st.lists(st.floats(0.1, 1.9), min_size=2, max_size=30))
def test_bursts_do_not_chain(gaps_s: list[float]) -> None:
    """However close its lines follow each other, no incident takes up what comes later than its window."""
    now, opened = 100.0, [incident(anomaly("first"), 100.0)]
    for number, gap_s in enumerate(gaps_s):
        now += gap_s
        line = anomaly(f"line {number}", number)
        decision = decide(
            line, Severity.P2, now, RULES, same_pattern=None, just_begun=tuple(reversed(opened)), nearest=None
        )
        if decision.incident is None:
            opened.append(incident(line, now))
        else:
            assert now - decision.incident.first_at <= RULES.burst_s
    assert len(opened) >= sum(gaps_s) / (RULES.burst_s + 1.9)
