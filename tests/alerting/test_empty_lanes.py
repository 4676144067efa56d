"""What waits for one sink, in vast numbers perhaps, is not looked through for another one again and again."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

from logwatchd.alerting.board import DeliveryJob
from logwatchd.alerting.outbox import Outbox, Pending
from logwatchd.alerting.sink import MessageRefusedError
from logwatchd.errors import PermanentError
from tests.alerting.builders import alert, new
from tests.alerting.test_board import JOURNAL, SLACK, Board, delivery, services, waits

Entries = list[MutableMapping[str, Any]]


class Asked(Outbox):
    """Remembers for which sinks it was looked through."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.asked: list[str] = []
        self.after: dict[str, int] = {}

    def pending(self, sink: str, but: Sequence[int] = (), after: int = 0) -> Pending | None:
        self.asked.append(sink)
        self.after[sink] = after
        return super().pending(sink, but, after)


def _with_slack_refused(folder: Path, set_aside: int | None = None) -> tuple[Asked, Board]:
    """Three messages that Slack did not take and the journal did, but for one that it refused for what it is."""
    outbox = Asked(folder)
    outbox.store([new(str(number), alert(f"line {number}")) for number in range(3)], [])
    board = Board(outbox, services(JOURNAL, SLACK))
    for now in range(4):
        job = delivery(board, now)
        if job.sink is SLACK:
            board.not_delivered(job, PermanentError("the webhook is gone"), now)
        elif job.pending.seq == set_aside:
            board.not_delivered(job, MessageRefusedError("not this one"), now)
        else:
            board.delivered(job, None, now)
    waits(board, 9.0)
    return outbox, board


def test_a_sink_that_has_all_costs_nothing_while_another_one_refuses_it_and_gets_the_next(
    tmp_path: Path, entries: Entries
) -> None:
    outbox, board = _with_slack_refused(tmp_path)
    outbox.asked.clear()
    for now in range(10, 20):
        waits(board, now)
    assert JOURNAL.name not in outbox.asked
    outbox.store([new("3", alert("line 3"))], [])
    board.alerts_arrived()
    job = board.next_delivery(20.0)
    assert isinstance(job, DeliveryJob)
    assert job.sink is JOURNAL


def test_what_another_sink_never_took_is_not_looked_through_for_the_next_alert(
    tmp_path: Path, entries: Entries
) -> None:
    outbox, board = _with_slack_refused(tmp_path, set_aside=2)
    assert outbox.after[JOURNAL.name] == 1, "the one that was set aside might have been tried again"
    board.reconfigure(services(JOURNAL, SLACK))
    delivery(board, 10.0)
    assert set(outbox.after.values()) == {0}, "a sink may be another one now"
