"""The time without a baseline: the daemon learns from what passes, and then watches by what it has learned."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from logwatchd import clock, journal
from logwatchd.config import Config
from logwatchd.errors import BaselineError, LogwatchdError, starved
from logwatchd.journal import Event
from logwatchd.pipeline import Scoring
from logwatchd.records import Block
from logwatchd.scoring.baseline import save
from logwatchd.scoring.construction import construct
from logwatchd.scoring.embedders import embed_all, embedder_of, limits_of
from logwatchd.scoring.kept import with_cache
from logwatchd.scoring.local import DIMENSIONS, LocalEmbedder
from logwatchd.scoring.warmup import AlarmsOnly, WarmUp, settled
from logwatchd.stage import OnCrash

_LOOK_EVERY_S = 10.0
_KEEP_EVERY_S = 300.0
_RETRY_S = 60.0

_log = journal.logger("warmup")


def lacks_baseline(config: Config) -> bool:
    """Whether the daemon begins by learning: there is no baseline, and a warm-up is wanted."""
    settings = config.settings.baseline
    return settings.warmup_s > 0 and _is_missing(settings.path)


class Warming:
    """Owns what is learned until it is a baseline. `add` belongs to the score thread, the rest to the main thread."""

    def __init__(self, config: Config, on_learned: Callable[[], None], on_crash: OnCrash) -> None:
        """on_learned: called from another thread once the baseline is in its place. on_crash: see `StageThread`.

        Raises:
            BaselineError: the baseline could not be written where it is wanted.
        """
        self._on_learned = on_learned
        self._on_crash = on_crash
        self._config = config
        check_folder(config)
        now = clock.monotonic()
        self._warm_up = WarmUp(config.settings.state_dir, config.masks, now)
        self._progress = self._warm_up.progress(now)
        self._look_due = self._build_due = 0.0
        self._keep_due = now + _KEEP_EVERY_S
        self._builder: threading.Thread | None = None
        self._refused = ""
        self.scoring = self._scoring()

    def add(self, block: Block) -> None:
        self._warm_up.add(block)

    def reconfigure(self, config: Config) -> None:
        """Go on under another configuration, see `check_folder`. Other masks make other patterns of lines: then it
        begins anew."""
        masks, self._config = self._config.masks, config
        if config.masks != masks:
            self._warm_up = WarmUp(config.settings.state_dir, config.masks, clock.monotonic())
        self.scoring = self._scoring()
        self._refused = ""
        self._look_due = 0.0  # its time may be over

    @property
    def left_s(self) -> float:
        """Seconds until it ends at the latest."""
        return max(0.0, self._config.settings.baseline.warmup_s - self._progress.learned_s)

    def status(self) -> str:
        """For people: what was learned so far, and when it ends."""
        if self._refused:
            return f"the baseline that was learned cannot be used: {self._refused}"
        told = f"{self._progress.patterns:,} patterns from {self._progress.lines:,} lines"
        if self._builder is not None:
            return f"{told}, making the baseline"
        if not self._progress.patterns:
            return "no baseline yet and no line to learn from"
        when = f"{self.left_s / 3600:.1f} h" if self.left_s >= 3600 else f"{self.left_s / 60:.0f} min"
        return f"no baseline yet: {told}; watches in {when} or when patterns settle"

    def tick(self, now: float) -> None:
        """Look how far it is; make the baseline when it is time."""
        if now < self._look_due or self._builder is not None:
            return
        if self._refused and not lacks_baseline(self._config):
            return  # it is there, and would be the same again
        self._look_due = now + min(_LOOK_EVERY_S, self._config.settings.baseline.warmup_s / 4)
        self._progress = self._warm_up.progress(now)
        learned = self._progress
        done = not self.left_s or settled(learned.learned_s, learned.lines, learned.unseen, learned.growing)
        if done and learned.patterns and now >= self._build_due:
            self._build_due = now + _RETRY_S
            builder = threading.Thread(target=self._build, name="warmup", daemon=True)
            try:
                builder.start()
            except RuntimeError as error:
                _log.warning(Event.WARMUP_FAILS, reason=str(starved("the baseline that was learned", error)))
            else:
                self._builder = builder
        elif now >= self._keep_due:
            self._keep_due = now + _KEEP_EVERY_S
            self.keep()

    def keep(self) -> None:
        """Put what was learned on the disk, for a start after this one."""
        try:
            self._warm_up.save(clock.monotonic())
        except LogwatchdError as error:
            _log.warning(Event.WARMUP_FAILS, reason=str(error))

    def refused(self, reason: str, unforeseen: Exception | None = None) -> None:
        """The baseline that was learned is in its place, but does not go with the configuration; a reload tries again.

        Lines of alarm are told until then. unforeseen: told with its traceback.
        """
        self._builder = None
        self._refused = reason
        _log.error(Event.WARMUP_FAILS, reason=reason, exc_info=unforeseen)

    def close(self) -> None:
        """There is a baseline."""
        self._warm_up.forget()

    def _build(self) -> None:
        settings, warm_up = self._config.settings, self._warm_up
        try:
            # What it asks for counts, and is kept: a disk that is full has the baseline made again a minute later.
            embedder = with_cache(embedder_of(self._config, offline=True), settings.embedder, settings.state_dir)
            baseline = construct(
                warm_up.knowledge(),
                lambda texts: embed_all(embedder, texts, settings.embedder.batch_size),
                embedder,
                clusters=None if settings.baseline.clusters == "auto" else settings.baseline.clusters,
                threshold=None if settings.baseline.threshold == "auto" else settings.baseline.threshold,
                built_at=clock.utc_now(),
            )
            if warm_up is not self._warm_up:  # other masks by now, and so other patterns
                self._builder = None
                return
            save(baseline, settings.baseline.path)
        except LogwatchdError as error:
            _log.error(Event.WARMUP_FAILS, reason=str(error))
            self._builder = None
        except BaseException as error:
            self._on_crash("warmup", error)
        else:
            self._on_learned()

    def _scoring(self) -> Scoring:
        embedder = LocalEmbedder()
        judge = AlarmsOnly(self._config.masks, embedder, DIMENSIONS)
        return Scoring(judge, embedder, limits_of(self._config.settings.embedder))


def _is_missing(path: Path) -> bool:
    """Of one that may not be looked at `baseline.load` says why: nothing is learned in its place."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def check_folder(config: Config) -> None:
    """Not first in 24 hours.

    Raises:
        BaselineError: the baseline could not be written where it is wanted.
    """
    path = config.settings.baseline.path
    # state_dir itself is made by the daemon.
    if path.parent != config.settings.state_dir and not os.access(path.parent, os.W_OK, effective_ids=True):
        raise BaselineError(
            f"baseline.path = {path}: no baseline there, and none can be written there by this user: learn one with "
            f"'logwatchd baseline build --output {path} KNOWN-GOOD-LOG ...', or leave baseline.path out"
        )
