"""Learning from what passes without a baseline: what to learn, when it is enough, and what is kept over a stop."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from logwatchd import __version__
from logwatchd.errors import StateError
from logwatchd.parsing.masks import Masks
from logwatchd.parsing.names import base_of
from logwatchd.parsing.normalise import NORMALISER_VERSION
from logwatchd.records import Block, Level, Verdict
from logwatchd.scoring.baseline import FORMAT, Baseline, Manifest
from logwatchd.scoring.builder import BaselineBuilder
from logwatchd.scoring.calibration import HeldOut, LearnedLog
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.embedder import Embedder
from logwatchd.scoring.knowledge import Knowledge, merged
from logwatchd.scoring.thresholds import Thresholds

ALARM_LEVELS = frozenset({Level.CRITICAL, Level.FATAL})
FILE_NAME = "warmup.json"
_THRESHOLD = 0.5
_LEAST_S = 3600.0  # an hour has what comes hourly
_LEAST_LINES = 20_000
_FEW_NEW = 0.001  # of the next lines


def settled(learned_s: float, lines: int, unseen: float, growing: bool) -> bool:
    """Whether patterns have settled before the warm-up's time is over.

    Args:
        unseen: the share of further lines whose text is likely to be new. growing: some log still brings new ones at
            its end (see `coverage`).
    """
    return learned_s >= _LEAST_S and lines >= _LEAST_LINES and unseen < _FEW_NEW and not growing


class AlarmsOnly(Detector):
    """Judges by level alone: what is CRITICAL or FATAL by its writer's own word is an anomaly, nothing else is."""

    def __init__(self, masks: Masks, embedder: Embedder, dimensions: int) -> None:
        super().__init__(_nothing_known(masks, embedder.name, dimensions), Thresholds(_THRESHOLD))

    def known(self, pattern: str, level: Level) -> Verdict | None:
        """See `Detector.known`: all but lines of alarm."""
        if pattern and level in ALARM_LEVELS:
            return None
        return Verdict(pattern, level, 0.0, _THRESHOLD, anomaly=False, nearest=None)


@dataclass(frozen=True, slots=True)
class Learned:
    """How far it is. learned_s: over all runs. unseen, growing: see `settled`."""

    learned_s: float
    lines: int
    patterns: int
    unseen: float
    growing: bool


class WarmUp:
    """What the lines that pass teach. `add` belongs to the score thread, the rest to any."""

    def __init__(self, state_dir: Path, masks: Masks, now: float) -> None:
        """Take up what an earlier run has learned, if its patterns were made in the same way."""
        self._file = state_dir / FILE_NAME
        self._masks = masks
        self._lock = threading.Lock()
        self._builder = BaselineBuilder(masks)
        self._sources: dict[str, None] = {}
        self._began = now
        self._before, self._before_s = _read(self._file, masks)

    def add(self, block: Block) -> None:
        """Learn a block's lines; those of alarm are no example of what is normal."""
        with self._lock:
            self._sources[block.path] = None
            log = base_of(block.path)
            self._builder.add(block.data, block.source.skip_levels | ALARM_LEVELS, log, block.inner)

    def progress(self, now: float) -> Learned:
        with self._lock:
            lines, patterns = self._builder.lines, self._builder.patterns
            unseen, growing = self._builder.unseen(), any(log.growing for log in self._builder.growth())
        if self._before:
            lines += self._before.lines
            patterns = max(patterns, len(self._before.counts))
        return Learned(self._before_s + now - self._began, lines, patterns, unseen, growing)

    def knowledge(self) -> Knowledge:
        """All that was learned, as it is now.

        Raises:
            BaselineError: nothing.
        """
        with self._lock:
            if self._before and not self._builder.patterns:
                return self._before
            present = self._builder.knowledge(tuple(self._sources))
            present = replace(present, counts=dict(present.counts), levels=dict(present.levels))
        return merged([self._before, present]) if self._before else present

    def save(self, now: float) -> None:
        """Keep it for the next start.

        Raises:
            StateError: it cannot be written.
        """
        learned_s = self._before_s + now - self._began
        try:
            known = asdict(self.knowledge()) if self._before or self._builder.patterns else None
            content = {"learned_s": learned_s, "knowledge": known}
            new = self._file.with_suffix(".new")
            new.write_text(json.dumps(content), encoding="utf-8")
            new.replace(self._file)
        except OSError as error:
            raise StateError(f"{self._file}: what was learned so far cannot be kept: {error.strerror}") from None

    def forget(self) -> None:
        """It is a baseline now."""
        self._file.unlink(missing_ok=True)


def _read(file: Path, masks: Masks) -> tuple[Knowledge | None, float]:
    """What an earlier run kept, and how long it had learned; None and 0 where there is nothing of use."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        known, learned_s = content["knowledge"], float(content["learned_s"])
        if known is None:
            return None, 0.0
        if known.pop("masks") != [asdict(mask) for mask in masks]:
            return None, 0.0
        known["levels"] = {text: Level(level) for text, level in known["levels"].items()}
        known["logs"] = tuple(LearnedLog(**log) for log in known["logs"])
        known["newcomers"] = {text: tuple(logs) for text, logs in known["newcomers"].items()}
        if not {log.name for log in known["logs"]}.issuperset(chain.from_iterable(known["newcomers"].values())):
            return None, 0.0
        known["sources"] = tuple(known["sources"])
        known["normaliser"] = str(known["normaliser"])
        return Knowledge(**known, masks=masks), learned_s
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, 0.0


def _nothing_known(masks: Masks, embedder: str, dimensions: int) -> Baseline:
    """A baseline to which every text is as new as can be."""
    none, nobody = np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int32)
    return Baseline(
        manifest=Manifest(
            format=FORMAT,
            embedder=embedder,
            dimensions=dimensions,
            normaliser=NORMALISER_VERSION,
            lines=0,
            patterns=0,
            centroids=1,
            threshold=_THRESHOLD,
            threshold_mode="fixed",
            held_out_lines=0,
            held_out_new_texts=0,
            coverage=0.0,
            built_at="",
            sources=(),
            logwatchd=__version__,
            masks=masks,
        ),
        centroids=np.zeros((1, dimensions), dtype=np.float32),
        radii=np.zeros(1, dtype=np.float32),
        weights=np.zeros(1, dtype=np.int64),
        concerns=np.zeros(1, dtype=np.float32),
        alarms=np.zeros(1, dtype=np.bool_),
        failed=np.zeros(1, dtype=np.float32),
        examples=((),),
        patterns={},
        levels=b"",
        variables=np.zeros(0, dtype=np.uint64),
        combinations=np.zeros((0, 3), dtype=np.uint64),
        held_out=HeldOut((), nobody, nobody, none, none),
    )
