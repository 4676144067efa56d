"""The daemon: wiring, signals, reload, sd_notify, shutdown."""

from __future__ import annotations

import os
from datetime import datetime

from logwatchd import __version__, clock, config, journal, status_file
from logwatchd.alerting import wiring
from logwatchd.assembly import scoring_of
from logwatchd.condition import Condition
from logwatchd.config import Config
from logwatchd.errors import ConfigError, Exit, InUseError, LogwatchdError, StateError, os_message
from logwatchd.flow import BlockQueue
from logwatchd.ingest.lock import StateLock
from logwatchd.ingest.sources import Sources
from logwatchd.ingest.unlearned import files_of, unlearned
from logwatchd.journal import Event
from logwatchd.pipeline import Pipeline, Scoring
from logwatchd.requests import Phase, Request, Requests
from logwatchd.scoring.kept import kept_in
from logwatchd.stage import StageThread
from logwatchd.status_file import DaemonStatus, Reloads, State
from logwatchd.supervisor import Supervisor
from logwatchd.warming import Warming, check_folder, lacks_baseline

SHUTDOWN_S = 20.0  # the whole of it; below the unit's TimeoutStopSec
_TICK_S = 1.0
_STATUS_EVERY_S = 5.0
# Where no watchdog says otherwise.
_HANGS_AFTER_S = 60.0

_log = journal.logger("daemon")


class Daemon:
    """Owns the configuration in force and the life of every thread."""

    def __init__(self, found: Config, requests: Requests) -> None:
        """Build everything that can fail; nothing runs yet.

        requests: what `run` deals with; they listen already, so that nothing that is asked meanwhile gets lost.

        Raises:
            StateError: the state folder cannot be used, or another daemon uses it.
            BaselineError, ConfigError: see `assembly.scoring_of`.
        """
        self._config = found
        self._state_dir = found.settings.state_dir
        self._supervisor = Supervisor()
        self._requests = requests
        self._state: State = "starting"
        self._reloads = Reloads()
        self._started_at: datetime = clock.utc_now()
        self._exit = Exit.OK
        self._hanging: set[str] = set()
        self._status_due = 0.0
        self._untold = False  # the status file could not be written, and that was said
        self._last_good_config: datetime = self._started_at
        self._warming: Warming | None = None
        with self._supervisor.patience():
            self._build(found)

    def _build(self, found: Config) -> None:
        scoring = None if lacks_baseline(found) else scoring_of(found)
        self._lock = StateLock(self._state_dir)
        try:
            if scoring is None:
                self._warming = Warming(found, lambda: self._requests.put(Request.LEARNED), self._crashed)
                scoring = self._warming.scoring
            self._scoring = scoring
            self._name_baseline()
            self._alerting = wiring.build(found, self._crashed)
            blocks = BlockQueue()
            self._source = Sources(found.sources, blocks, self._lock.folder)
            self._kept = kept_in(self._state_dir, found.settings.embedder)
            self._pipeline = Pipeline(
                blocks, self._source, self._scoring, self._alerting.observe, self._crashed, self._kept
            )
            if self._warming:
                self._pipeline.learn = self._warming.add
            self._condition = Condition(self._source, self._pipeline, self._alerting)
        except BaseException:
            self._lock.release()
            raise

    def run(self) -> Exit:
        """Run until a signal ends it; returns the exit code.

        Raises:
            RetryableError: there is no thread for a stage.
        """
        self._requests.phase = Phase.SERVING
        _log.info(Event.STARTING, version=__version__, config=str(self._config.path))
        self._tell("starting")
        try:
            self._alerting.start()
            self._pipeline.start()
            self._serve()
        finally:
            self._shut_down()
        return self._exit

    def _crashed(self, stage: str, error: BaseException) -> None:
        """Called from the dying thread."""
        foreseen = isinstance(error, LogwatchdError)
        _log.critical(
            Event.STAGE_DIED,
            stage=stage,
            reason=str(error) if foreseen else None,
            exc_info=None if foreseen else error,
        )
        self._requests.put(Request.DIED)

    def _serve(self) -> None:
        while True:
            match self._requests.next(self._tick_s()):
                case None:
                    self._tick(clock.monotonic())
                case Request.RELOAD:
                    with self._supervisor.patience(lambda: self._watch_stages(clock.monotonic())):
                        self._reload()
                    self._tick(clock.monotonic())
                case Request.LEARNED:
                    self._end_warm_up()
                case Request.EVICTED:
                    return
                case Request.STOP | Request.ENDED | Request.DIED as asked:
                    if asked is Request.DIED:
                        self._exit = Exit.FAILED
                    if self._lock.is_lost():  # since the last tick
                        self._leave_folder()
                    return

    def _tick_s(self) -> float:
        watchdog_s = self._supervisor.watchdog_interval_s
        return min(_TICK_S if self._state == "ready" else 0.05, watchdog_s or _TICK_S)

    def _tick(self, now: float) -> None:
        if self._lock.is_lost():
            self._leave_folder()
            return
        if self._state == "starting" and self._source.ready():
            self._become_ready()
        if self._source.ended() and not self._pipeline.queue.in_flight:
            self._requests.put(Request.ENDED)
        self._watch_stages(now)
        if self._warming and self._state == "ready":
            self._warming.tick(now)
        self._pipeline.rest()
        journal.catch_up()
        if now >= self._status_due:
            self._status_due = now + _STATUS_EVERY_S
            self._tell(self._state)

    def _leave_folder(self) -> None:
        """End, and keep what can be kept in a folder of the same name, unless another daemon has one there by now."""
        mend = "stop the daemon before its folder is deleted or replaced"
        kept = "what was read and not told yet is kept in a new folder for the next start"
        in_use = False
        self._exit = Exit.FAILED
        try:
            self._lock.renew()
        except StateError as error:
            in_use = isinstance(error, InUseError)
            kept = f"nothing can be kept for the next start: {error}"
            self._untold = True
        _log.critical(
            Event.STATE_LOST,
            state_dir=str(self._state_dir),
            message=f"state_dir = {self._state_dir}: was deleted or replaced while it is in use; stopping with "
            f"{int(Exit.FAILED)}, to be started anew; {kept}; {mend}",
        )
        if in_use:
            os._exit(Exit.FAILED)  # whatever an orderly end writes would be written over the other one's
        self._requests.put(Request.EVICTED)

    def _watch_stages(self, now: float) -> None:
        """A sign of life for systemd, if every stage gave one."""
        half_s = self._supervisor.watchdog_interval_s
        limit_s = 2 * half_s if half_s else _HANGS_AFTER_S
        hanging = {t.name for t in self._threads() if t.heartbeat_age_s(now) > max(limit_s, t.quiet_s)}
        for name in hanging - self._hanging:
            _log.critical(Event.STAGE_HANGS, stage=name)
        self._hanging = hanging
        if not hanging:
            self._supervisor.alive()

    def _become_ready(self) -> None:
        counters = self._counters()
        self._tell("ready")
        self._supervisor.ready()
        _log.info(Event.READY, files=counters["files"], threshold=round(self._scoring.detector.thresholds.common, 4))
        if self._warming:
            wanted = self._config.settings.baseline
            _log.warning(Event.LEARNING, warmup=wanted.warmup, baseline=wanted.path)
        self._warn_of_baseline()

    def _threads(self) -> tuple[StageThread, ...]:
        return (*self._pipeline.threads, *self._alerting.threads)

    def _reload(self) -> None:
        """Everything that can fail comes first; on a failure the old state stays whole."""
        before = self._state
        if before == "ready":  # systemd wants no word of it before the start is over
            self._supervisor.reloading()
        self._tell("reloading")
        count = self._reloads.count + 1
        try:
            found = config.load(self._config.path)
            if found.settings.state_dir != self._state_dir:
                raise ConfigError(
                    [f"{found.path}: state_dir = '{found.settings.state_dir}': cannot change in a reload; restart"]
                )
            warming = self._warming if lacks_baseline(found) else None
            if warming:
                check_folder(found)
            scoring = warming.scoring if warming else scoring_of(found)
            self._alerting.reconfigure(found)
        except Exception as error:  # whatever it is, the daemon can go on with what it has
            self._reloads = Reloads(count, last_ok=False, last_error=_reason(error))
            _log.error(Event.RELOAD_REFUSED, reason=_reason(error), exc_info=_unforeseen(error))
        else:
            if warming:
                warming.reconfigure(found)
                scoring = warming.scoring
            self._use(scoring, warming)
            self._kept.resize(found.settings.embedder)
            self._source.reconfigure(found.sources)
            self._config = found
            journal.configure(secrets=found.secrets.all())
            self._reloads = Reloads(count, last_ok=True)
            self._last_good_config = clock.utc_now()
            _log.info(Event.RELOADED, threshold=round(scoring.detector.thresholds.common, 4))
            self._warn_of_baseline()
        self._tell(before)
        if before == "ready":
            self._supervisor.ready()

    def _use(self, scoring: Scoring, warming: Warming | None) -> None:
        if self._warming and not warming:
            self._pipeline.learn = None
            self._warming.close()
        self._pipeline.swap(scoring)
        self._scoring, self._warming = scoring, warming
        self._name_baseline()

    def _name_baseline(self) -> None:
        """For the entries about alerts: by when it was built, as `baseline show` tells it."""
        journal.about_alerts(baseline=self._scoring.detector.baseline.manifest.built_at or "none")

    def _end_warm_up(self) -> None:
        """Watch by the baseline that was learned; a reload may have found one before."""
        if self._warming is None:
            return
        try:
            with self._supervisor.patience(lambda: self._watch_stages(clock.monotonic())):
                scoring = scoring_of(self._config)
        except Exception as error:
            self._warming.refused(_reason(error), _unforeseen(error))
            self._tell(self._state)
            return
        self._use(scoring, None)
        manifest = scoring.detector.baseline.manifest
        _log.info(
            Event.LEARNED,
            lines=manifest.lines,
            patterns=manifest.patterns,
            threshold=round(scoring.detector.thresholds.common, 4),
        )
        self._tell(self._state)

    def _warn_of_baseline(self) -> None:
        if self._warming:
            return
        manifest = self._scoring.detector.baseline.manifest
        if manifest.of_another_version:
            path = str(self._config.settings.baseline.path)
            _log.warning(Event.BASELINE_OF_ANOTHER_VERSION, path=path, normaliser=manifest.normaliser)
        for name in unlearned(self._config.sources, manifest.sources):
            _log.warning(Event.SOURCE_UNLEARNED, source=name, files=files_of(name) or None)

    def _shut_down(self) -> None:
        self._requests.phase = Phase.STOPPING
        deadline = clock.monotonic() + SHUTDOWN_S
        self._supervisor.stopping()
        self._tell("stopping")
        _log.info(Event.STOPPING)
        with self._supervisor.patience():
            drained = self._pipeline.stop(SHUTDOWN_S / 2)
            self._alerting.close(deadline - clock.monotonic())
        if self._warming:
            self._warming.keep()
        _log.info(Event.STOPPED, drained=drained, **self._counters())
        self._lock.release()

    def _counters(self) -> dict[str, int | float]:
        return {
            "config_last_reload_successful": int(self._reloads.last_ok is not False),
            "config_last_reload_success_timestamp_seconds": round(self._last_good_config.timestamp(), 3),
            "warming_up": int(self._warming is not None),
            **self._condition.counters(),
        }

    def _tell(self, state: State) -> None:
        """Status for systemd and for other commands; a full disk must not end the watch."""
        self._state = state
        counters = self._counters()
        parts = [self._condition.head("learning" if self._warming and state == "ready" else state, counters)]
        if self._warming:
            parts.append(self._warming.status())
        parts += self._condition.troubles(has_twin=self._scoring.twin is not None)
        if self._reloads.last_ok is False:
            parts.append(f"last reload refused: {self._reloads.last_error}")
        self._supervisor.status("; ".join(parts))
        try:
            status_file.write(
                self._lock.folder.handle,
                DaemonStatus(os.getpid(), __version__, state, self._started_at, self._reloads, counters),
            )
        except OSError as error:
            if not self._untold:
                file = self._state_dir / status_file.FILE_NAME
                _log.warning(Event.STATUS_NOT_WRITTEN, file=str(file), reason=error.strerror)
            self._untold = True
        else:
            self._untold = False


def _unforeseen(error: Exception) -> Exception | None:
    """An error that is a mistake in logwatchd, and is told with its traceback."""
    return None if isinstance(error, LogwatchdError | OSError | MemoryError) else error


def _reason(error: Exception) -> str:
    if _unforeseen(error):
        return f"{type(error).__name__}: {error}: a mistake in logwatchd; report it with the traceback in its log"
    return os_message(error) if isinstance(error, OSError) else str(error)
