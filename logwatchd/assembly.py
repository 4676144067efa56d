"""Configuration -> the parts that can fail: everything here is built and checked before anything live is touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from logwatchd.config import Config
from logwatchd.errors import BaselineError
from logwatchd.pipeline import Scoring
from logwatchd.scoring.baseline import Baseline, check_fits, load
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.embedders import embedder_of, limits_of
from logwatchd.scoring.thresholds import Thresholds, thresholds_for
from logwatchd.scoring.twin import twin_beside


def detector_of(baseline: Baseline, config: Config, path: Path) -> Detector:
    """The detector that judges by this baseline as `[baseline]` says.

    Args:
        path: of the baseline, for messages.

    Raises:
        BaselineError: it cannot tell how many alerts a day a threshold would give.
    """
    settings = config.settings.baseline
    if settings.threshold != "auto":
        return Detector(baseline, Thresholds(settings.threshold), levels=settings.weigh_levels)
    return _calibrated(baseline, config, path)


def check_masks(baseline: Baseline, config: Config, path: Path) -> None:
    """Refuse a baseline whose texts were made with other masks than lines would go through now.

    Raises:
        BaselineError: it was.
    """
    if baseline.manifest.masks != config.masks:
        raise BaselineError(f"{path}: made with other masks than the configuration's [[mask]] tables; build it again")


def scoring_of(config: Config) -> Scoring:
    """Load the baseline and make the embedder that the configuration asks for.

    Raises:
        BaselineError: the baseline is missing, cannot be read, is damaged, or made for another embedder.
        ConfigError: a remote embedder without a key, a local model that cannot be used.
    """
    settings = config.settings
    embedder = embedder_of(config)
    baseline = baseline_of(config)
    path = settings.baseline.path
    with _naming_its_key():
        check_fits(baseline, embedder.name, embedder.dimensions, path)
        return Scoring(
            detector=detector_of(baseline, config, path),
            embedder=embedder,
            limits=limits_of(settings.embedder),
            twin=_twin(baseline, config) if embedder.remote and settings.embedder.on_outage == "local" else None,
        )


def baseline_of(config: Config) -> Baseline:
    """Load the baseline that the configuration names, whatever its embedder.

    Raises:
        BaselineError: it is missing, cannot be read, is damaged, or made with other masks.
    """
    path = config.settings.baseline.path
    with _naming_its_key():
        baseline = load(path)
        check_masks(baseline, config, path)
    return baseline


@contextmanager
def _naming_its_key() -> Iterator[None]:
    try:
        yield
    except BaselineError as error:
        raise BaselineError(f"baseline.path = {error}") from None


def _twin(baseline: Baseline, config: Config) -> Detector:
    """Judges in the service's place. A threshold that was set by hand is one for the service's vectors, and not its."""
    path = config.settings.baseline.path
    return _calibrated(twin_beside(baseline, path), config, path)


def _calibrated(baseline: Baseline, config: Config, path: Path) -> Detector:
    settings = config.settings.baseline
    thresholds = None
    if settings.alerts_per_day is not None:
        thresholds = thresholds_for(baseline, settings.alerts_per_day, path, levels=settings.weigh_levels)
    return Detector(baseline, thresholds, levels=settings.weigh_levels)
