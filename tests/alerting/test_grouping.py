from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.alerting.grouping import Around, GroupBy, Incident, Reason, Rules, decide, leads
from logwatchd.alerting.opening import kind_of
from logwatchd.records import Anomaly, FileId, Level, Severity
from tests.alerting.builders import NOON, anomaly, incident

RULES = Rules()


def reason(line: Anomaly, now: float, opened: Incident, severity: Severity = Severity.P2) -> Reason:
    decision = decide(line, severity, now, RULES, Around(begun=[opened]))
    assert (decision.incident is None) is (decision.reason is Reason.NEW)
    return decision.reason


def test_the_same_pattern_comes_before_everything_else() -> None:
    one, other = incident(anomaly("one")), incident(anomaly("other"))
    decision = decide(anomaly("x"), Severity.P1, 100, RULES, Around(one, [other], nearest=(other, 0.99)))
    assert decision.reason is Reason.SAME_PATTERN
    assert decision.incident is one


@pytest.mark.parametrize(("similarity", "expected"), [(0.85, Reason.NEAR_IN_MEANING), (0.84, Reason.NEW)])
def test_near_in_meaning(similarity: float, expected: Reason) -> None:
    nearest = incident(anomaly("one"))
    decision = decide(anomaly("x"), Severity.P2, 9e9, RULES, Around(begun=[nearest], nearest=(nearest, similarity)))
    assert decision.reason is expected


def test_nothing_open_is_new() -> None:
    decision = decide(anomaly("x"), Severity.P2, 1, RULES, Around())
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
    assert reason(line, 100, incident(anomaly("first"), severity=Severity.P3, told_at=1.0), Severity.P1) is Reason.NEW
    assert reason(line, 100, incident(anomaly("first"), severity=Severity.P3), Severity.P1) is Reason.BURST
    assert reason(line, 100, incident(anomaly("first"), severity=Severity.P1, told_at=1.0), Severity.P1) is Reason.BURST


@given(st.lists(st.floats(0.1, 1.9), min_size=2, max_size=30))
def test_bursts_do_not_chain(gaps_s: list[float]) -> None:
    """However close its lines follow each other, no incident takes up what comes later than its window."""
    now, opened = 100.0, [incident(anomaly("first"), 100.0)]
    for number, gap_s in enumerate(gaps_s):
        now += gap_s
        line = anomaly(f"line {number}", number)
        decision = decide(line, Severity.P2, now, RULES, Around(begun=tuple(reversed(opened))))
        if decision.incident is None:
            opened.append(incident(line, now))
        else:
            assert now - decision.incident.first_at <= RULES.burst_s
    assert len(opened) >= sum(gaps_s) / (RULES.burst_s + 1.9)


ACCESS = '10.0.0.7 - - [01/Mar/2026:12:00:00 +0000] "GET /cart HTTP/1.1" 502 45 "-" "curl/8" 0.056 {}'


def echo(line: str, first: str, *, after_s: float = 0.5, late_s: float = 0.0) -> Reason:
    """What becomes of a line of another source. late_s: how much later it arrives than it was written."""
    opened = incident(anomaly(first, at=NOON), severity=Severity.P2)
    other = anomaly(
        line, service="web", path="/var/log/access.log", file=FileId(8, 9, 0), at=NOON + timedelta(seconds=after_s)
    )
    return decide(other, Severity.P2, 100 + after_s + late_s, RULES, Around(elsewhere=[opened])).reason


@pytest.mark.parametrize(
    ("line", "first", "expected"),
    [
        (ACCESS.format("-"), "shop: upstream gone", Reason.ECHO),  # says no more than that a request failed
        ("shop: upstream gone", ACCESS.format("-"), Reason.ECHO),
        ("payment failed [req_7f3k9]", "order lost [req_7f3k9]", Reason.ECHO),
        ("4367f970 failed", ACCESS.format("4367f970"), Reason.ECHO),
        ("payment failed [req_7f3k9]", "order lost [req_8888]", Reason.NEW),
        ("kernel: out of memory", "shop: upstream gone", Reason.NEW),
        (ACCESS.format("1"), ACCESS.format("2"), Reason.NEW),
    ],
)
def test_another_sources_echo_joins_and_another_fault_does_not(line: str, first: str, expected: Reason) -> None:
    assert echo(line, first) is expected
    assert echo(line, first, after_s=2.1) is Reason.NEW
    assert echo(line, first, late_s=60) is Reason.NEW


def test_once_an_echo_has_joined_the_burst_of_its_source_joins_as_well() -> None:
    opened = incident(anomaly(ACCESS.format("1"), path="/var/log/access.log", file=FileId(8, 9, 0), at=NOON))
    opened.sources.append("/var/log/shop.log")
    line = anomaly("shop: reviews are gone", at=NOON + timedelta(seconds=1))
    assert decide(line, Severity.P2, 101, RULES, Around(elsewhere=[opened])).reason is Reason.BURST


def test_a_failed_request_is_no_echo_of_what_is_no_error() -> None:
    opened = incident(anomaly("sshd: unknown key type", at=NOON), severity=Severity.P3)
    other = anomaly(ACCESS.format("-"), path="/var/log/access.log", file=FileId(8, 9, 0), at=NOON)
    assert decide(other, Severity.P3, 100, RULES, Around(elsewhere=[opened])).reason is Reason.NEW


def test_the_more_telling_line_speaks_until_somebody_was_told() -> None:
    bare = incident(anomaly(ACCESS.format("-")), severity=Severity.P2)
    assert leads(Severity.P2, False, bare, Severity.P2, told_bare=True)
    assert not leads(Severity.P2, False, bare, Severity.P2, told_bare=False)
    assert leads(Severity.P1, True, bare, Severity.P2, told_bare=False)
    assert not leads(Severity.P3, False, bare, Severity.P2, told_bare=True)
    bare.told_at = 1.0
    assert not leads(Severity.P1, False, bare, Severity.P2, told_bare=True)


@pytest.mark.parametrize("group_by", ["pattern", "none"])
def test_without_meaning_only_the_same_kind_joins(group_by: GroupBy) -> None:
    rules, near = Rules(group_by=group_by), incident(anomaly("one"))
    decision = decide(anomaly("x", 1), Severity.P2, 100, rules, Around(begun=[near], nearest=(near, 1.0), storm=[near]))
    assert decision.reason is Reason.NEW
    assert decide(anomaly("x", 1), Severity.P2, 100, rules, Around(same=near)).reason is Reason.SAME_PATTERN


def test_with_none_only_the_same_text_is_the_same_kind() -> None:
    lines = [
        "2026-03-01T12:00:00Z fault 7 in a",
        "2026-03-01T12:00:09.123Z fault 7 in a",
        "2026-03-01T12:00:09Z fault 8 in a",
    ]
    one, again, other = (kind_of(anomaly(line, pattern="fault <N> in a"), "none") for line in lines)
    assert one == again != other
    assert len({kind_of(anomaly(line, pattern="fault <N> in a"), "pattern") for line in lines}) == 1
