"""What the commands that judge single lines judge with: a baseline, its embedder, and what a configuration changes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from logwatchd import config
from logwatchd.assembly import check_masks, detector_of
from logwatchd.commands.scan import embedder_for
from logwatchd.config import Config
from logwatchd.records import Level, SourceSpec, flat
from logwatchd.scoring.baseline import check_fits, load
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.embedder import Embedder
from logwatchd.scoring.embedders import batch_size_of, embed_all, embedder_of
from logwatchd.scoring.kept import with_cache
from logwatchd.vectors import Vectors


@dataclass(frozen=True, slots=True)
class Opened:
    """skip_levels: never judged. found: the configuration, if one was named."""

    path: Path
    detector: Detector
    embedder: Embedder
    skip_levels: frozenset[Level]
    found: Config | None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """All of them, in as few calls as the embedder takes; float32 (len(texts), D)."""
        return embed_all(self.embedder, texts, batch_size_of(self.found))


def as_line(raw: bytes) -> bytes:
    """An event of one or more lines, without its last newline, as the one line that the daemon would judge."""
    return flat(raw, tuple(match.start() for match in re.finditer(b"\n", raw))) + b"\n"


def open_baseline(path: Path, config_path: Path | None) -> Opened:
    """Load a baseline and make its embedder.

    Args:
        config_path: its embedder, threshold and levels to skip apply; of several sources only levels that all skip,
            since a single line does not say which one it is of.

    Raises:
        BaselineError, ConfigError: the baseline or the configuration cannot be used.
    """
    found = config.load(config_path, config.any_secret) if config_path else None
    baseline = load(path)
    if found:
        embedder = embedder_of(found, offline=True)
        embedder = with_cache(embedder, found.settings.embedder, found.settings.state_dir)
        skip_levels = reduce(frozenset.intersection, (source.skip_levels for source in found.sources))
    else:
        embedder, skip_levels = embedder_for(baseline), SourceSpec(()).skip_levels
    check_fits(baseline, embedder.name, embedder.dimensions, path)
    if found:
        check_masks(baseline, found, path)
    detector = detector_of(baseline, found, path) if found else Detector(baseline)
    return Opened(path, detector, embedder, skip_levels, found)
