"""Which job is next: an analysis or a delivery. All workers ask here; what is kept lies in the outbox."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from logwatchd.alerting.analysis import Analyst
from logwatchd.alerting.lane import Lane
from logwatchd.alerting.outbox import Outbox, Pending
from logwatchd.alerting.sink import Sink
from logwatchd.errors import PermanentError, RetryableError
from logwatchd.journal import Event
from logwatchd.records import Analysis

PATIENCE_S = 30.0  # how long an alert waits for its analysis, all in all
ANALYSIS_CALL_S = 25.0
_HEAD = 16  # alerts that are looked at for the next job
_IDLE_S = 5.0
_LONGEST_DELAY_S = 1.0
_SHORTEST_DELAY_S = 0.01


@dataclass(frozen=True, slots=True)
class AnalysisJob:
    pending: Pending
    analyst: Analyst
    timeout_s: float


@dataclass(frozen=True, slots=True)
class DeliveryJob:
    pending: Pending
    sink: Sink


Job = AnalysisJob | DeliveryJob


class Board:
    """Hands out jobs: deliveries first, in order and one at a time for each sink; analyses beside them.

    Thread-safe. Its methods raise RetryableError when the outbox cannot be read or written.
    """

    def __init__(self, outbox: Outbox, sinks: Sequence[Sink], analyst: Analyst | None, workers: int) -> None:
        self._outbox = outbox
        self._lock = threading.Lock()
        self._sinks: dict[str, Sink] = {}
        self._lanes: dict[str, Lane] = {}
        self._analyst: Analyst | None = None
        self._analysis = Lane("analysis", Event.ANALYSIS_FAILS, Event.ANALYSIS_REFUSED, Event.ANALYSIS_RECOVERED)
        self._max_analyses = 1
        self._analysing: set[int] = set()
        self._without_analysis: set[int] = set()
        self._seen_at: dict[int, float] = {}
        self._unmarked: dict[str, int] = {}  # taken by the sink, but the outbox could not be told
        self._nothing_waits = False
        self._draining = False
        self.analyses = 0
        self.analyses_failed = 0
        self.reconfigure(sinks, analyst, workers)

    def reconfigure(self, sinks: Sequence[Sink], analyst: Analyst | None, workers: int) -> None:
        """Use these from now on; what was refused is tried again. An alert that only waited for a sink which is no
        longer there is done."""
        with self._lock:
            self._outbox.settle(sink.name for sink in sinks)  # first: it can fail, and then nothing has changed
            self._sinks = {sink.name: sink for sink in sinks}
            lanes = {
                name: self._lanes.get(name) or Lane(name, Event.SINK_FAILS, Event.SINK_REFUSED, Event.SINK_RECOVERED)
                for name in self._sinks
            }
            for lane in (*lanes.values(), self._analysis):
                lane.renew()
            self._lanes, self._analyst = lanes, analyst
            self._max_analyses = max(1, workers - 1)  # one worker stays free to deliver
            self._nothing_waits = False

    def alerts_arrived(self) -> None:
        with self._lock:
            self._nothing_waits = False

    def next(self, now: float) -> Job | float:
        """The next job, or the seconds until there may be one."""
        with self._lock:
            if self._nothing_waits:
                return _IDLE_S
            for name, lane in self._lanes.items():
                if lane.open(now) and (job := self._delivery(name, now)) is not None:
                    lane.busy = True
                    return job
            return self._next_analysis(now) or self._delay_s(now)

    def analysed(self, job: AnalysisJob, analysis: Analysis, now: float) -> None:
        with self._lock:
            self._analysing.discard(job.pending.seq)
            self._without_analysis.add(job.pending.seq)  # should the outbox fail below, the alert goes out all the same
            self._analysis.succeed(now)
            self.analyses += 1
            self._outbox.analysed(job.pending.seq, analysis)

    def not_analysed(self, job: AnalysisJob, error: Exception, now: float) -> None:
        """It failed. The alert waits for another try only where one is possible in time."""
        seq = job.pending.seq
        with self._lock:
            self._analysing.discard(seq)
            self.analyses_failed += 1
            if isinstance(error, RetryableError | PermanentError):
                self._analysis.fail(error, now)
            retry_at = max(now, self._analysis.resting_until)
            late = retry_at - self._seen_at.get(seq, now) >= PATIENCE_S
            if late or not isinstance(error, RetryableError):
                self._without_analysis.add(seq)

    def delivered(self, job: DeliveryJob, now: float) -> None:
        name = job.sink.name
        with self._lock:
            if (lane := self._lanes.get(name)) is not None:
                lane.busy = False
                lane.succeed(now, job.sink.pace_s)
            self._unmarked[name] = job.pending.seq
            self._mark(name)

    def not_delivered(self, job: DeliveryJob, error: Exception, now: float) -> None:
        with self._lock:
            if (lane := self._lanes.get(job.sink.name)) is not None:
                lane.busy = False
                lane.fail(error, now)
            self._outbox.failed(job.pending.seq, str(error))

    def spoiled(self, job: DeliveryJob, error: Exception) -> None:
        """The sink stumbled over this one alert: given up, or it would stop all others, now and after each start."""
        with self._lock:
            if (lane := self._lanes.get(job.sink.name)) is not None:
                lane.busy = False
            self._outbox.give_up(job.pending.seq, f"{job.sink.name}: {type(error).__name__}: {error}")

    def given_back(self, job: Job) -> None:
        """We are stopping: the alert stays as it was."""
        with self._lock:
            if isinstance(job, AnalysisJob):
                self._analysing.discard(job.pending.seq)
                self._without_analysis.add(job.pending.seq)
            elif (lane := self._lanes.get(job.sink.name)) is not None:
                lane.busy = False

    def drain(self) -> None:
        """We are stopping: no new analyses."""
        with self._lock:
            self._draining = True

    def at_rest(self, now: float, until: float) -> bool:
        """Whether no job is under way and none can begin before `until`."""
        with self._lock:
            if self._analysing or any(lane.busy for lane in self._lanes.values()):
                return False
            usable = [name for name, lane in self._lanes.items() if lane.open(max(now, until))]
            return not any(self._outbox.pending(1, name) for name in usable)

    def states(self, now: float) -> dict[str, str]:
        """'ok', 'resting' or 'refused' by service."""
        with self._lock:
            found = {name: lane.state(now) for name, lane in self._lanes.items()}
            return found | ({"analysis": self._analysis.state(now)} if self._analyst else {})

    def _delivery(self, name: str, now: float) -> DeliveryJob | None:
        self._mark(name)
        for pending in self._outbox.pending(_HEAD, name):
            if self._ready(pending, now):
                return DeliveryJob(pending, self._sinks[name])
        return None

    def _mark(self, name: str) -> None:
        """Tell the outbox what a sink has taken; kept until the outbox has it, so that it is not sent twice."""
        if name not in self._unmarked:
            return
        seq = self._unmarked[name]
        if self._outbox.delivered(seq, name, self._sinks):
            self._without_analysis.discard(seq)
            self._seen_at.pop(seq, None)
        del self._unmarked[name]

    def _next_analysis(self, now: float) -> AnalysisJob | None:
        analyst = self._analyst
        waiting = self._outbox.pending(_HEAD)
        if not waiting:
            self._nothing_waits = True
            self._without_analysis.clear()
            self._seen_at.clear()
        if analyst is None or self._draining or len(self._analysing) >= self._max_analyses:
            return None
        if not self._analysis.open(now):
            return None
        for pending in waiting:
            left_s = PATIENCE_S - (now - self._seen_at.setdefault(pending.seq, now))
            if pending.seq not in self._analysing and not self._ready(pending, now):
                self._analysing.add(pending.seq)
                return AnalysisJob(pending, analyst, min(ANALYSIS_CALL_S, left_s))
        return None

    def _ready(self, pending: Pending, now: float) -> bool:
        """Whether an alert can go out: it has its analysis, needs none, or has waited for one long enough."""
        seq = pending.seq
        if pending.analysis is not None or self._analyst is None or seq in self._without_analysis:
            return True
        if seq in self._analysing:
            return False
        waited_s = now - self._seen_at.setdefault(seq, now)
        return self._draining or self._analysis.down(now) or waited_s >= PATIENCE_S

    def _delay_s(self, now: float) -> float:
        if self._nothing_waits:
            return _IDLE_S
        lanes = (self._analysis, *self._lanes.values())
        resting = [lane.resting_until - now for lane in lanes if lane.resting_until > now]
        return max(_SHORTEST_DELAY_S, min((*resting, _LONGEST_DELAY_S)))
