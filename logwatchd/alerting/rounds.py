"""The rounds of the desk: what people are told of open incidents, as time goes on, and what the outbox has to know."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from logwatchd import clock
from logwatchd.alerting.codec import incident_to_row
from logwatchd.alerting.grouping import Incident
from logwatchd.alerting.message import Kind
from logwatchd.alerting.notify import Cap, Timers, Why, digest_due, due
from logwatchd.alerting.outbox import NewAlert, News, Outbox
from logwatchd.errors import RetryableError
from logwatchd.journal import Event, logger

MAX_WAITING = 20_000  # messages for a sink; what is more than Slack can take in hours is held back for a digest
_HOUR = timedelta(hours=1)
_PRUNE_S = 600.0
_FIRST_PRUNE_S = 60.0  # what waited for this start is delivered first
_IDLE_S = 5.0
_BUSY_S = 1.0
_WAITING_S = 0.25


class Rounds:
    """Owned by the desk, under its lock."""

    def __init__(
        self, outbox: Outbox, timers: Timers, max_alerts_per_hour: int, now: float, sinks: Sequence[str] = ()
    ) -> None:
        """sinks: see `Policy`. Raises RetryableError where the outbox cannot be read."""
        self._outbox = outbox
        self._sinks = sinks
        self._timers = timers
        wall = clock.utc_now()
        ages = [(wall - at).total_seconds() for at in outbox.recent_messages(_HOUR)]
        self._cap = Cap(max_alerts_per_hour, [max(0.0, age_s) for age_s in ages], now)
        self._held_since = self._held_at = now if outbox.held_back() else None
        self._full = self._count = False  # too many wait; that is to be looked at
        self._ended: list[tuple[Incident, bool]] = []  # not yet written; whether it was quiet
        self._fails = False
        self._next_prune = now + _FIRST_PRUNE_S
        self._log = logger("incidents")

    def use(self, timers: Timers, max_alerts_per_hour: int, sinks: Sequence[str]) -> None:
        """Go by these from now on."""
        self._timers = timers
        self._sinks, self._count = sinks, True
        self._cap.max_per_hour = max_alerts_per_hour

    def admits(self, now: float, more: int) -> bool:
        """Whether people are told of one more incident, beside `more` others that are about to be stored."""
        return not self._full and self._cap.admits(now, more)

    def opened(self, alerts: Sequence[NewAlert], now: float) -> None:
        """These are stored."""
        self._count = self._count or bool(alerts)
        for one in alerts:
            if one.held:
                if self._held_since is None:
                    self._log.warning(Event.ALERTS_HELD, max_alerts_per_hour=self._cap.max_per_hour)
                    self._held_since = now
                self._held_at = now
            else:
                self._cap.count(now)

    def ended(self, incidents: Iterable[Incident], quiet: Collection[str]) -> None:
        """These are over. quiet: by themselves, and not for want of room."""
        self._ended += [(incident, incident.alert_id in quiet) for incident in incidents]

    def make(self, incidents: Iterable[Incident], now: float, *, resolve: bool) -> bool:
        """Decide what is told of each, write it, and forget what is old; True when messages are queued.

        What cannot be written is tried again in the next round, and what was written before it stays so.
        """
        told = False
        try:
            told = self._tell(incidents, now, resolve=resolve)
            told = self._digest(now) or told
            self._keep_within_bounds(now)
        except RetryableError as error:
            self._say_once(error)
        else:
            self._fails = False
        return told

    def write(self, incidents: Iterable[Incident]) -> None:
        """Bring the outbox up to date."""
        try:
            self._write(incidents, [])
        except RetryableError as error:
            self._say_once(error)

    def delay_s(self, incidents: Collection[Incident]) -> float:
        """Until the next round."""
        if self._held_since is not None or any(incident.told_at is None for incident in incidents):
            return _WAITING_S
        return _BUSY_S if incidents else _IDLE_S

    def _tell(self, incidents: Iterable[Incident], now: float, *, resolve: bool) -> bool:
        news: list[News] = []
        before: list[tuple[Incident, float | None, int, int, bool]] = []
        for incident in incidents:
            why = due(incident, now, self._timers)
            if why is not Why.FIRST and not (why.is_update and self._cap.admits(now, len(news))):
                continue
            told = (incident.told_at, incident.told_lines, incident.told_reach, incident.held)
            before.append((incident, *told))
            incident.tell(now)
            if why.is_update:
                incident.held = False  # people know of it now, and are to hear when it is over
                news.append(News(incident.alert_id, Kind.UPDATE, f"{why}: {incident.lines} lines"))
        updates = len(news)
        if resolve:
            news += [
                News(incident.alert_id, Kind.RESOLVED, Why.OVER)
                for incident, quiet in self._ended
                if quiet and not incident.held
            ]
        try:
            self._write(incidents, news)
        except RetryableError:
            for incident, told_at, told_lines, told_reach, held in before:
                incident.told_at, incident.told_lines = told_at, told_lines
                incident.told_reach, incident.held = told_reach, held
            raise
        for _ in range(updates):
            self._cap.count(now)
        for one in news:
            self._log.info(Event.INCIDENT_UPDATE, alert_id=one.alert_id, kind=one.kind, why=one.why)
        return bool(news)

    def _digest(self, now: float) -> bool:
        if self._held_since is None or self._held_at is None:
            return False
        if not digest_due(self._held_since, self._held_at, now, self._timers):
            return False
        digest = self._outbox.make_digest()
        self._held_since = self._held_at = None
        if digest is not None:
            self._log.warning(
                Event.DIGEST, digest=digest.id, incidents=digest.incidents, lines=digest.lines, groups=digest.groups
            )
        return digest is not None

    def _keep_within_bounds(self, now: float) -> None:
        if now >= self._next_prune:
            self._outbox.prune()
            self._next_prune = now + _PRUNE_S
        if self._count or self._full:
            self._full = self._too_many_wait()
            self._count = False

    def _too_many_wait(self) -> bool:
        """For every sink: none that takes its alerts gets a digest in their place because another one is away."""
        outbox = self._outbox
        return outbox.waiting() >= MAX_WAITING and all(outbox.waiting(name) >= MAX_WAITING for name in self._sinks)

    def _write(self, incidents: Iterable[Incident], news: Sequence[News]) -> None:
        changed = [incident for incident in incidents if incident.changed]
        if changed or self._ended or news:
            self._outbox.update_incidents(
                [incident_to_row(incident) for incident in changed],
                [incident_to_row(incident) for incident, _ in self._ended],
                news,
            )
        self._ended = []
        for incident in changed:
            incident.changed = False

    def _say_once(self, error: RetryableError) -> None:
        if not self._fails:
            self._log.error(Event.OUTBOX_FAILS, reason=str(error))
        self._fails = True
