"""`logwatchd baseline merge`: one baseline that knows what several know."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from logwatchd import clock, config
from logwatchd.alerting.text import counted
from logwatchd.commands.asking import tell_cost
from logwatchd.commands.embedding import embed_for
from logwatchd.commands.output import check_output
from logwatchd.commands.progress import progress
from logwatchd.commands.scan import embedder_for
from logwatchd.commands.terminal import say
from logwatchd.errors import BaselineError, Exit, PermanentError, RetryableError, UsageError
from logwatchd.scoring.baseline import Baseline, load
from logwatchd.scoring.construction import construct
from logwatchd.scoring.embedders import batch_size_of
from logwatchd.scoring.knowledge import knowledge_of, merged
from logwatchd.scoring.thresholds import own_thresholds
from logwatchd.scoring.twin import save_with_twin


def run(output: Path, paths: Sequence[Path], config_path: Path | None) -> Exit:
    """Add up the baselines' patterns, and cluster and calibrate anew; the lines themselves are not needed.

    Args:
        config_path: whose embedder's service, number of centroids and threshold apply; None for the defaults.

    Raises:
        UsageError, BaselineError, ConfigError: nothing is written then.
    """
    if len(paths) < 2:
        raise UsageError(f"{paths[0]}: one baseline alone cannot be merged; name two or more")
    check_output(output)
    baselines = [load(path) for path in paths]
    for path, baseline in zip(paths[1:], baselines[1:], strict=True):
        _check_alike(paths[0], baselines[0], path, baseline)
    found = config.load(config_path, config.any_secret) if config_path else None
    wanted = found.settings.baseline if found else None
    embedder = embedder_for(baselines[0], found)
    knowledge = merged([knowledge_of(baseline) for baseline in baselines])
    with progress() as bar:
        embedding = bar.add_task("embedding", total=len(knowledge.counts))
        try:
            baseline = construct(
                knowledge,
                embed_for(
                    baselines[0],
                    paths[0],
                    embedder,
                    batch_size_of(found),
                    lambda done: bar.update(embedding, completed=done),
                ),
                embedder,
                clusters=None if wanted is None or wanted.clusters == "auto" else wanted.clusters,
                threshold=None if wanted is None or wanted.threshold == "auto" else wanted.threshold,
                built_at=clock.utc_now(),
            )
        except (PermanentError, RetryableError) as error:
            raise BaselineError(f"no baseline: {error}") from None
    save_with_twin(baseline, output)
    tell_cost(embedder, found.settings.embedder if found else None)
    _tell(output, baseline, dict(zip(paths, baselines, strict=True)))
    return Exit.OK


def _check_alike(first_path: Path, first: Baseline, path: Path, other: Baseline) -> None:
    """Raises: BaselineError where the two cannot become one."""
    if other.manifest.embedder != first.manifest.embedder:
        raise BaselineError(
            f"{path}: made with embedder '{other.manifest.embedder}', but {first_path} with "
            f"'{first.manifest.embedder}'; build one of them again"
        )
    if other.manifest.masks != first.manifest.masks:
        raise BaselineError(
            f"{path}: made with other [[mask]] tables than {first_path}: their patterns are not alike; build one again"
        )


def _tell(output: Path, merged_one: Baseline, parts: dict[Path, Baseline]) -> None:
    manifest = merged_one.manifest
    say(
        f"{output}: {counted(manifest.lines, 'line')}, {counted(manifest.patterns, 'pattern')}, "
        f"{counted(manifest.centroids, 'centroid')}, threshold {own_thresholds(merged_one)} "
        f"({manifest.threshold_mode})",
        style="green",
    )
    for path, part in parts.items():
        mode = part.manifest.threshold_mode
        if mode != "auto" and manifest.threshold_mode == "auto":
            say(
                f"{path}: its {mode} threshold {part.manifest.threshold:.3f} is not taken over: the merged one was "
                "calibrated",
                style="yellow",
            )
