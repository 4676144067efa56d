"""Alerting as one thing: the desk, the outbox, the workers and their threads."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from logwatchd import clock
from logwatchd.alerting.analysis import Analyst
from logwatchd.alerting.board import Board, Services
from logwatchd.alerting.bounded import CallsByService
from logwatchd.alerting.desk import AlertDesk, Policy
from logwatchd.alerting.grouping import Rules
from logwatchd.alerting.message import Kind
from logwatchd.alerting.notices import Observer, nobody
from logwatchd.alerting.notify import Timers
from logwatchd.alerting.outbox import Outbox
from logwatchd.alerting.reuse import Analyses
from logwatchd.alerting.services import made_of, mutes_of, services_of
from logwatchd.alerting.sink import JournalSink
from logwatchd.alerting.workers import CLAUDE, MAX_TURN_S, About, AnalystWorker, Courier
from logwatchd.config import Config
from logwatchd.errors import RetryableError, state_error
from logwatchd.journal import Event, logger
from logwatchd.parsing import redaction
from logwatchd.records import Anomaly
from logwatchd.stage import OnCrash, StageThread, start_all

_DRAIN_POLL_S = 0.02
_JOIN_S = 1.0


@dataclass(frozen=True, slots=True)
class AlertingStatus:
    """Counters since the start; incidents_open and the alerts by state are what is there now, and those that are set
    aside: pending, but refused by a sink that may take others.

    services: 'ok', 'resting' or 'refused' by name of a sink, and for 'analysis' where it is on.
    """

    anomalies: int = 0
    anomalies_muted: int = 0
    incidents: int = 0
    incidents_open: int = 0
    alerts_pending: int = 0
    alerts_sent: int = 0
    alerts_refused: int = 0
    alerts_held: int = 0
    alerts_set_aside: int = 0
    analyses: int = 0
    analyses_failed: int = 0
    services: dict[str, str] = field(default_factory=dict)

    def counters(self) -> dict[str, int]:
        """The numbers by name."""
        return {name: value for name, value in asdict(self).items() if isinstance(value, int)}


class Alerting:
    """Owns the desk, the outbox, the board and all threads behind them. Its methods belong to the main thread, but
    for `observe`, which belongs to the score thread."""

    def __init__(self, config: Config, on_crash: OnCrash, *, observer: Observer) -> None:
        settings = config.settings
        self._on_crash = on_crash
        self._observer = observer
        self._outbox = Outbox(settings.state_dir)
        self._key = redaction.read_key(settings.state_dir)
        redact = _redactor(config, self._key)
        services = _services(config, redact)
        self.desk = AlertDesk(self._outbox, _policy(config, services), observer=observer, redact=redact)
        self._board = Board(self._outbox, services)
        self._analyses = CallsByService()
        self._deliveries = CallsByService()
        self._renew_calls(config)
        self._incidents = StageThread(self.desk, on_crash)
        self._lock = threading.Lock()
        self._about = About(
            self.desk.story, self.desk.incident_vector, Analyses(), observer, lambda text: self.desk.redact(text)
        )
        self._couriers: list[StageThread] = []
        self._analysts: list[StageThread] = []
        self._made = 0
        self._started = False
        self._at_last: AlertingStatus | None = None  # once it is closed: to ask the outbox would open it again
        self._grow(services, settings.workers.threads)
        self.desk.on_hold = self._board.hold
        self.desk.on_alert = self._alert_arrived

    @property
    def threads(self) -> Sequence[StageThread]:
        """All of them, for their heartbeats."""
        with self._lock:
            return (self._incidents, *self._couriers, *self._analysts)

    def start(self) -> None:
        """What an earlier run left undelivered goes out first. See `start_all`."""
        start_all(self.threads)
        self._started = True

    def observe(self, anomalies: Sequence[Anomaly], now: float) -> None:
        """See `AlertDesk.observe`."""
        self.desk.observe(anomalies, now)

    def reconfigure(self, config: Config) -> None:
        """Use new keys, models, addresses and numbers of threads from the next job on; state_dir stays as it was.

        Raises:
            RetryableError: the outbox cannot be written, or a thread cannot be started; nothing was changed.
        """
        redact = _redactor(config, self._key)
        services = _services(config, redact)
        threads = config.settings.workers.threads
        more = self._grow(services, threads)
        try:
            if self._started:
                start_all(more)
            self._board.reconfigure(services)
        except RetryableError:
            self._remove(more)
            raise
        self._renew_calls(config)
        self.desk.use(_policy(config, services), redact)
        self._shrink(services, threads)
        self._alert_arrived()

    def status(self) -> AlertingStatus:
        if self._at_last is not None:
            return self._at_last
        try:
            rows = self._outbox.counts()
        except RetryableError:  # its workers say so; a status line must not fail for it
            rows = {}
        return AlertingStatus(
            **asdict(self.desk.status()),
            **{f"alerts_{state}": count for state, count in rows.items()},
            alerts_set_aside=self._board.set_aside,
            analyses=self._board.analyses,
            analyses_failed=self._board.analyses_failed,
            services=self._board.states(clock.monotonic()),
        )

    def close(self, deadline_s: float) -> None:
        """Deliver what can be delivered within `deadline_s`, keep the rest for the next start, and end all threads.

        Call it when nothing observes any more. Analyses get half of the time.
        """
        if self._started:
            self._drain(deadline_s)
        self.desk.close()
        self._at_last = self.status()
        if waiting := self._at_last.alerts_pending:
            logger("outbox").warning(Event.ALERTS_KEPT, alerts=waiting)
        self._outbox.close()

    def _drain(self, deadline_s: float) -> None:
        began = clock.monotonic()
        end = began + max(0.0, deadline_s)
        self._board.drain()
        self._wake_workers()
        while not self._at_rest(end) and (now := clock.monotonic()) < end:
            if now > began + deadline_s / 2:
                self._analyses.cancel()
            threading.Event().wait(_DRAIN_POLL_S)
        self._analyses.cancel()
        self._deliveries.cancel()
        for thread in self.threads:
            thread.stop()
        last = max(end, clock.monotonic() + _JOIN_S)
        for thread in self.threads:
            thread.join(last - clock.monotonic())

    def _at_rest(self, until: float) -> bool:
        try:
            return self._board.at_rest(clock.monotonic(), until)
        except RetryableError:  # an outbox that cannot be read has nothing to deliver
            return True

    def _renew_calls(self, config: Config) -> None:
        self._analyses.renew({CLAUDE: (config.settings.analysis, config.secrets.anthropic_api_key)})
        self._deliveries.renew(made_of(config))

    def _grow(self, services: Services, threads: int) -> list[StageThread]:
        """Have a courier for each sink, so that none waits for another, and so many analysts where Claude is asked.

        Returns:
            Those that are new and not yet started.
        """
        with self._lock:
            couriers = [self._courier() for _ in range(len(services.sinks) - len(self._couriers))]
            analysts = [self._analyst() for _ in range(_analysts_for(services, threads) - len(self._analysts))]
            self._couriers += couriers
            self._analysts += analysts
        return couriers + analysts

    def _shrink(self, services: Services, threads: int) -> None:
        """Let those go that are too many."""
        self._remove(self._couriers[len(services.sinks) :] + self._analysts[_analysts_for(services, threads) :])

    def _remove(self, threads: Sequence[StageThread]) -> None:
        with self._lock:
            self._couriers = [thread for thread in self._couriers if thread not in threads]
            self._analysts = [thread for thread in self._analysts if thread not in threads]
        for thread in threads:
            thread.stop()

    def _courier(self) -> StageThread:
        self._made += 1
        worker = Courier(f"courier-{self._made}", self._board, self._deliveries, self._about)
        return StageThread(worker, self._on_crash, MAX_TURN_S)

    def _analyst(self) -> StageThread:
        self._made += 1
        name = f"analyst-{self._made}"
        worker = AnalystWorker(name, self._board, self._analyses, self._about, self._alert_arrived)
        return StageThread(worker, self._on_crash, MAX_TURN_S)

    def _alert_arrived(self) -> None:
        self._board.alerts_arrived()
        self._wake_workers()

    def _wake_workers(self) -> None:
        with self._lock:
            for thread in (self._incidents, *self._couriers, *self._analysts):
                thread.wake()


def _analysts_for(services: Services, threads: int) -> int:
    return threads if services.analyst else 0


def build(config: Config, on_crash: OnCrash, *, observer: Observer = nobody) -> Alerting:
    """Alerting as the configuration asks for it; no thread runs yet.

    Args:
        on_crash: see `StageThread`.
        observer: is told of alerts, analyses and ended incidents, from several threads; it must be quick and not raise.

    Raises:
        StateError: state_dir cannot hold the outbox.
    """
    try:
        return Alerting(config, on_crash, observer=observer)
    except RetryableError as error:
        raise state_error(str(error), error.__context__, "give logwatchd a state_dir that it may write to") from None


def _policy(config: Config, services: Services) -> Policy:
    incidents = config.settings.incidents
    return Policy(
        rules=Rules(group_by=incidents.group_by),
        timers=Timers(
            group_wait_s=incidents.group_wait_s,
            group_interval_s=incidents.group_interval_s,
            repeat_interval_s=incidents.repeat_interval_s,
            resolve_after_s=incidents.resolve_after_s,
        ),
        max_alerts_per_hour=incidents.max_alerts_per_hour,
        context_lines=config.settings.analysis.context_lines,
        analyse=services.analyst is not None,
        resolve=any(sink.wants(Kind.RESOLVED) for sink in services.sinks),
        sinks=tuple(sink.name for sink in services.sinks if sink.name != JournalSink.name),
        mutes=mutes_of(config),
    )


def _redactor(config: Config, key: bytes) -> redaction.Redactor:
    return redaction.redactor_of(config.settings.redact, config.secrets, key)


def _services(config: Config, redact: redaction.Redactor) -> Services:
    return services_of(config, _analyst(config, redact))


def _analyst(config: Config, redact: redaction.Redactor) -> Analyst | None:
    key = config.secrets.anthropic_api_key
    return Analyst(config.settings.analysis, key, redact) if config.analysis_enabled and key is not None else None
