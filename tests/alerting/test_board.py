"""Which job is next, with a clock of the test's own; the outbox is real."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from logwatchd.alerting.analysis import Analyst, NoAnswerError
from logwatchd.alerting.board import AnalysisJob, Board, DeliveryJob, Services
from logwatchd.alerting.message import Kind
from logwatchd.alerting.outbox import News, Outbox
from logwatchd.alerting.sink import JournalSink, Route, Sink
from logwatchd.alerting.slack import SlackSink
from logwatchd.config_alerting import AnalysisSettings
from logwatchd.errors import PermanentError, RetryableError
from logwatchd.journal import Event
from logwatchd.records import Analysis, Severity
from tests.alerting.builders import alert, full_disk, new

Entries = list[MutableMapping[str, Any]]
ANALYST = Analyst(AnalysisSettings(), SecretStr("key"))
JOURNAL = JournalSink()
SLACK = SlackSink(SecretStr("http://127.0.0.1:1/hook"))
WORDS = Analysis("cause", Severity.P2, "action", "claude")
WITHIN_S = 2.0


def services(*sinks: Sink, analyst: Analyst | None = None, routes: dict[str, Route] | None = None) -> Services:
    return Services(sinks or (JOURNAL,), routes or {}, analyst, WITHIN_S)


def filled(folder: Path, count: int, *, analyse: bool = False) -> Outbox:
    outbox = Outbox(folder)
    outbox.store([new(str(i), alert(f"line {i}"), wants_analysis=analyse) for i in range(count)], [])
    return outbox


def delivery(board: Board, now: float) -> DeliveryJob:
    job = board.next_delivery(now)
    assert isinstance(job, DeliveryJob), job
    return job


def line(job: DeliveryJob | AnalysisJob) -> str:
    assert job.pending.alert is not None
    return job.pending.alert.line


def analysis(board: Board, now: float) -> AnalysisJob:
    """The next one; before that it may be told to wait a moment for more lines."""
    job = board.next_analysis(now)
    if isinstance(job, float):
        job = board.next_analysis(now)
    assert isinstance(job, AnalysisJob), job
    return job


def waits(board: Board, now: float) -> float:
    delay_s = board.next_delivery(now)
    assert isinstance(delay_s, float), delay_s
    assert delay_s > 0
    return delay_s


def test_a_sink_gets_alerts_in_order_and_one_at_a_time(tmp_path: Path) -> None:
    board = Board(filled(tmp_path, 5), services())
    got = []
    for now in range(5):
        job = delivery(board, now)
        waits(board, now)
        board.delivered(job, None, now)
        got.append(line(job))
    assert got == [f"line {i}" for i in range(5)]
    waits(board, 5)


def test_slack_gets_one_a_second_while_the_journal_does_not_wait(tmp_path: Path) -> None:
    board = Board(filled(tmp_path, 2), services(JOURNAL, SLACK))
    for _ in range(2):
        job = delivery(board, 10.0)
        assert job.sink.name == "journal"
        board.delivered(job, None, 10.0)
    first = delivery(board, 10.0)
    board.delivered(first, None, 10.2)
    assert waits(board, 11.1) == pytest.approx(0.1)
    second = delivery(board, 11.2)
    assert [line(first), line(second)] == ["line 0", "line 1"]


def test_an_alert_gathers_its_lines_though_a_courier_looks_while_it_is_stored(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    board = Board(outbox, services())
    first = alert("line 0")
    board.hold(first.id, 10.0)
    waits(board, 5.0)
    outbox.store([new("0", first)], [])
    board.alerts_arrived()
    waits(board, 5.1)
    assert line(delivery(board, 10.0)) == "line 0"


def test_an_alert_goes_out_when_it_has_gathered_its_lines(tmp_path: Path) -> None:
    outbox = filled(tmp_path, 0)
    board = Board(outbox, services())
    board.hold(alert("line 0").id, 105.0)
    outbox.store([new("0", alert("line 0"))], [])
    assert waits(board, 104.5) == pytest.approx(0.5)
    assert line(delivery(board, 105.0)) == "line 0"


def test_routes_lead_alerts_to_those_whom_they_concern(tmp_path: Path) -> None:
    outbox = filled(tmp_path, 2)
    outbox.store([new("mail", alert("line 2", service="mail"))], [])
    board = Board(outbox, services(JOURNAL, SLACK, routes={"slack": Route(services=["ma*"])}))
    for now in range(3):
        board.delivered(delivery(board, now), None, now)
    job = delivery(board, 3.0)
    assert (job.sink.name, line(job)) == ("slack", "line 2")
    board.delivered(job, None, 3.0)
    assert outbox.counts()["sent"] == 3


@pytest.mark.parametrize(
    ("route", "leads"),
    [
        (Route(), True),
        (Route(Severity.P2), True),
        (Route(Severity.P1), False),
        (Route(services=["sh*"], sources=["/var/log/*"]), True),
        (Route(services=["mail", "web"]), False),
        (Route(sources=["/srv/*"]), False),
    ],
)
def test_a_route_goes_by_severity_service_and_source(route: Route, leads: bool) -> None:
    assert route.leads_here(alert()) is leads


def test_a_failing_sink_rests_and_the_order_stays(tmp_path: Path, entries: Entries) -> None:
    board = Board(filled(tmp_path, 3), services(SLACK))
    board.not_delivered(delivery(board, 0.0), RetryableError("busy", 30.0), 0.0)
    assert waits(board, 0.0) == 1.0
    waits(board, 29.9)
    assert line(delivery(board, 30.0)) == "line 0"


def test_a_refusing_sink_stays_off_until_the_configuration_is_new(tmp_path: Path, entries: Entries) -> None:
    outbox = filled(tmp_path, 3)
    board = Board(outbox, services(SLACK))
    board.not_delivered(delivery(board, 0.0), PermanentError("the webhook is gone"), 0.0)
    waits(board, 1e9)
    assert board.states(1e9) == {"slack": "refused"}
    assert outbox.counts()["pending"] == 3
    board.reconfigure(services(SLACK))
    assert line(delivery(board, 1e9)) == "line 0"


def test_a_reload_that_cannot_write_changes_nothing(tmp_path: Path, entries: Entries) -> None:
    board = Board(filled(tmp_path, 1), services(JOURNAL, SLACK))
    board.delivered(delivery(board, 0.0), None, 0.0)
    board.not_delivered(delivery(board, 0.0), PermanentError("the webhook is gone"), 0.0)
    with full_disk(), pytest.raises(RetryableError):
        board.reconfigure(services())
    assert board.states(0.0) == {"journal": "ok", "slack": "refused"}
    board.reconfigure(services())
    assert waits(board, 1.0) == 5.0


def test_an_alert_waits_for_its_analysis_but_not_long_and_the_words_follow(tmp_path: Path) -> None:
    outbox = filled(tmp_path, 2, analyse=True)
    board = Board(outbox, services(SLACK, analyst=ANALYST))
    slow, quick = analysis(board, 0.0), analysis(board, 0.0)
    assert [slow.pending.seq, quick.pending.seq] == [1, 2]
    assert waits(board, 0.0) == 1.0
    board.analysed(quick, WORDS, 1.0)
    assert waits(board, 0.9 * WITHIN_S - 0.1) == pytest.approx(0.1)  # in order: the second one waits for the first
    first = delivery(board, WITHIN_S)
    assert (first.pending.seq, first.pending.analysis) == (1, None)
    board.delivered(first, "ts-1", WITHIN_S)
    second = delivery(board, 4.0)
    assert (second.pending.seq, second.pending.analysis) == (2, WORDS)
    board.delivered(second, "ts-2", 4.0)
    waits(board, 9.0)
    board.analysed(slow, WORDS, 10.0)
    follow_up = delivery(board, 10.0)
    assert (follow_up.pending.kind, follow_up.pending.receipt) == (Kind.ANALYSIS, "ts-1")
    assert (line(follow_up), follow_up.pending.analysis) == ("line 0", WORDS)
    board.delivered(follow_up, None, 10.0)
    assert outbox.counts() == {"pending": 0, "sent": 3, "refused": 0, "held": 0}


def test_words_that_come_while_the_alert_is_under_way_follow_it(tmp_path: Path) -> None:
    outbox = filled(tmp_path, 1, analyse=True)
    board = Board(outbox, services(JOURNAL, SLACK, analyst=ANALYST))
    asked = analysis(board, 0.0)
    to_journal, to_slack = delivery(board, WITHIN_S), delivery(board, WITHIN_S)
    board.delivered(to_journal, None, WITHIN_S)
    board.analysed(asked, WORDS, 3.0)
    board.delivered(to_slack, "ts", 3.0)
    kinds = []
    for now in (4.0, 5.0):
        job = delivery(board, now)
        kinds.append((job.sink.name, job.pending.kind))
        board.delivered(job, None, now)
    assert sorted(kinds) == [("journal", Kind.ANALYSIS), ("slack", Kind.ANALYSIS)]
    assert outbox.counts()["pending"] == 0


def test_a_failed_analysis_is_tried_again_and_again(tmp_path: Path, entries: Entries) -> None:
    outbox = filled(tmp_path, 2, analyse=True)
    board = Board(outbox, services(analyst=ANALYST))
    first = analysis(board, 0.0)
    board.not_analysed(first, RetryableError("busy", 4.0), 0.0)
    assert board.next_analysis(3.0) == pytest.approx(1.0)
    other = analysis(board, 4.0)
    assert other.pending.seq == 2  # the one that has not failed yet
    board.analysed(other, WORDS, 4.0)
    assert analysis(board, 5.0).pending.seq == 1


def test_an_analysis_begins_when_some_lines_may_have_followed_and_at_once_where_the_alert_is_due(
    tmp_path: Path,
) -> None:
    board = Board(filled(tmp_path, 2, analyse=True), services(analyst=ANALYST))
    for number, until in enumerate((105.0, 101.2)):
        board.hold(alert(f"line {number}").id, until)
    assert board.next_analysis(100.0) == 1.0
    first = board.next_analysis(101.0)
    assert isinstance(first, AnalysisJob)
    assert line(first) == "line 0"
    assert board.next_analysis(101.0) == pytest.approx(0.2)


def test_a_budget_that_is_used_up_is_said_once_and_again_when_it_was_renewed_meanwhile(
    tmp_path: Path, entries: Entries
) -> None:
    board = Board(filled(tmp_path, 5, analyse=True), services(analyst=ANALYST))
    costs = [100.0, 100.0, 0.01, 100.0]
    places = [board.afford(analysis(board, 60.0 * turn), usd, 60.0 * turn) for turn, usd in enumerate(costs)]
    assert [place is None for place in places] == [True, True, False, True]
    assert board.next_analysis(181.0) == 5.0
    assert [entry["event"] for entry in entries] == [Event.ANALYSIS_OVER_BUDGET] * 2


def test_what_could_not_be_put_on_the_bill_is_asked_for_again(tmp_path: Path, entries: Entries) -> None:
    board = Board(filled(tmp_path, 1, analyse=True), services(SLACK, analyst=ANALYST))
    job = analysis(board, 0.0)
    with full_disk(), pytest.raises(RetryableError):
        board.afford(job, 0.01, 0.0)
    assert analysis(board, 1.0).pending.seq == job.pending.seq


def test_an_analysis_that_works_ends_the_failures_before_it(tmp_path: Path, entries: Entries) -> None:
    board = Board(filled(tmp_path, 2, analyse=True), services(analyst=ANALYST))
    board.not_analysed(analysis(board, 0.0), RetryableError("busy", 4.0), 0.0)
    board.analysed(analysis(board, 10.0), WORDS, 10.0)
    board.not_analysed(analysis(board, 20.0), RetryableError("busy", 4.0), 20.0)
    assert [entry["event"] for entry in entries] == [
        Event.ANALYSIS_FAILS,
        Event.ANALYSIS_RECOVERED,
        Event.ANALYSIS_FAILS,
    ]


def test_while_claude_is_down_alerts_leave_at_once(tmp_path: Path, entries: Entries) -> None:
    outbox = filled(tmp_path, 1, analyse=True)
    board = Board(outbox, services(analyst=ANALYST))
    for now in (0.0, 1.0, 3.0):
        board.not_analysed(analysis(board, now), RetryableError("down"), now)
    board.delivered(delivery(board, 3.0), None, 3.0)
    outbox.store([new("new", alert("new"), wants_analysis=True)], [])
    board.alerts_arrived()
    assert line(delivery(board, 3.1)) == "new"
    assert {one.seq for one in outbox.unanalysed(9)} == {1, 2}  # asked for again once it is up


def test_an_answer_that_cannot_be_used_is_not_asked_for_again(tmp_path: Path, entries: Entries) -> None:
    outbox = filled(tmp_path, 1, analyse=True)
    board = Board(outbox, services(analyst=ANALYST))
    board.not_analysed(analysis(board, 0.0), NoAnswerError("declined"), 0.0)
    assert delivery(board, 0.0).pending.analysis is None
    assert outbox.unanalysed(9) == []


def test_a_refused_key_is_not_tried_until_the_configuration_is_new(tmp_path: Path, entries: Entries) -> None:
    outbox = filled(tmp_path, 1, analyse=True)
    board = Board(outbox, services(analyst=ANALYST))
    board.not_analysed(analysis(board, 0.0), PermanentError("401; mend the key"), 0.0)
    assert delivery(board, 0.0).pending.analysis is None
    assert isinstance(board.next_analysis(1e6), float)
    board.reconfigure(services(analyst=ANALYST))
    assert analysis(board, 1e6).pending.seq == 1


def test_what_a_job_of_before_a_reload_meets_says_nothing_of_the_new_configuration(
    tmp_path: Path, entries: Entries
) -> None:
    board = Board(filled(tmp_path, 1, analyse=True), services(SLACK, analyst=ANALYST))
    asked, sent = analysis(board, 0.0), delivery(board, 10.0)
    new_sink, new_analyst = (
        SlackSink(SecretStr("http://127.0.0.1:1/new")),
        Analyst(AnalysisSettings(), SecretStr("new")),
    )
    board.reconfigure(services(new_sink, analyst=new_analyst))
    board.not_analysed(asked, PermanentError("401; mend the key"), 10.0)
    board.not_delivered(sent, PermanentError("the webhook is gone"), 10.0)
    assert board.states(11.0) == {"slack": "ok", "analysis": "ok"}
    assert analysis(board, 11.0).pending.seq == delivery(board, 11.0).pending.seq == 1


def test_what_a_sink_took_is_not_sent_twice_although_the_disk_was_full(tmp_path: Path, entries: Entries) -> None:
    outbox = filled(tmp_path, 2)
    board = Board(outbox, services())
    job = delivery(board, 0.0)
    with full_disk(), pytest.raises(RetryableError):
        board.delivered(job, None, 0.0)
    assert outbox.counts()["pending"] == 2
    assert line(delivery(board, 1.0)) == "line 1"
    assert outbox.counts() == {"pending": 1, "sent": 1, "refused": 0, "held": 0}


def test_an_alert_that_a_sink_stumbles_over_stops_no_other(tmp_path: Path) -> None:
    outbox = filled(tmp_path, 2)
    board = Board(outbox, services())
    with full_disk(), pytest.raises(RetryableError):
        board.spoiled(delivery(board, 0.0), TypeError("oops"))
    assert board.set_aside == 1
    assert line(delivery(board, 0.0)) == "line 1"
    assert board.set_aside == 0
    assert outbox.counts() == {"pending": 1, "sent": 0, "refused": 1, "held": 0}


def test_draining_sends_without_analysis_and_rests_when_nothing_can_go(tmp_path: Path, entries: Entries) -> None:
    board = Board(filled(tmp_path, 3, analyse=True), services(SLACK, analyst=ANALYST))
    under_way = analysis(board, 0.0)
    board.drain()
    assert not board.at_rest(0.0, 5.0)
    board.given_back(under_way)
    job = delivery(board, 0.0)
    assert not board.at_rest(0.0, 5.0)
    board.delivered(job, None, 0.0)
    assert not board.at_rest(0.0, 5.0)  # the next one may go in a second
    assert board.at_rest(0.0, 0.5)
    board.not_delivered(delivery(board, 1.0), RetryableError("down", 60.0), 1.0)
    assert board.at_rest(1.0, 5.0)


def test_it_is_not_at_rest_while_an_analysis_is_under_way(tmp_path: Path) -> None:
    board = Board(filled(tmp_path, 1, analyse=True), services(analyst=ANALYST))
    under_way = analysis(board, 0.0)
    board.delivered(delivery(board, 10.0), None, 10.0)
    assert not board.at_rest(10.0, 10.0)
    board.given_back(under_way)
    assert board.at_rest(10.0, 10.0)


def test_a_delivery_that_is_given_back_may_be_made_again(tmp_path: Path) -> None:
    board = Board(filled(tmp_path, 1), services())
    board.given_back(delivery(board, 0.0))
    assert line(delivery(board, 0.0)) == "line 0"


def test_nothing_to_do_costs_nothing_until_an_alert_arrives(tmp_path: Path) -> None:
    outbox = filled(tmp_path, 0)
    board = Board(outbox, services())
    assert waits(board, 0.0) == 5.0
    outbox.store([new("k", alert())], [])
    assert waits(board, 1.0) == 5.0
    board.alerts_arrived()
    assert delivery(board, 1.0).pending.alert == alert()


def test_what_a_sink_does_not_want_counts_as_delivered(tmp_path: Path) -> None:
    outbox = filled(tmp_path, 1)
    outbox.update_incidents([], [], [News(alert("line 0").id, Kind.RESOLVED, "quiet")])
    board = Board(outbox, services())
    board.delivered(delivery(board, 0.0), None, 0.0)
    waits(board, 1.0)
    assert outbox.counts()["sent"] == 2
