"""Which job is next: a delivery or an analysis. Couriers and analysts ask here; what is kept lies in the outbox."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from logwatchd.alerting.analysis import Analyst, NoAnswerError
from logwatchd.alerting.aside import Aside, total
from logwatchd.alerting.lane import Lane
from logwatchd.alerting.message import Kind
from logwatchd.alerting.outbox import Outbox, Pending
from logwatchd.alerting.sink import MessageRefusedError, Route, Sink
from logwatchd.errors import PermanentError, RetryableError
from logwatchd.journal import Event, logger
from logwatchd.records import Analysis

ANALYSIS_CALL_S = 45.0
_GATHER_S = 1.0  # lines after the anomaly come in meanwhile
_MAX_DUE = 10_000
_HEAD = 32  # alerts that are looked at for the next analysis
_WAITED = 0.9  # of alert_within_s: the rest is for the way to the sink
_IDLE_S = 5.0
_BUDGET_S = 30.0  # until it is looked at again
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


@dataclass(frozen=True, slots=True)
class Services:
    """What a configuration makes: sinks, who gets what, and Claude. alert_within_s: how long an alert that is due waits
    for its analysis."""

    sinks: Sequence[Sink]
    routes: Mapping[str, Route]
    analyst: Analyst | None
    alert_within_s: float


class Board:
    """Hands out jobs: to each sink its messages, in order and one at a time; to analysts the alerts that lack words.

    Thread-safe. Its methods raise RetryableError when the outbox cannot be read or written.
    """

    def __init__(self, outbox: Outbox, services: Services) -> None:
        self._outbox = outbox
        self._lock = threading.Lock()
        self._services = services
        self._sinks: dict[str, Sink] = {}
        self._lanes: dict[str, Lane] = {}
        self._analysis = Lane("analysis", Event.ANALYSIS_FAILS, Event.ANALYSIS_REFUSED, Event.ANALYSIS_RECOVERED)
        self._analysing: set[int] = set()
        self._attempts: Counter[int] = Counter()
        self._due_at: dict[str, float] = {}  # by alert: when it goes out, monotonic
        self._asides: dict[str, Aside] = {}
        self._unmarked: dict[str, tuple[Pending, str | None]] = {}  # taken, but the outbox could not be told
        self._over_budget, self._poor_until = False, 0.0
        # Sinks for which nothing waits: to see that costs a look at all that does for others.
        self._empty: set[str] = set()
        self._complete: dict[str, int] = {}  # by sink: the place up to which it has all that it is to get
        self._draining = False
        self.analyses = 0
        self.analyses_failed = 0
        self.reconfigure(services)

    def reconfigure(self, services: Services) -> None:
        """Use these from now on; what was refused is tried again. A message that only waited for a sink which is no
        longer there is done."""
        with self._lock:
            self._outbox.settle(
                sink.name for sink in services.sinks
            )  # first: it can fail, and then nothing has changed
            self._services = services
            self._sinks = {sink.name: sink for sink in services.sinks}
            lanes = {
                name: self._lanes.get(name) or Lane(name, Event.SINK_FAILS, Event.SINK_REFUSED, Event.SINK_RECOVERED)
                for name in self._sinks
            }
            for lane in (*lanes.values(), self._analysis):
                lane.renew()
            self._lanes = lanes
            self._asides = {name: self._asides.get(name) or Aside() for name in self._sinks}
            for aside in self._asides.values():
                aside.renew()
            self._empty.clear()
            self._complete.clear()
            self._poor_until = 0.0

    def hold(self, alert_id: str, until: float) -> None:
        """An alert that is about to be stored goes out at `until` (monotonic seconds)."""
        with self._lock:
            self._due_at[alert_id] = until
            if len(self._due_at) > _MAX_DUE:
                del self._due_at[next(iter(self._due_at))]

    def alerts_arrived(self) -> None:
        with self._lock:
            self._empty.clear()

    def next_delivery(self, now: float) -> DeliveryJob | float:
        """The next delivery, or the seconds until there may be one."""
        with self._lock:
            delays, waiting = [_LONGEST_DELAY_S], False
            for name, lane in self._lanes.items():
                if lane.busy:
                    waiting = True
                    continue
                self._mark(name)
                if name in self._empty:
                    continue
                pending = self._first_for(name)
                if pending is None:
                    self._empty.add(name)
                    continue
                waiting = True
                ready_at = max(lane.resting_until, self._ready_at(pending, now))
                if lane.refused is None and ready_at <= now:
                    lane.busy = True
                    return DeliveryJob(pending, self._sinks[name])
                delays += [ready_at - now] if lane.refused is None else []
            if not waiting:
                # Not those to come: their alerts are just being stored.
                self._due_at = {alert_id: at for alert_id, at in self._due_at.items() if at > now}
                return _IDLE_S
            return max(_SHORTEST_DELAY_S, min(delays))

    def next_analysis(self, now: float) -> AnalysisJob | float:
        """The next analysis, or the seconds until there may be one; those that failed least come first."""
        with self._lock:
            analyst = self._services.analyst
            if analyst is None or self._draining or self._analysis.refused is not None:
                return _IDLE_S
            if (rest_s := max(self._analysis.resting_until, self._poor_until) - now) > 0:
                return min(rest_s, _IDLE_S)
            waiting = [one for one in self._outbox.unanalysed(_HEAD) if one.seq not in self._analysing]
            if not waiting:
                self._attempts.clear() if not self._analysing else None
                return _LONGEST_DELAY_S if self._analysing else _IDLE_S
            first = min(waiting, key=lambda one: (self._attempts[one.seq], one.seq))
            begins_at = min(now + _GATHER_S, self._due_of(first, now))
            if first.seq not in self._attempts and begins_at > now:
                self._attempts[first.seq] = 0
                return begins_at - now
            self._analysing.add(first.seq)
            return AnalysisJob(first, analyst, ANALYSIS_CALL_S)

    def afford(self, job: AnalysisJob, usd: float, now: float) -> int | None:
        """A place on the bill for a job that may cost so much; None where it has to wait, and is given back."""
        settings, alert = job.analyst.settings, job.pending.alert
        assert alert is not None  # only alerts are analysed
        with self._lock:
            try:
                place = self._outbox.reserve(alert.id, usd, settings.max_per_hour, settings.daily_usd)
            except RetryableError:
                self._analysing.discard(job.pending.seq)
                raise
            if place is None:
                if not self._over_budget:
                    logger("analysis").warning(
                        Event.ANALYSIS_OVER_BUDGET, max_per_hour=settings.max_per_hour, daily_usd=settings.daily_usd
                    )
                self._over_budget, self._poor_until = True, now + _BUDGET_S
                self._analysing.discard(job.pending.seq)
            else:
                self._over_budget = False
            return place

    def paid(self, place: int, usd: float | None) -> None:
        """What a job has cost; None where it was not done."""
        self._outbox.settle_bill(place, usd)

    def analysed(self, job: AnalysisJob, analysis: Analysis, now: float) -> None:
        seq = job.pending.seq
        with self._lock:
            self._analysing.discard(seq)
            if analysis.reused_from is None:
                self._analysis.succeed(now)
                self.analyses += 1
            self._empty.clear()
            self._outbox.analysed(seq, analysis)

    def not_analysed(self, job: AnalysisJob, error: Exception, now: float) -> None:
        """It failed; it is asked for again unless the answer itself was of no use."""
        seq = job.pending.seq
        with self._lock:
            self._analysing.discard(seq)
            self._attempts[seq] += 1
            self.analyses_failed += 1
            if isinstance(error, NoAnswerError):
                self._outbox.analysed(seq, None)
            elif isinstance(error, RetryableError | PermanentError) and job.analyst is self._services.analyst:
                self._analysis.fail(error, now)  # what one of before a reload meets says nothing of the present one

    def delivered(self, job: DeliveryJob, receipt: str | None, now: float) -> None:
        name = job.sink.name
        with self._lock:
            if (lane := self._lanes.get(name)) is not None:
                lane.busy = False
                lane.succeed(now, job.sink.pace_s)
                self._asides[name].taken()
            self._unmarked[name] = (job.pending, receipt)
            self._mark(name)

    def not_delivered(self, job: DeliveryJob, error: Exception, now: float) -> None:
        """It is tried again, or set aside where the sink refuses this message."""
        name = job.sink.name
        with self._lock:
            if (lane := self._lanes.get(name)) is not None:
                lane.busy = False
                if job.sink is self._sinks[name]:  # and none of before a reload
                    fault = self._set_aside(job, error) if isinstance(error, MessageRefusedError) else error
                    if fault is not None:
                        lane.fail(fault, now)
            self._outbox.failed(job.pending.seq, str(error))

    def spoiled(self, job: DeliveryJob, error: Exception) -> None:
        """The sink stumbled over this one message: it never gets it, or that would stop all others, now and later."""
        name = job.sink.name
        with self._lock:
            if (lane := self._lanes.get(name)) is not None:
                lane.busy = False
                self._asides[name].dead[job.pending.seq] = f"{type(error).__name__}: {error}"
                self._mark(name)

    def given_back(self, job: AnalysisJob | DeliveryJob) -> None:
        """We are stopping: the message stays as it was."""
        with self._lock:
            if isinstance(job, AnalysisJob):
                self._analysing.discard(job.pending.seq)
            elif (lane := self._lanes.get(job.sink.name)) is not None:
                lane.busy = False

    def drain(self) -> None:
        """We are stopping: no new analyses, and nothing waits for one, nor for more lines."""
        with self._lock:
            self._draining = True

    def at_rest(self, now: float, until: float) -> bool:
        """Whether no job is under way and none can begin before `until`."""
        with self._lock:
            if self._analysing or any(lane.busy for lane in self._lanes.values()):
                return False
            usable = [name for name, lane in self._lanes.items() if lane.open(max(now, until))]
            return not any(self._next_of(name) for name in usable)

    def states(self, now: float) -> dict[str, str]:
        """'ok', 'resting' or 'refused' by service."""
        with self._lock:
            found = {name: lane.state(now) for name, lane in self._lanes.items()}
            return found | ({"analysis": self._analysis.state(now)} if self._services.analyst else {})

    @property
    def set_aside(self) -> int:
        """How many messages a sink refuses of which the outbox does not know yet that it never gets them."""
        with self._lock:
            return total(self._asides)

    def _set_aside(self, job: DeliveryJob, error: Exception) -> PermanentError | None:
        """Let others go on, and say so; returns what is wrong with the sink if it takes none of them."""
        logger(job.sink.name).error(Event.ALERT_REFUSED, alert_id=job.pending.key, reason=str(error))
        return self._asides[job.sink.name].put(job.pending, error)

    def _first_for(self, name: str) -> Pending | None:
        """The sink's next message; those that do not concern it are passed over."""
        sink, route = self._sinks[name], self._services.routes.get(name)
        while (pending := self._next_of(name)) is not None:
            routed = route is None or pending.alert is None or route.leads_here(pending.alert)
            if routed and sink.wants(pending.kind):
                return pending
            self._outbox.delivered(pending.seq, name, self._sinks)
        return None

    def _next_of(self, name: str) -> Pending | None:
        passed_over = self._asides[name].seqs
        pending = self._outbox.pending(name, passed_over, self._complete.get(name, 0))
        if pending is not None:
            self._complete[name] = min(pending.seq, *passed_over) - 1 if passed_over else pending.seq - 1
        return pending

    def _mark(self, name: str) -> None:
        """Tell the outbox what a sink has taken, and what it never gets; kept until the outbox has it, or it would be
        sent twice."""
        dead = self._asides[name].dead if name in self._asides else {}
        for seq, reason in list(dead.items()):
            self._outbox.refused(seq, name, self._sinks, reason)
            del dead[seq]
        if name not in self._unmarked:
            return
        pending, receipt = self._unmarked[name]
        complete = pending.kind is not Kind.ALERT or pending.analysis is not None
        self._outbox.delivered(pending.seq, name, self._sinks, receipt=receipt, analysed=complete)
        del self._unmarked[name]

    def _due_of(self, pending: Pending, now: float) -> float:
        """When an alert goes out at the earliest; at once where a restart has forgotten it."""
        return self._due_at.setdefault(pending.alert.id, now) if pending.alert else now

    def _ready_at(self, pending: Pending, now: float) -> float:
        """When a message may leave. An alert gathers lines, then waits a moment for its analysis if that may come."""
        if pending.kind is not Kind.ALERT or self._draining:
            return now
        due_at = self._due_of(pending, now)
        tried = self._attempts[pending.seq] > 0  # and failed: the next try may be long in coming
        hopeless = self._services.analyst is None or self._analysis.down(now) or now < self._poor_until or tried
        if pending.analysis is not None or hopeless or not self._outbox.wants_analysis(pending.seq):
            return due_at
        return due_at + self._services.alert_within_s * _WAITED
