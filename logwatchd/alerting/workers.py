"""The workers: each takes one job from the board at a time, does it within a bounded time and says how it went."""

from __future__ import annotations

from collections.abc import Callable

from logwatchd import clock
from logwatchd.alerting.analysis import NoAnswerError
from logwatchd.alerting.board import ANALYSIS_CALL_S, AnalysisJob, Board, DeliveryJob
from logwatchd.alerting.bounded import BoundedCalls, CancelledError
from logwatchd.alerting.notices import AlertAnalysed, Observer
from logwatchd.alerting.sink import Message
from logwatchd.errors import PermanentError, RetryableError
from logwatchd.journal import Event, logger

DELIVERY_CALL_S = 25.0
MAX_TURN_S = max(ANALYSIS_CALL_S, DELIVERY_CALL_S) + 5.0
"""A worker's turn may take so long, unlike other stages' turns: it waits for the network. A heartbeat older than this
means that it hangs."""
_OUTBOX_RETRY_S = 5.0


class Worker:
    """One of the pool. Its stage waits for the network inside a turn, for MAX_TURN_S at the most."""

    def __init__(
        self,
        number: int,
        board: Board,
        analyses: BoundedCalls,
        deliveries: BoundedCalls,
        lines_of: Callable[[str], int],
        observer: Observer,
    ) -> None:
        """lines_of: how many lines an alert's incident has so far."""
        self._number = number
        self._board = board
        self._analyses = analyses
        self._deliveries = deliveries
        self._lines_of = lines_of
        self._observer = observer
        self._fails = False

    @property
    def name(self) -> str:
        return f"worker-{self._number}"

    def run_once(self, now: float) -> float:
        """Do one job. See `stage.Stage`."""
        try:
            job = self._board.next(now)
            if isinstance(job, float):
                return job
            if isinstance(job, AnalysisJob):
                self._analyse(job)
            else:
                self._deliver(job)
            self._fails = False
        except RetryableError as error:  # the outbox: the services' own errors went to the board
            if not self._fails:
                logger(self.name).error(Event.OUTBOX_FAILS, reason=str(error))
            self._fails = True
            return _OUTBOX_RETRY_S
        return 0.0

    def _analyse(self, job: AnalysisJob) -> None:
        alert = job.pending.alert
        try:
            analysis = self._analyses.within(job.timeout_s, lambda: job.analyst.analyse(alert, job.timeout_s))
        except CancelledError:
            self._board.given_back(job)
        except NoAnswerError as error:
            logger("analysis").warning(Event.ANALYSIS_UNUSABLE, alert_id=alert.id, reason=str(error))
            self._board.not_analysed(job, error, clock.monotonic())
        except (RetryableError, PermanentError) as error:
            self._board.not_analysed(job, error, clock.monotonic())
        else:
            self._board.analysed(job, analysis, clock.monotonic())
            self._observer(AlertAnalysed(alert, analysis))

    def _deliver(self, job: DeliveryJob) -> None:
        alert = job.pending.alert
        message = Message(alert, job.pending.analysis, self._lines_of(alert.id))
        try:
            self._deliveries.within(DELIVERY_CALL_S, lambda: job.sink.deliver(message))
        except CancelledError:
            self._board.given_back(job)
        except (RetryableError, PermanentError) as error:
            self._board.not_delivered(job, error, clock.monotonic())
        except Exception as error:
            logger(job.sink.name).exception(Event.ALERTS_GIVEN_UP, alerts=1, alert_id=alert.id, reason=str(error))
            self._board.spoiled(job, error)
        else:
            self._board.delivered(job, clock.monotonic())
