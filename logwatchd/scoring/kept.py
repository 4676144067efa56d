"""What scoring keeps in the state folder for an embedder that costs something."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from logwatchd.config import EmbedderSettings
from logwatchd.database import Database
from logwatchd.scoring.backlog import Backlog
from logwatchd.scoring.cached import CachedEmbedder
from logwatchd.scoring.embedder import Embedder
from logwatchd.scoring.embedders import price_of
from logwatchd.scoring.ledger import Ledger
from logwatchd.scoring.vector_cache import VectorCache, open_database


@dataclass(frozen=True, slots=True)
class Kept:
    """The vectors that were paid for, what they cost, and the lines that wait for some."""

    database: Database
    cache: VectorCache
    ledger: Ledger
    backlog: Backlog

    def resize(self, settings: EmbedderSettings) -> None:
        """Keep so much from now on. What is over it leaves with the next vectors; lines that wait stay."""
        self.cache.max_bytes = settings.cache_mb << 20
        self.backlog.max_bytes = settings.outage_mb << 20

    def close(self) -> None:
        self.database.close()
        self.backlog.close()


def kept_in(state_dir: Path, settings: EmbedderSettings) -> Kept:
    """Nothing is opened before it is needed."""
    database = open_database(state_dir)
    return Kept(
        database=database,
        cache=VectorCache(database, settings.cache_mb << 20),
        ledger=Ledger(database),
        backlog=Backlog(state_dir, settings.outage_mb << 20),
    )


def with_cache(embedder: Embedder, settings: EmbedderSettings, state_dir: Path) -> Embedder:
    """For a command: asks only for what neither the daemon nor another command had embedded before."""
    if not embedder.keep or not state_dir.is_dir():
        return embedder
    kept = kept_in(state_dir, settings)
    return CachedEmbedder(embedder, kept.cache, kept.ledger, price_of(settings) or 0.0)
