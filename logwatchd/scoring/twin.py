"""A baseline's twin: what it knows, embedded by what needs no service, for the time that the service is away."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from logwatchd.errors import BaselineError
from logwatchd.scoring.baseline import Baseline, load, save
from logwatchd.scoring.construction import construct
from logwatchd.scoring.embedder import model_of
from logwatchd.scoring.knowledge import knowledge_of
from logwatchd.scoring.local import LocalEmbedder


def twin_path(path: Path) -> Path:
    """Where the twin of the baseline at `path` lies."""
    return path.with_name(f"{path.name}.local")


def twin_of(baseline: Baseline) -> Baseline:
    """Embed a baseline's own texts locally, cluster and calibrate anew."""
    embedder = LocalEmbedder()
    return construct(
        knowledge_of(baseline),
        embedder.embed,
        embedder,
        clusters=None,
        threshold=None,
        built_at=datetime.fromisoformat(baseline.manifest.built_at),
    )


def save_with_twin(baseline: Baseline, path: Path) -> None:
    """Write a baseline, and its twin beside it where it needs a service.

    Raises:
        BaselineError: one of them cannot be written.
    """
    save(baseline, path)
    if model_of(baseline.manifest.embedder) is not None:
        save(twin_of(baseline), twin_path(path))


def twin_beside(baseline: Baseline, path: Path) -> Baseline:
    """The twin that lies beside the baseline at `path`; one that is missing or of another baseline is made."""
    with suppress(BaselineError):
        found = load(twin_path(path))
        if _same(found, baseline):
            return found
    twin = twin_of(baseline)
    with suppress(BaselineError):  # the folder may be none that a daemon writes to
        save(twin, twin_path(path))
    return twin


def _same(twin: Baseline, baseline: Baseline) -> bool:
    return (
        twin.manifest.embedder == LocalEmbedder.name
        and twin.manifest.built_at == baseline.manifest.built_at
        and twin.manifest.normaliser == baseline.manifest.normaliser
        and twin.patterns == baseline.patterns
    )
