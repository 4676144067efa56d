"""Which threshold applies: what the configuration says, else what the baseline says of itself."""

from __future__ import annotations

from pathlib import Path

from logwatchd.errors import BaselineError
from logwatchd.scoring.baseline import Baseline
from logwatchd.scoring.calibration import calibrate, for_target


def own_threshold(baseline: Baseline, *, levels: bool = True) -> float:
    """The baseline's own: fixed or tuned when it was made so, else calibrated for scores with or without levels."""
    if baseline.manifest.threshold_mode != "auto":
        return baseline.manifest.threshold
    return calibrate(baseline.held_out, baseline.held_out_counts(), levels=levels)


def threshold_for(baseline: Baseline, alerts_per_day: float, path: Path, *, levels: bool = True) -> float:
    """The threshold that gives about so many alerts a day, going by the baseline's last part.

    Raises:
        BaselineError: its lines have no timestamps.
    """
    found = for_target(baseline.held_out, alerts_per_day, levels=levels)
    if found is None:
        raise BaselineError(
            f"{path}: its lines have no timestamps, so what a day brings is not known; "
            "set baseline.threshold in place of baseline.alerts_per_day"
        )
    return found
