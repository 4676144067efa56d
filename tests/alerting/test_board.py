"""Which job is next, with a clock of the test's own; the outbox is real."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from logwatchd.alerting.analysis import Analyst, NoAnswerError
from logwatchd.alerting.board import ANALYSIS_CALL_S, PATIENCE_S, AnalysisJob, Board, DeliveryJob
from logwatchd.alerting.outbox import Outbox
from logwatchd.alerting.sink import JournalSink, Sink
from logwatchd.alerting.slack import SlackSink
from logwatchd.config_alerting import AnalysisSettings
from logwatchd.errors import PermanentError, RetryableError
from logwatchd.records import Analysis, Severity
from tests.alerting.builders import alert, full_disk

Entries = list[MutableMapping[str, Any]]
ANALYST = Analyst(AnalysisSettings(), SecretStr("key"))
SLACK = SlackSink(SecretStr("http://127.0.0.1:1/hook"))
WORDS = Analysis("cause", Severity.P2, "action", "claude")


def filled(folder: Path, count: int) -> Outbox:
    outbox = Outbox(folder)
    outbox.store([(str(i), alert(f"line {i}")) for i in range(count)], [])
    return outbox


def delivery(board: Board, now: float) -> DeliveryJob:
    job = board.next(now)
    assert isinstance(job, DeliveryJob), job
    return job


def analysis(board: Board, now: float) -> AnalysisJob:
    job = board.next(now)
    assert isinstance(job, AnalysisJob), job
    return job


def waits(board: Board, now: float) -> float:
    delay_s = board.next(now)
    assert isinstance(delay_s, float), delay_s
    assert delay_s > 0
    return delay_s


def test_a_sink_gets_alerts_in_order_and_one_at_a_time(tmp_path: Path) -> None:
    board = Board(filled(tmp_path, 5), [JournalSink()], None, workers=4)
    got = []
    for now in range(5):
        job = delivery(board, now)
        waits(board, now)
        board.delivered(job, now)
        got.append(job.pending.alert.line)
    assert got == [f"line {i}" for i in range(5)]
    waits(board, 5)


def test_slack_gets_one_a_second_while_the_journal_does_not_wait(tmp_path: Path) -> None:
    board = Board(filled(tmp_path, 2), [JournalSink(), SLACK], None, workers=4)
    for _ in range(2):
        job = delivery(board, 10.0)
        assert job.sink.name == "journal"
        board.delivered(job, 10.0)
    first = delivery(board, 10.0)
    board.delivered(first, 10.2)
    assert waits(board, 11.1) == pytest.approx(0.1)
    second = delivery(board, 11.2)
    assert [first.pending.alert.line, second.pending.alert.line] == ["line 0", "line 1"]


def test_a_failing_sink_rests_and_the_order_stays(tmp_path: Path, entries: Entries) -> None:
    board = Board(filled(tmp_path, 3), [SLACK], None, workers=4)
    board.not_delivered(delivery(board, 0.0), RetryableError("busy", 30.0), 0.0)
    assert waits(board, 0.0) == 1.0
    waits(board, 29.9)
    assert delivery(board, 30.0).pending.alert.line == "line 0"


def test_a_refusing_sink_stays_off_until_the_configuration_is_new(tmp_path: Path, entries: Entries) -> None:
    outbox = filled(tmp_path, 3)
    board = Board(outbox, [SLACK], None, workers=4)
    board.not_delivered(delivery(board, 0.0), PermanentError("the webhook is gone"), 0.0)
    waits(board, 1e9)
    assert board.states(1e9) == {"slack": "refused"}
    assert outbox.counts()["pending"] == 3
    board.reconfigure([SLACK], None, 4)
    assert delivery(board, 1e9).pending.alert.line == "line 0"


def test_a_reload_that_cannot_write_changes_nothing(tmp_path: Path, entries: Entries) -> None:
    board = Board(filled(tmp_path, 1), [JournalSink(), SLACK], None, workers=4)
    board.delivered(delivery(board, 0.0), 0.0)
    board.not_delivered(delivery(board, 0.0), PermanentError("the webhook is gone"), 0.0)
    with full_disk(), pytest.raises(RetryableError):
        board.reconfigure([JournalSink()], None, 4)
    assert board.states(0.0) == {"journal": "ok", "slack": "refused"}
    board.reconfigure([JournalSink()], None, 4)
    assert waits(board, 1.0) == 5.0


def test_an_alert_waits_for_its_analysis_and_only_one_worker_short_of_all_analyse(tmp_path: Path) -> None:
    board = Board(filled(tmp_path, 5), [JournalSink()], ANALYST, workers=3)
    first, second = analysis(board, 0.0), analysis(board, 0.0)
    assert [first.pending.seq, second.pending.seq] == [1, 2]
    waits(board, 0.0)
    board.analysed(second, WORDS, 1.0)
    job = delivery(board, 1.0)
    assert (job.pending.seq, job.pending.analysis) == (2, WORDS)
    board.analysed(first, WORDS, 2.0)
    board.delivered(job, 2.0)
    assert delivery(board, 2.0).pending.seq == 1


def test_no_alert_waits_longer_than_its_patience(tmp_path: Path) -> None:
    board = Board(filled(tmp_path, 3), [JournalSink()], ANALYST, workers=2)
    slow = analysis(board, 0.0)
    assert slow.timeout_s == ANALYSIS_CALL_S
    waits(board, PATIENCE_S - 0.1)
    assert [delivery(board, PATIENCE_S).pending.seq] == [2]


def test_time_that_was_spent_waiting_is_taken_from_the_call(tmp_path: Path) -> None:
    board = Board(filled(tmp_path, 2), [JournalSink()], ANALYST, workers=2)
    first = analysis(board, 0.0)
    waits(board, 0.0)
    board.analysed(first, WORDS, 20.0)
    board.delivered(delivery(board, 20.0), 20.0)
    assert analysis(board, 20.0).timeout_s == pytest.approx(PATIENCE_S - 20.0)


def test_a_failed_analysis_is_tried_again_while_there_is_time(tmp_path: Path, entries: Entries) -> None:
    board = Board(filled(tmp_path, 1), [JournalSink()], ANALYST, workers=2)
    board.not_analysed(analysis(board, 0.0), RetryableError("busy", 4.0), 0.0)
    waits(board, 3.9)
    again = analysis(board, 4.0)
    board.not_analysed(again, RetryableError("busy", 60.0), 4.5)  # too long to wait for
    assert delivery(board, 4.5).pending.analysis is None


def test_while_claude_is_down_alerts_leave_at_once(tmp_path: Path, entries: Entries) -> None:
    outbox = filled(tmp_path, 1)
    board = Board(outbox, [JournalSink()], ANALYST, workers=2)
    for now in (0.0, 1.0, 3.0):
        board.not_analysed(analysis(board, now), RetryableError("down"), now)
    board.delivered(delivery(board, 3.0), 3.0)
    outbox.store([("new", alert("new"))], [])
    board.alerts_arrived()
    assert delivery(board, 3.1).pending.alert.line == "new"


@pytest.mark.parametrize("error", [NoAnswerError("declined"), PermanentError("401; mend the key")])
def test_an_answer_that_cannot_be_used_is_not_asked_for_again(
    tmp_path: Path, entries: Entries, error: Exception
) -> None:
    board = Board(filled(tmp_path, 1), [JournalSink()], ANALYST, workers=2)
    board.not_analysed(analysis(board, 0.0), error, 0.0)
    assert delivery(board, 0.0).pending.analysis is None


def test_what_a_sink_took_is_not_sent_twice_although_the_disk_was_full(tmp_path: Path, entries: Entries) -> None:
    outbox = filled(tmp_path, 2)
    board = Board(outbox, [JournalSink()], None, workers=2)
    job = delivery(board, 0.0)
    with full_disk(), pytest.raises(RetryableError):
        board.delivered(job, 0.0)
    assert outbox.counts()["pending"] == 2
    assert delivery(board, 1.0).pending.alert.line == "line 1"
    assert outbox.counts() == {"pending": 1, "sent": 1, "refused": 0}


def test_an_alert_that_a_sink_stumbles_over_stops_no_other(tmp_path: Path) -> None:
    outbox = filled(tmp_path, 2)
    board = Board(outbox, [JournalSink()], None, workers=2)
    board.spoiled(delivery(board, 0.0), TypeError("oops"))
    assert delivery(board, 0.0).pending.alert.line == "line 1"
    assert outbox.counts() == {"pending": 1, "sent": 0, "refused": 1}


def test_draining_sends_without_analysis_and_rests_when_nothing_can_go(tmp_path: Path, entries: Entries) -> None:
    sinks: list[Sink] = [SLACK]
    board = Board(filled(tmp_path, 3), sinks, ANALYST, workers=2)
    under_way = analysis(board, 0.0)
    board.drain()
    assert not board.at_rest(0.0, 5.0)
    board.given_back(under_way)
    job = delivery(board, 0.0)
    assert not board.at_rest(0.0, 5.0)
    board.delivered(job, 0.0)
    assert not board.at_rest(0.0, 5.0)  # the next one may go in a second
    assert board.at_rest(0.0, 0.5)
    board.not_delivered(delivery(board, 1.0), RetryableError("down", 60.0), 1.0)
    assert board.at_rest(1.0, 5.0)


def test_nothing_to_do_costs_nothing_until_an_alert_arrives(tmp_path: Path) -> None:
    outbox = filled(tmp_path, 0)
    board = Board(outbox, [JournalSink()], None, workers=2)
    assert waits(board, 0.0) == 5.0
    outbox.store([("k", alert())], [])
    assert waits(board, 1.0) == 5.0
    board.alerts_arrived()
    assert delivery(board, 1.0).pending.alert == alert()
