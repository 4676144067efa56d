"""The desk where anomalies come in: it groups them into incidents and has each new one stored before it answers."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from logwatchd import clock
from logwatchd.alerting import words
from logwatchd.alerting.codec import incident_to_row, story_of
from logwatchd.alerting.explain import alert_of, line_key, severity_of
from logwatchd.alerting.grouping import Incident, Reason, Rules, decide, leads
from logwatchd.alerting.incidents import MAX_REACH, MAX_SAMPLES, OpenIncidents
from logwatchd.alerting.message import Story
from logwatchd.alerting.muting import Mute, split
from logwatchd.alerting.notices import AlertRaised, IncidentEnded, IncidentGrew, Observer, nobody
from logwatchd.alerting.notify import Timers, Why, due
from logwatchd.alerting.opening import Redact, as_it_is, begin, kind_of
from logwatchd.alerting.outbox import NewAlert, Outbox
from logwatchd.alerting.rounds import Rounds
from logwatchd.alerting.text import gist
from logwatchd.alerting.ties import host_of, is_failed_request, ties_of
from logwatchd.errors import RetryableError
from logwatchd.journal import Event, logger
from logwatchd.records import Alert, Anomaly, FileId, Severity
from logwatchd.vectors import Vectors

MAX_OPEN = 1000  # the quietest is ended early for the next one
_MAX_TIES = 64  # an incident's
_MAX_REDACTED = 64  # texts that are remembered, of 16,384 characters at most
_MUTED_SAID_S = 3600.0
_MAX_IN_FULL = 100  # alerts at once that are told with their background: more of them nobody reads one by one


@dataclass(frozen=True, slots=True)
class Policy:
    """What `[incidents]` says. analyse: Claude is to be asked. resolve: sinks want to hear that an incident is over.
    sinks: those beside the journal, by name. mutes: what nobody is told of."""

    rules: Rules = field(default_factory=Rules)
    timers: Timers = field(default_factory=Timers)
    max_alerts_per_hour: int = 60
    context_lines: int = 10
    analyse: bool = False
    resolve: bool = False
    sinks: Sequence[str] = ()
    mutes: Sequence[Mute] = ()


@dataclass(frozen=True, slots=True)
class DeskStatus:
    """Counters since the start, but for incidents_open."""

    anomalies: int = 0
    anomalies_muted: int = 0
    incidents: int = 0
    incidents_open: int = 0


@dataclass(slots=True)
class _Plan:
    """What one call of `observe` is going to change, once the outbox has it. leading: alerts of incidents that began
    earlier, by incident, which a more telling line speaks for from now on."""

    opened: list[tuple[NewAlert, Incident]] = field(default_factory=list)
    joined: list[tuple[Reason, Incident, Anomaly]] = field(default_factory=list)
    leading: dict[str, tuple[Incident, Alert, bool]] = field(default_factory=dict)


class AlertDesk:
    """Owns the open incidents. `observe` belongs to the score thread, `run_once` to the desk's own."""

    name = "incidents"

    def __init__(
        self, outbox: Outbox, policy: Policy | None = None, *, observer: Observer = nobody, redact: Redact = as_it_is
    ) -> None:
        """Takes up the incidents that were open when the last run ended.

        redact: takes secrets out of every text that goes on from here.

        Raises:
            RetryableError: the outbox cannot be read.
        """
        self.on_hold: Callable[[str, float], None] = lambda alert_id, until: None  # tells the board; the wiring sets it
        self.on_alert: Callable[[], None] = lambda: None  # wakes the others; the wiring sets it
        self._outbox = outbox
        self._observer = observer
        self._redact = _remembering(redact)
        self._lock = threading.Lock()
        self._policy = policy or Policy()
        self._open = OpenIncidents(self._policy.rules)
        self._status = DeskStatus()
        self._log = logger("incidents")
        self._said: set[str] = set()  # alerts that the journal has, and the outbox not yet
        self._muted_at: dict[Mute, float] = {}  # when a line of it was last told to the journal
        self._counted: set[tuple[FileId, int]] = set()  # lines that have their incident, whose call is to come again
        policy = self._policy
        self._rounds = Rounds(outbox, policy.timers, policy.max_alerts_per_hour, clock.monotonic(), policy.sinks)
        self._take_up(clock.monotonic())

    @property
    def policy(self) -> Policy:
        return self._policy

    @property
    def redact(self) -> Redact:
        return self._redact

    def use(self, policy: Policy, redact: Redact) -> None:
        """Go by this from the next anomaly on; open incidents stay."""
        with self._lock:
            self._policy, self._redact = policy, _remembering(redact)
            self._muted_at = {mute: at for mute, at in self._muted_at.items() if mute in policy.mutes}
            self._rounds.use(policy.timers, policy.max_alerts_per_hour, policy.sinks)
            again = OpenIncidents(policy.rules)
            for incident in self._open:
                again.add(incident)
            self._open = again

    def observe(self, anomalies: Sequence[Anomaly], now: float) -> None:
        """Take the anomalies of one block, in order. When it returns, every new incident's alert is on the disk, and
        so is each kind of line that joined one.

        The journal is told first: when a crash comes between, the lines are read again, and told again. A line that
        was observed before a crash opens nothing again; counts of lines may then be too high.

        Raises:
            RetryableError: the outbox cannot be written: call again with the same anomalies.
        """
        raised: list[NewAlert] = []
        grown: list[IncidentGrew] = []
        lines = {(anomaly.file, anomaly.offset) for anomaly in anomalies}
        try:
            with self._lock:
                left = [anomaly for anomaly in anomalies if (anomaly.file, anomaly.offset) not in self._counted]
                told, muted = split(left, self._policy.mutes, clock.utc_now()) if self._policy.mutes else (left, [])
                plan = self._plan(told, now)
                self._say_raised(plan)
                new = self._store(plan, now)
                raised += [one for one, _ in plan.opened if one.alert.id in new]
                self._status = replace(
                    self._status,
                    anomalies=self._status.anomalies + len(left),
                    anomalies_muted=self._status.anomalies_muted + len(muted),
                    incidents=self._status.incidents + len(new),
                )
                self._counted |= lines
                self._say_muted(muted, now)
                self._rounds.opened(raised, now)
                for reason, incident, anomaly in plan.joined:
                    if self._join(reason, incident, anomaly, now):
                        line = self._redact(anomaly.line)
                        self._log.info(Event.INCIDENT_GREW, **words.grew(incident, reason, anomaly, line))
                        grown.append(IncidentGrew(incident.alert_id, anomaly.service, reason, line, anomaly.read_at))
                for incident, anomaly in {id(incident): (incident, last) for _, incident, last in plan.joined}.values():
                    incident.written = anomaly.details.timestamp()
                self._keep_kinds()
                self._counted -= lines
        finally:  # also where a kind could not be kept: to the next call these are nothing new
            for one in raised:
                self._observer(AlertRaised(one.alert))
            if raised:
                self.on_alert()
            for notice in grown:
                self._observer(notice)
        if raised:
            self._retire(now)

    def run_once(self, now: float) -> float:
        """Tell what has grown, end what has been quiet, write counts, forget what is old. See `stage.Stage`."""
        self._retire(now)
        with self._lock:
            told = self._rounds.make(list(self._open), now, resolve=self._policy.resolve)
            delay_s = self._rounds.delay_s(list(self._open))
        if told:
            self.on_alert()
        return delay_s

    def story(self, alert_id: str) -> Story | None:
        """The alert's incident so far. Any thread may call it.

        Raises:
            RetryableError: it is no longer open, and the outbox cannot be read.
        """
        with self._lock:
            incident = self._open.get(alert_id)
            if incident is not None:
                return story_of(incident)
        return self._outbox.story(alert_id)

    def incident_vector(self, alert_id: str) -> tuple[str, Vectors] | None:
        """An open incident's service and vector (D,), to find what is near it; None when it is over."""
        with self._lock:
            incident = self._open.get(alert_id)
            return (incident.service, incident.vector) if incident else None

    def status(self) -> DeskStatus:
        with self._lock:
            return replace(self._status, incidents_open=len(self._open))

    def close(self) -> None:
        """Say what is still open, and write it: the next run goes on with it. Call it when no thread observes."""
        for incident in self._open:
            self._log.info(Event.INCIDENT_CONTINUES, **words.summary(incident))
        with self._lock:
            self._rounds.write(list(self._open))

    def _retire(self, now: float) -> None:
        """End incidents that have been quiet, and the quietest where too many are open."""
        with self._lock:
            over = {i.alert_id: i for i in self._open if now - i.last_at >= self._policy.timers.resolve_after_s}
            quiet = set(over)
            if len(self._open) - len(over) > MAX_OPEN:
                quietest = sorted(self._open, key=lambda incident: incident.last_at)
                over |= {i.alert_id: i for i in quietest[: len(self._open) - MAX_OPEN]}
            for incident in over.values():
                self._open.remove(incident)
            self._rounds.ended(over.values(), quiet)
        for incident in over.values():
            self._end(incident)

    def _take_up(self, now: float) -> None:
        wall = clock.utc_now()
        for incident in self._outbox.open_incidents(now):
            quiet_s = (wall - incident.last_seen).total_seconds()
            if quiet_s < self._policy.timers.resolve_after_s:
                self._open.add(incident)
            else:
                self._rounds.ended([incident], {incident.alert_id})
                self._end(incident)

    def _plan(self, anomalies: Sequence[Anomaly], now: float) -> _Plan:
        """Decide where each one belongs. New incidents are open at once, so that the block's next lines can join."""
        plan = _Plan()
        for anomaly in anomalies:
            verdict = anomaly.verdict
            severity = severity_of(verdict.level, verdict.score, verdict.threshold)
            key = kind_of(anomaly, self._policy.rules.group_by)
            decision = decide(anomaly, severity, now, self._policy.rules, self._open.around(anomaly, key, now))
            if decision.incident is None:
                self._begin(plan, anomaly, key, severity, now)
                continue
            plan.joined.append((decision.reason, decision.incident, anomaly))
            if decision.reason is not Reason.SAME_PATTERN:
                self._consider(plan, decision.incident, anomaly, severity)
        return plan

    def _begin(self, plan: _Plan, anomaly: Anomaly, key: str, severity: Severity, now: float) -> None:
        in_full = len(plan.opened) < _MAX_IN_FULL
        alert = alert_of(anomaly, self._policy.context_lines, self._redact, in_full=in_full)
        incident = begin(anomaly, alert, key, severity, now)
        held = not self._rounds.admits(now, sum(not one.held for one, _ in plan.opened))
        incident.held = held
        line = line_key(anomaly.file, anomaly.offset, anomaly.line)
        plan.opened.append((NewAlert(line, alert, "", held, self._policy.analyse), incident))
        self._open.add(incident)
        self._open.opened(incident, now)

    def _consider(self, plan: _Plan, incident: Incident, anomaly: Anomaly, severity: Severity) -> None:
        """Let the more telling of two lines speak for an incident that nobody was told of."""
        bare = is_failed_request(anomaly.line)
        earlier = plan.leading.get(incident.alert_id)
        told_as = earlier[1].severity if earlier else incident.severity
        if not leads(severity, bare, incident, told_as, earlier[2] if earlier else incident.bare):
            return
        alert = alert_of(anomaly, self._policy.context_lines, self._redact)
        alert = replace(alert, id=incident.alert_id, fingerprint=incident.fingerprint)
        plan.leading[incident.alert_id] = (incident, alert, bare)

    def _store(self, plan: _Plan, now: float) -> frozenset[str]:
        if not (plan.opened or plan.leading):
            return frozenset()
        for one in (one for one, _ in plan.opened if not one.held):
            self.on_hold(one.alert.id, now + self._policy.timers.group_wait_s)
        try:
            plan.opened = [(self._with_past(one), incident) for one, incident in plan.opened]
            new = self._outbox.store(
                [one for one, _ in plan.opened],
                [incident_to_row(incident) for _, incident in plan.opened],
                [(alert_id, alert) for alert_id, (_, alert, _) in plan.leading.items()],
            )
        except RetryableError:
            for _, incident in plan.opened:
                self._open.withdraw(incident)
            raise
        self._said.clear()
        for incident, alert, bare in plan.leading.values():
            incident.severity, incident.bare, incident.changed = alert.severity, bare, True
        return new

    def _say_raised(self, plan: _Plan) -> None:
        """Each once, however often the outbox has to be tried."""
        for one, _ in plan.opened:
            if one.alert.id not in self._said:
                self._said.add(one.alert.id)
                self._log.warning(Event.ANOMALY, **words.raised(one.alert, held=one.held))

    def _say_muted(self, muted: Sequence[tuple[Mute, Anomaly]], now: float) -> None:
        """Of each mute its first line, and one an hour: what is muted by mistake can be seen, and fills no journal."""
        for mute, anomaly in muted:
            if now - self._muted_at.get(mute, -math.inf) >= _MUTED_SAID_S:
                self._muted_at[mute] = now
                alert = alert_of(anomaly, 0, self._redact, in_full=False)
                self._log.info(Event.LINES_MUTED, **words.muted(mute.name, alert))

    def _keep_kinds(self) -> None:
        """A new kind of line is as good as an alert: it is on the disk before its read position moves on."""
        grown = [incident for incident in self._open if incident.unkept]
        if grown:
            self._outbox.update_incidents([incident_to_row(incident) for incident in grown])
        for incident in grown:
            incident.unkept = False

    def _with_past(self, one: NewAlert) -> NewAlert:
        was_over = self._outbox.was_over(one.alert.fingerprint)
        return replace(one, why=words.came_back(was_over, one.alert.read_at))

    def _join(self, reason: Reason, incident: Incident, anomaly: Anomaly, now: float) -> bool:
        """Count a line; True when it is the first of its kind."""
        if due(incident, now, self._policy.timers) is Why.FIRST:
            incident.tell(now)  # the alert that goes out now does not know of this line
        incident.lines += 1
        incident.last_at = max(incident.last_at, now)
        incident.last_seen = max(incident.last_seen, anomaly.read_at)
        incident.changed = True
        _note(incident.sources, anomaly.path)
        if len(incident.hosts) < MAX_REACH and (host := host_of(anomaly.line)):
            _note(incident.hosts, host)
        if reason is Reason.SAME_PATTERN:
            return False
        incident.kinds += 1
        incident.unkept = True
        if not self._open.learn(incident, kind_of(anomaly, self._policy.rules.group_by)):
            return False
        incident.ties |= ties_of(anomaly.line) if len(incident.ties) < _MAX_TIES else frozenset()
        if len(incident.samples) < MAX_SAMPLES:
            incident.samples.append(gist(self._redact(anomaly.line))[:500])
        return True

    def _end(self, incident: Incident) -> None:
        self._log.info(Event.INCIDENT_RESOLVED, **words.summary(incident))
        self._observer(
            IncidentEnded(incident.alert_id, incident.service, incident.lines, incident.first_seen, incident.last_seen)
        )


def _remembering(redact: Redact) -> Redact:
    """In a storm, the lines before one alert stand before the next ones, too."""
    return lru_cache(maxsize=_MAX_REDACTED)(redact)


def _note(names: list[str], name: str) -> None:
    if name not in names and len(names) < MAX_REACH:
        names.append(name)
