"""Which threshold applies to which log: what the configuration says, else what the baseline says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from logwatchd.errors import BaselineError
from logwatchd.parsing.names import base_of
from logwatchd.scoring.baseline import Baseline
from logwatchd.scoring.calibration import LearnedLog, calibrate, for_target, of_any_log

_NAMED = 3  # logs in a message


@dataclass(frozen=True, slots=True)
class Thresholds:
    """common: of every log that `by_log` does not name."""

    common: float
    by_log: Mapping[str, float] = field(default_factory=dict)

    def of(self, log: str | None) -> float:
        """Of a log by its path, also by that of a rotated copy; None for one that nobody knows."""
        if not log or not self.by_log:
            return self.common
        found = self.by_log.get(log)
        return self.by_log.get(base_of(log), self.common) if found is None else found

    @property
    def lowest(self) -> float:
        return min((self.common, *self.by_log.values()))

    def __str__(self) -> str:
        """For people: one figure where there is one, else from where to where they go."""
        every = sorted({round(value, 3) for value in self.by_log.values()} or {round(self.common, 3)})
        return f"{every[0]:.3f}" if len(every) == 1 else f"{every[0]:.3f} to {every[-1]:.3f}, by log"


def own_thresholds(baseline: Baseline, *, levels: bool = True) -> Thresholds:
    """The baseline's own: fixed or tuned when it was made so, else calibrated for scores with or without levels."""
    if baseline.manifest.threshold_mode != "auto":
        return Thresholds(baseline.manifest.threshold)
    held_out = baseline.held_out
    return _by_log(held_out.logs, calibrate(held_out, baseline.held_out_counts(), levels=levels))


def thresholds_for(baseline: Baseline, alerts_per_day: float, path: Path, *, levels: bool = True) -> Thresholds:
    """The thresholds that give about so many alerts a day, going by the last parts of the baseline's logs.

    Raises:
        BaselineError: the lines of a log that brings new texts have no timestamps.
    """
    found = for_target(baseline.held_out, baseline.held_out_counts(), alerts_per_day, levels=levels)
    if found is None:
        new_in = [baseline.held_out.logs[index] for index in sorted(set(baseline.held_out.log.tolist()))]
        names = [log.name for log in new_in if not log.days and log.name]
        lines = f"the lines of {', '.join(names[:_NAMED])}{' and others' if names[_NAMED:] else ''}"
        raise BaselineError(
            f"{path}: {lines if names else 'its lines'} have no timestamps, so what a day brings is not known; "
            "set baseline.threshold in place of baseline.alerts_per_day"
        )
    return _by_log(baseline.held_out.logs, found)


def _by_log(logs: Sequence[LearnedLog], thresholds: Sequence[float]) -> Thresholds:
    return Thresholds(
        of_any_log(thresholds), {log.name: value for log, value in zip(logs, thresholds, strict=True) if log.name}
    )
