"""`logwatchd baseline rebuild`: a baseline's own texts embedded by another embedder; the logs are not needed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from logwatchd import clock, config
from logwatchd.alerting.text import counted
from logwatchd.commands.asking import machine, tell_cost
from logwatchd.commands.output import check_output
from logwatchd.commands.progress import progress
from logwatchd.commands.terminal import say
from logwatchd.config import Config, EmbedderSettings
from logwatchd.config_secrets import read_secrets
from logwatchd.database import Database
from logwatchd.errors import BaselineError, Exit, PermanentError, RetryableError, UsageError
from logwatchd.scoring.baseline import Baseline, load
from logwatchd.scoring.batching import size_of
from logwatchd.scoring.cached import CachedEmbedder
from logwatchd.scoring.construction import construct
from logwatchd.scoring.embedder import Embedder, leaving
from logwatchd.scoring.embedders import embed_all, make_embedder, of_name, price_of
from logwatchd.scoring.knowledge import knowledge_of
from logwatchd.scoring.ledger import Ledger, estimated_tokens
from logwatchd.scoring.thresholds import own_thresholds
from logwatchd.scoring.twin import save_with_twin
from logwatchd.scoring.vector_cache import SCHEMA, VectorCache, open_database
from logwatchd.vectors import Vectors

_NO_BOUND = 1 << 62


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a rebuild is going to take. held: texts whose vectors an interrupted one left."""

    texts: int
    held: int
    tokens: int
    usd: float | None


@dataclass(frozen=True, slots=True)
class _Kept:
    """Where vectors are kept. passing: only until the baseline is written."""

    database: Database
    max_bytes: int
    passing: bool


def run(path: Path, output: Path, name: str | None, config_path: Path | None, *, dry_run: bool) -> Exit:
    """Embed the texts of the baseline at `path` anew, cluster, calibrate and write `output`.

    What was embedded is kept in the configuration's state folder, where the daemon keeps its own, or without one beside
    the output until that is written: a second call goes on where the first one ended.

    Args:
        name: of the embedder, such as "local" or "openai:text-embedding-3-large"; None for the configuration's.
        dry_run: only say what it would take.

    Raises:
        UsageError, BaselineError, ConfigError: nothing is written then.
    """
    check_output(output)
    if name is None and config_path is None:
        raise UsageError("no embedder: name one with --embedder, or a --config that has one")
    baseline = load(path)
    found = config.load(config_path, config.any_secret) if config_path else None
    settings = of_name(name, found.settings.embedder if found else EmbedderSettings())
    secrets, rules = (found.secrets, found.settings.redact) if found else (read_secrets()[0], [])
    if found is None and settings.provider == "openai":
        own = machine()
        settings, rules = settings.model_copy(update={"base_url": own.base_url}), own.rules
    embedder = make_embedder(settings, secrets, rules, offline=True)
    kept = _kept(output, settings, found)
    keeping = CachedEmbedder(
        embedder, VectorCache(kept.database, kept.max_bytes), Ledger(kept.database), price_of(settings) or 0.0
    )
    try:
        held = embedder.keep and kept.database.file.exists()
        estimate = _estimate(baseline, embedder, keeping if held else None, price_of(settings))
        say(f"{path}: {_told(estimate, embedder.name)}")
        if dry_run:
            return Exit.OK
        rebuilt = _rebuild(baseline, keeping if embedder.keep else embedder, settings.batch_size, found)
        save_with_twin(rebuilt, output)
        tell_cost(keeping, settings)
    finally:
        kept.database.close()
    if kept.passing:
        _remove(kept.database.file)
    manifest = rebuilt.manifest
    say(
        f"{output}: {counted(manifest.patterns, 'pattern')}, {counted(manifest.centroids, 'centroid')} of "
        f"{manifest.dimensions:,} dimensions by {manifest.embedder}, threshold {own_thresholds(rebuilt)} "
        f"({manifest.threshold_mode})",
        style="green",
    )
    if baseline.manifest.threshold_mode != "auto" and manifest.threshold_mode == "auto":
        say(
            f"{path}: its {baseline.manifest.threshold_mode} threshold {baseline.manifest.threshold:.3f} is not taken "
            "over: it was one for other vectors",
            style="yellow",
        )
    return Exit.OK


def _kept(output: Path, settings: EmbedderSettings, found: Config | None) -> _Kept:
    state_dir = found.settings.state_dir if found else None
    if state_dir is not None and os.access(state_dir, os.W_OK | os.X_OK, effective_ids=True):
        return _Kept(open_database(state_dir), settings.cache_mb << 20, passing=False)
    beside = output.with_name(f".{output.name}.embeddings")
    return _Kept(Database(beside, SCHEMA, part="embed", durable=False), _NO_BOUND, passing=True)


def _rebuild(baseline: Baseline, embedder: Embedder, batch_size: int, found: Config | None) -> Baseline:
    wanted = found.settings.baseline if found else None
    with progress() as bar:
        embedding = bar.add_task("embedding", total=len(baseline.patterns))

        def embed(texts: Sequence[str]) -> Vectors:
            return embed_all(embedder, texts, batch_size, lambda done: bar.update(embedding, completed=done))

        try:
            return construct(
                knowledge_of(baseline),
                embed,
                embedder,
                clusters=None if wanted is None or wanted.clusters == "auto" else wanted.clusters,
                threshold=None if wanted is None or wanted.threshold == "auto" else wanted.threshold,
                built_at=clock.utc_now(),
            )
        except (PermanentError, RetryableError) as error:
            raise BaselineError(f"no baseline: {error}; what was embedded is kept: run it again to go on") from None


def _estimate(baseline: Baseline, embedder: Embedder, keeping: CachedEmbedder | None, price: float | None) -> Estimate:
    texts = list(baseline.patterns)
    held = keeping.held(texts) if keeping else {}
    missing = set(leaving(embedder, [text for text in texts if text not in held]))
    tokens = estimated_tokens(sum(map(size_of, missing)), len(missing)) if embedder.remote else 0
    usd = None if price is None else tokens / 1e6 * price
    return Estimate(len(texts), len(held), tokens, usd)


def _told(estimate: Estimate, name: str) -> str:
    parts = [f"{estimate.texts:,} texts for {name}"]
    if estimate.held:
        parts.append(f"{estimate.held:,} of them are embedded already")
    if estimate.tokens:
        parts.append(f"about {estimate.tokens:,} tokens")
        parts.append("its price is not known" if estimate.usd is None else f"about ${estimate.usd:.4f}")
    else:
        parts.append("free of charge")
    return ", ".join(parts)


def _remove(file: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)
