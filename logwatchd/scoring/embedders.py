"""Which embedder the configuration asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from logwatchd.errors import ConfigError
from logwatchd.scoring.batching import Limits
from logwatchd.scoring.embedder import Embedder
from logwatchd.scoring.local import LocalEmbedder
from logwatchd.vectors import Vectors

if TYPE_CHECKING:
    from logwatchd.config import EmbedderSettings

_OFFLINE_RETRIES = 8  # a command that somebody waits for: about a minute and a half of pauses


def make_embedder(settings: EmbedderSettings, api_key: object = None, *, offline: bool = False) -> Embedder:
    """Build the configured embedder; nothing is connected yet.

    Args:
        api_key: the openai_api_key secret (SecretStr), or None.
        offline: for a command that waits for its answer, the client retries by itself.

    Raises:
        ConfigError: a remote embedder without a key.
    """
    if settings.provider == "local":
        return LocalEmbedder()
    from pydantic import SecretStr

    from logwatchd.scoring.remote import OpenAIEmbedder, Service

    if not isinstance(api_key, SecretStr):
        raise ConfigError([f"embedder.provider = {settings.provider}: needs openai_api_key or OPENAI_API_KEY"])
    service = Service(settings.model, settings.base_url, settings.dimensions, settings.timeout_s, settings.max_tokens)
    return OpenAIEmbedder(service, api_key, _OFFLINE_RETRIES if offline else 0)


def limits_of(settings: EmbedderSettings) -> Limits:
    """How the daemon gathers and sends texts for this embedder."""
    return Limits(
        batch_size=settings.batch_size,
        max_wait_ms=settings.max_wait_ms,
        max_in_flight=settings.max_in_flight,
        max_tokens=settings.max_tokens,
        daily_usd=settings.daily_usd,
        usd_per_million_tokens=price_of(settings) or 0.0,
        on_outage=settings.on_outage,
    )


def price_of(settings: EmbedderSettings) -> float | None:
    """Dollars a million tokens; 0 for what is computed here, None for a service of unknown price."""
    if settings.provider != "openai":
        return 0.0
    if settings.usd_per_million_tokens is not None:
        return settings.usd_per_million_tokens
    from logwatchd.config import PRICES

    return PRICES.get(settings.model)


def of_name(name: str | None, settings: EmbedderSettings) -> EmbedderSettings:
    """The settings with another embedder: "local", "openai" or "openai:MODEL"; None leaves them as they are.

    Raises:
        ConfigError: there is none of that name.
    """
    if name is None:
        return settings
    provider, _, model = name.partition(":")
    if provider not in ("local", "openai") or (model and provider == "local"):
        raise ConfigError([f"--embedder {name}: there is none of that name; write local, openai or openai:MODEL"])
    return settings.model_copy(update={"provider": provider, **({"model": model} if model else {})})


def embed_all(
    embedder: Embedder, texts: Sequence[str], batch_size: int, on_progress: Callable[[int], None] | None = None
) -> Vectors:
    """Embed any number of texts in batches; float32 (len(texts), D). on_progress gets how many are done."""
    vectors = np.zeros((0, 1), dtype=np.float32)
    for start in range(0, len(texts), batch_size):
        part = embedder.embed(texts[start : start + batch_size])
        if start == 0:  # all of them in one place at once: there may be hundreds of megabytes
            vectors = np.empty((len(texts), part.shape[1]), dtype=np.float32)
        vectors[start : start + len(part)] = part
        if on_progress:
            on_progress(min(len(texts), start + batch_size))
    return vectors
