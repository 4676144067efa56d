"""Vectors that can be compared with those of a baseline, for commands that have one or several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from logwatchd.errors import BaselineError
from logwatchd.scoring.baseline import Baseline
from logwatchd.scoring.embedder import Embedder
from logwatchd.scoring.embedders import embed_all
from logwatchd.vectors import Embed, Vectors


def embed_for(
    baseline: Baseline,
    path: Path,
    embedder: Embedder,
    batch_size: int,
    on_progress: Callable[[int], None] | None = None,
) -> Embed:
    """What embeds texts for this baseline, by its own embedder.

    Args:
        path: of the baseline, for messages. batch_size: texts a request.

    Raises:
        BaselineError: from the call, when the vectors have other dimensions than the baseline's.
    """
    wanted = baseline.manifest.dimensions

    def embed(texts: Sequence[str]) -> Vectors:
        vectors = embed_all(embedder, texts, batch_size, on_progress)
        if len(texts) and vectors.shape[1] != wanted:
            raise BaselineError(
                f"{path}: its vectors have {wanted} dimensions, those of '{embedder.name}' have {vectors.shape[1]}; "
                f"name a --config with embedder.dimensions = {wanted}"
            )
        return vectors

    return embed
