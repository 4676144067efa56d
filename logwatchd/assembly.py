"""Configuration -> the parts that can fail: everything here is built and checked before anything live is touched."""

from __future__ import annotations

from logwatchd.config import Config
from logwatchd.pipeline import Scoring
from logwatchd.scoring.baseline import check_fits, load
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.embedders import make_embedder


def scoring_of(config: Config) -> Scoring:
    """Load the baseline and make the embedder that the configuration asks for.

    Raises:
        BaselineError: the baseline is missing, damaged, or made for another embedder.
        ConfigError: a remote embedder without a key.
    """
    settings = config.settings
    embedder = make_embedder(settings.embedder, config.secrets.openai_api_key)
    baseline = load(settings.baseline.path)
    check_fits(baseline, embedder.name, embedder.dimensions, settings.baseline.path)
    threshold = settings.baseline.threshold
    return Scoring(
        detector=Detector(baseline, None if threshold == "auto" else threshold),
        embedder=embedder,
        batch_size=settings.embedder.batch_size,
        max_wait_ms=settings.embedder.max_wait_ms,
    )
