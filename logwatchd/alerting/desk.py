"""The desk where anomalies come in: it groups them into incidents and has each new one stored before it answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from logwatchd import clock
from logwatchd.alerting.codec import incident_from_row, incident_to_row
from logwatchd.alerting.explain import alert_of, line_key, severity_of
from logwatchd.alerting.grouping import Incident, Reason, Rules, decide
from logwatchd.alerting.incidents import OpenIncidents
from logwatchd.alerting.notices import AlertRaised, IncidentEnded, Observer, nobody
from logwatchd.alerting.outbox import Outbox
from logwatchd.alerting.text import clip, gist, visible
from logwatchd.errors import RetryableError
from logwatchd.journal import Event, logger
from logwatchd.records import Alert, Anomaly, Severity

RESOLVE_AFTER_S = 900.0
MAX_OPEN = 1000  # the quietest is ended early for the next one
_TIMERS_S = 5.0
_PRUNE_S = 600.0
_MAX_MESSAGE_CHARS = 500


@dataclass(frozen=True, slots=True)
class DeskStatus:
    """Counters since the start, but for incidents_open."""

    anomalies: int = 0
    incidents: int = 0
    incidents_open: int = 0


@dataclass(slots=True)
class _Plan:
    """What one call of `observe` is going to change, once the outbox has it."""

    opened: list[tuple[str, Alert, Incident]] = field(default_factory=list)
    joined: list[tuple[Reason, Incident, Anomaly]] = field(default_factory=list)


class AlertDesk:
    """Owns the open incidents. `observe` belongs to the score thread, `run_once` to the desk's own."""

    name = "incidents"

    def __init__(
        self,
        outbox: Outbox,
        context_lines: int,
        *,
        rules: Rules | None = None,
        resolve_after_s: float = RESOLVE_AFTER_S,
        observer: Observer = nobody,
    ) -> None:
        """Takes up the incidents that were open when the last run ended.

        Raises:
            RetryableError: the outbox cannot be read.
        """
        self.context_lines = context_lines
        self.on_alert: Callable[[], None] = lambda: None  # wakes the workers; the wiring sets it
        self._outbox = outbox
        self._rules = rules or Rules()
        self._resolve_after_s = resolve_after_s
        self._observer = observer
        self._lock = threading.Lock()
        self._open = OpenIncidents()
        self._status = DeskStatus()
        self._ended: list[Incident] = []  # not yet written
        self._fails = False
        self._next_prune = 0.0
        self._log = logger("incidents")
        self._take_up(clock.monotonic())

    def observe(self, anomalies: Sequence[Anomaly], now: float) -> None:
        """Take the anomalies of one block, in order. When it returns, every new incident's alert is on the disk.

        A line that was observed before a crash opens nothing again; counts of lines may then be too high.

        Raises:
            RetryableError: the outbox cannot be written. Nothing was changed: call again with the same anomalies.
        """
        with self._lock:
            plan = self._plan(anomalies, now)
            new = self._store(plan)
            self._status = replace(
                self._status,
                anomalies=self._status.anomalies + len(anomalies),
                incidents=self._status.incidents + len(new),
            )
            grown = [item for item in plan.joined if self._join(*item, now)]
        raised = [alert for _, alert, _ in plan.opened if alert.id in new]
        for alert in raised:
            self._report(alert)
        for reason, incident, anomaly in grown:
            self._log.info(
                Event.INCIDENT_GREW,
                alert_id=incident.alert_id,
                reason=reason,
                service=incident.service,
                line=clip(gist(anomaly.line), _MAX_MESSAGE_CHARS),
            )
        if raised:
            self.on_alert()
            self._retire(now)

    def run_once(self, now: float) -> float:
        """End what has been quiet, write counts, forget what is old. See `stage.Stage`."""
        self._retire(now)
        self._write(now)
        return _TIMERS_S

    def lines_of(self, alert_id: str) -> int:
        """How many lines the alert's incident has so far; 1 when it is no longer open. Any thread may call it."""
        with self._lock:
            incident = self._open.get(alert_id)
            return incident.lines if incident else 1

    def status(self) -> DeskStatus:
        with self._lock:
            return replace(self._status, incidents_open=len(self._open))

    def close(self) -> None:
        """Say what is still open, and write it: the next run goes on with it. Call it when no thread observes."""
        for incident in self._open:
            self._log.info(Event.INCIDENT_CONTINUES, **_summary(incident))
        self._write(clock.monotonic())

    def _retire(self, now: float) -> None:
        """End incidents that have been quiet, and the quietest where too many are open."""
        with self._lock:
            over = {i.alert_id: i for i in self._open if now - i.last_at >= self._resolve_after_s}
            if len(self._open) - len(over) > MAX_OPEN:
                quietest = sorted(self._open, key=lambda incident: incident.last_at)
                over |= {i.alert_id: i for i in quietest[: len(self._open) - MAX_OPEN]}
            for incident in over.values():
                self._open.remove(incident)
            self._ended += over.values()
        for incident in over.values():
            self._end(incident)

    def _take_up(self, now: float) -> None:
        wall = clock.utc_now()
        for row in self._outbox.open_incidents():
            incident = incident_from_row(row, now)
            quiet_s = (wall - incident.last_seen).total_seconds()
            if quiet_s < self._resolve_after_s:
                self._open.add(incident)
            else:
                self._ended.append(incident)
                self._end(incident)

    def _plan(self, anomalies: Sequence[Anomaly], now: float) -> _Plan:
        """Decide where each one belongs. New incidents are open at once, so that the block's next lines can join."""
        plan = _Plan()
        for anomaly in anomalies:
            verdict, service = anomaly.verdict, anomaly.service
            severity = severity_of(verdict.level, verdict.score, verdict.threshold)
            same = self._open.with_pattern(service, verdict.pattern)
            decision = decide(
                anomaly,
                severity,
                now,
                self._rules,
                same_pattern=same,
                just_begun=() if same else self._open.begun_lately(service),
                nearest=None if same else self._open.nearest(service, anomaly.vector),
            )
            if decision.incident is not None:
                plan.joined.append((decision.reason, decision.incident, anomaly))
                continue
            alert = alert_of(anomaly, self.context_lines)
            incident = _incident_of(anomaly, alert.id, severity, now)
            plan.opened.append((line_key(anomaly.file, anomaly.offset, anomaly.line), alert, incident))
            self._open.add(incident)
        return plan

    def _store(self, plan: _Plan) -> frozenset[str]:
        if not plan.opened:
            return frozenset()
        try:
            return self._outbox.store(
                [(key, alert) for key, alert, _ in plan.opened],
                [incident_to_row(incident) for _, _, incident in plan.opened],
            )
        except RetryableError:
            for _, _, incident in plan.opened:
                self._open.remove(incident)
            raise

    def _join(self, reason: Reason, incident: Incident, anomaly: Anomaly, now: float) -> bool:
        """Count a line; True when it is the first of its pattern."""
        incident.lines += 1
        incident.last_at = max(incident.last_at, now)
        incident.last_seen = max(incident.last_seen, anomaly.read_at)
        incident.changed = True
        return reason is not Reason.SAME_PATTERN and self._open.learn(incident, anomaly.verdict.pattern)

    def _report(self, alert: Alert) -> None:
        self._log.warning(
            Event.ANOMALY,
            message=f"{alert.severity.value} {visible(alert.service)} score {alert.score:.2f} over"
            f" {alert.threshold:.2f}: {clip(gist(alert.line), _MAX_MESSAGE_CHARS)}",
            alert_id=alert.id,
            fingerprint=alert.fingerprint,
            service=alert.service,
            path=alert.path,
            line_level=alert.level,
            severity=alert.severity,
            score=round(alert.score, 4),
            threshold=round(alert.threshold, 4),
            distance=round(alert.distance, 4),
            radius=round(alert.radius, 4),
            novelty=round(alert.novelty, 4),
            centroid=alert.centroid,
            nearest=alert.nearest_examples,
            differs=alert.differs,
            pattern=alert.pattern,
            line=alert.line,
        )
        self._observer(AlertRaised(alert))

    def _end(self, incident: Incident) -> None:
        self._log.info(Event.INCIDENT_RESOLVED, **_summary(incident))
        self._observer(
            IncidentEnded(incident.alert_id, incident.service, incident.lines, incident.first_seen, incident.last_seen)
        )

    def _write(self, now: float) -> None:
        """Bring the outbox up to date; what fails is written the next time."""
        with self._lock:
            changed = [incident for incident in self._open if incident.changed]
            ended, self._ended = self._ended, []
            rows = [incident_to_row(incident) for incident in changed]
            ended_rows = [incident_to_row(incident) for incident in ended]
            for incident in changed:
                incident.changed = False
        try:
            if rows or ended_rows:
                self._outbox.update_incidents(rows, ended_rows)
            if now >= self._next_prune:
                self._outbox.prune()
                self._next_prune = now + _PRUNE_S
            self._fails = False
        except RetryableError as error:
            if not self._fails:
                self._log.error(Event.OUTBOX_FAILS, reason=str(error))
            self._fails = True
            with self._lock:
                self._ended = ended + self._ended
                for incident in changed:
                    incident.changed = True


def _incident_of(anomaly: Anomaly, alert_id: str, severity: Severity, now: float) -> Incident:
    return Incident(
        alert_id=alert_id,
        service=anomaly.service,
        path=anomaly.path,
        inode=anomaly.file[:2],
        offset=anomaly.offset,
        severity=severity,
        vector=anomaly.vector,
        first_at=now,
        last_at=now,
        began=anomaly.timestamp,
        first_seen=anomaly.read_at,
        last_seen=anomaly.read_at,
        patterns={anomaly.verdict.pattern},
    )


def _summary(incident: Incident) -> dict[str, object]:
    return {
        "alert_id": incident.alert_id,
        "service": incident.service,
        "lines": incident.lines,
        "patterns": len(incident.patterns),
        "first_seen": incident.first_seen.isoformat(timespec="seconds"),
        "last_seen": incident.last_seen.isoformat(timespec="seconds"),
    }
