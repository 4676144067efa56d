"""Couriers deliver and analysts analyse: each does one job of the board's at a time, within a bounded time, and says
how it went."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from logwatchd import clock
from logwatchd.alerting.analysis import NoAnswerError
from logwatchd.alerting.board import ANALYSIS_CALL_S, AnalysisJob, Board, DeliveryJob
from logwatchd.alerting.bounded import CallsByService, CancelledError
from logwatchd.alerting.leaving import safe_alert, safe_digest, safe_story
from logwatchd.alerting.message import Digest, Message, Story
from logwatchd.alerting.notices import AlertAnalysed, Observer
from logwatchd.alerting.opening import Redact
from logwatchd.alerting.outbox import Pending
from logwatchd.alerting.reuse import Analyses
from logwatchd.alerting.sink import MessageRefusedError
from logwatchd.errors import PermanentError, RetryableError, starved
from logwatchd.journal import Event, logger
from logwatchd.records import Alert, Analysis
from logwatchd.vectors import Vectors

CLAUDE = "Claude"
"""The service that analysts call."""
DELIVERY_CALL_S = 30.0  # sinks end by themselves, but not while a name is looked up
MAX_TURN_S = max(ANALYSIS_CALL_S, DELIVERY_CALL_S) + 5.0
"""A worker's turn may take so long, unlike other stages' turns: it waits for the network. A heartbeat older than this
means that it hangs."""
_OUTBOX_RETRY_S = 5.0

StoryOf = Callable[[str], Story | None]


@dataclass(frozen=True, slots=True)
class About:
    """What workers know of incidents. story_of, vector_of: by the alert's id. observer: is told of words. redact: what
    leaves the machine goes through it."""

    story_of: StoryOf
    vector_of: Callable[[str], tuple[str, Vectors] | None]
    analyses: Analyses
    observer: Observer
    redact: Redact


class _Worker(ABC):
    """A stage that waits for the network inside a turn, for MAX_TURN_S at the most."""

    def __init__(self, name: str, board: Board, calls: CallsByService) -> None:
        self.name = name
        self._board = board
        self._calls = calls
        self._fails = False

    def run_once(self, now: float) -> float:
        """Do one job. See `stage.Stage`."""
        try:
            delay_s = self._work(now)
            self._fails = False
            return delay_s
        except RetryableError as error:  # the outbox: the services' own errors went to the board
            if not self._fails:
                logger(self.name).error(Event.OUTBOX_FAILS, reason=str(error))
            self._fails = True
            return _OUTBOX_RETRY_S

    @abstractmethod
    def _work(self, now: float) -> float:
        """Do one job; returns the seconds until there may be another. Raises RetryableError."""


class AnalystWorker(_Worker):
    """Asks Claude. on_words: wakes those who deliver."""

    def __init__(
        self, name: str, board: Board, calls: CallsByService, about: About, on_words: Callable[[], None]
    ) -> None:
        super().__init__(name, board, calls)
        self._about = about
        self._on_words = on_words

    def _work(self, now: float) -> float:
        job = self._board.next_analysis(now)
        if isinstance(job, float):
            return job
        try:
            self._analyse(job)
        except MemoryError as error:
            self._board.not_analysed(job, starved("an analysis", error), clock.monotonic())
        except RetryableError:
            raise
        except Exception as error:  # a fault of ours over this one alert: it would come again with each try
            alert_id, reason = job.pending.key, f"{type(error).__name__}: {error}"
            logger("analysis").exception(Event.ANALYSIS_UNUSABLE, alert_id=alert_id, reason=reason)
            self._board.not_analysed(job, NoAnswerError(reason), clock.monotonic())
        self._on_words()
        return 0.0

    def _analyse(self, job: AnalysisJob) -> None:
        alert = job.pending.alert
        assert alert is not None  # only alerts are analysed
        where, now = self._about.vector_of(alert.id), clock.monotonic()
        known = self._about.analyses.near(where, now, job.analyst.settings.reuse_s)
        if known is not None:
            self._done(job, alert, known)
            return
        place = self._board.afford(job, job.analyst.most_usd(alert), now)
        if place is None:
            return
        usd: float | None = None
        try:
            story = self._about.story_of(alert.id)
            story = story and safe_story(story, self._about.redact)
            answer = self._calls.of(CLAUDE).within(
                job.timeout_s, lambda: job.analyst.analyse(alert, job.timeout_s, story, job.pending.why)
            )
            usd = answer.usd
        except CancelledError:
            self._board.given_back(job)
        except NoAnswerError as error:
            logger("analysis").warning(Event.ANALYSIS_UNUSABLE, alert_id=alert.id, reason=str(error))
            self._board.not_analysed(job, error, clock.monotonic())
            usd = job.analyst.most_usd(alert)  # it has answered, and so it is paid
        except (RetryableError, PermanentError) as error:
            self._board.not_analysed(job, error, clock.monotonic())
        else:
            self._about.analyses.remember(alert.id, where, answer.analysis, clock.monotonic())
            self._done(job, alert, answer.analysis)
        finally:
            self._board.paid(place, usd)

    def _done(self, job: AnalysisJob, alert: Alert, analysis: Analysis) -> None:
        self._board.analysed(job, analysis, clock.monotonic())
        self._about.observer(AlertAnalysed(alert, analysis))


class Courier(_Worker):
    """Delivers."""

    def __init__(self, name: str, board: Board, calls: CallsByService, about: About) -> None:
        super().__init__(name, board, calls)
        self._about = about

    def _work(self, now: float) -> float:
        job = self._board.next_delivery(now)
        if isinstance(job, float):
            return job
        self._deliver(job)
        return 0.0

    def _deliver(self, job: DeliveryJob) -> None:
        pending = job.pending
        try:
            message = self._message(pending)
            receipt = self._calls.of(job.sink.name).within(DELIVERY_CALL_S, lambda: job.sink.deliver(message))
        except CancelledError:
            self._board.given_back(job)
        except (RetryableError, PermanentError, MessageRefusedError) as error:
            self._board.not_delivered(job, error, clock.monotonic())
        except MemoryError as error:  # no fault of the message
            self._board.not_delivered(job, starved("an alert", error), clock.monotonic())
        except Exception as error:
            alert_id = pending.alert.id if pending.alert else None
            logger(job.sink.name).exception(Event.ALERTS_GIVEN_UP, alerts=1, alert_id=alert_id, reason=str(error))
            self._board.spoiled(job, error)
        else:
            self._board.delivered(job, receipt, clock.monotonic())

    def _message(self, pending: Pending) -> Message | Digest:
        alert = pending.alert
        if alert is None:
            digest = pending.digest
            assert digest is not None  # one of the two
            return safe_digest(digest, self._about.redact)
        redact = self._about.redact
        story = self._about.story_of(alert.id) or Story(1, 1, alert.read_at, alert.read_at, (alert.path,))
        told = safe_alert(alert, redact), pending.analysis, safe_story(story, redact)
        return Message(pending.kind, *told, pending.why, pending.receipt)
