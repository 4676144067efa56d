"""Which embedder the configuration asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from logwatchd.errors import ConfigError, PermanentError, UsageError
from logwatchd.scoring.batching import Limits
from logwatchd.scoring.embedder import Embedder
from logwatchd.scoring.local import LocalEmbedder
from logwatchd.vectors import Vectors

if TYPE_CHECKING:
    from logwatchd.config import Config, EmbedderSettings
    from logwatchd.config_alerting import RedactSettings
    from logwatchd.config_secrets import Secrets

_LOCAL_TOKENS = 512
_ONNX_AT_ONCE = 16  # a turn of its stage must not take long, and here is nothing to save by taking more
_PATIENCE_S = 5.0
_OFFLINE_RETRIES = 8  # a command that somebody waits for: about a minute and a half of pauses


def embedder_of(config: Config, *, offline: bool = False) -> Embedder:
    """The embedder that a configuration asks for; see `make_embedder`."""
    return make_embedder(config.settings.embedder, config.secrets, config.settings.redact, offline=offline)


def make_embedder(
    settings: EmbedderSettings,
    secrets: Secrets | None = None,
    rules: Sequence[RedactSettings] = (),
    *,
    offline: bool = False,
) -> Embedder:
    """Build an embedder; nothing is connected yet.

    Args:
        secrets: the service's key is one of them, and none of them is to leave.
        rules: `[[redact]]` tables; what they match does not leave either.
        offline: for a command that waits for its answer, the client retries by itself.

    Raises:
        ConfigError: a remote embedder without a key, a local model that cannot be used.
    """
    if settings.provider == "local":
        return LocalEmbedder()
    if settings.provider in ("onnx", "static"):
        return _from_folder(settings)
    from logwatchd.parsing.redaction import redactor_of
    from logwatchd.scoring.remote import OpenAIEmbedder, Service

    if secrets is None or secrets.openai_api_key is None:
        raise ConfigError([f"embedder.provider = {settings.provider}: needs openai_api_key or OPENAI_API_KEY"])
    service = Service(
        settings.model,
        settings.base_url,
        settings.dimensions,
        settings.timeout_s,
        settings.max_tokens,
        settings.batch_size,
    )
    redact = redactor_of(rules, secrets).masked
    return OpenAIEmbedder(service, secrets.openai_api_key, _OFFLINE_RETRIES if offline else 0, redact)


def _from_folder(settings: EmbedderSettings) -> Embedder:
    folder = settings.folder
    if folder is None:
        raise ConfigError([f"embedder.provider = {settings.provider}: needs embedder.folder, with a model in it"])
    # What these models take is mostly less than what the services do: longer texts than they were made for are cut.
    max_tokens = min(settings.max_tokens, _LOCAL_TOKENS)
    if settings.provider == "static":
        from logwatchd.scoring.static import StaticEmbedder

        return StaticEmbedder(folder, max_tokens)
    from logwatchd.scoring.onnx import OnnxEmbedder

    return OnnxEmbedder(folder, max_tokens)


def limits_of(settings: EmbedderSettings) -> Limits:
    """How the daemon gathers and sends texts for this embedder."""
    return Limits(
        batch_size=min(settings.batch_size, _ONNX_AT_ONCE) if settings.provider == "onnx" else settings.batch_size,
        max_wait_ms=settings.max_wait_ms,
        max_in_flight=settings.max_in_flight,
        max_tokens=settings.max_tokens,
        patience_s=max(_PATIENCE_S, settings.timeout_s / 2),
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
    """The settings with another embedder; None leaves them as they are.

    Args:
        name: "local", "openai", "openai:MODEL", "onnx:FOLDER" or "static:FOLDER".

    Raises:
        UsageError: there is none of that name.
    """
    if name is None:
        return settings
    provider, _, detail = name.partition(":")
    folders = provider in ("onnx", "static")
    if provider not in ("local", "openai", "onnx", "static") or (detail and provider == "local"):
        known = "local, openai, openai:MODEL, onnx:FOLDER or static:FOLDER"
        raise UsageError(f"--embedder {name}: there is none of that name; write {known}")
    changed: dict[str, object] = {"provider": provider}
    if detail:
        changed["folder" if folders else "model"] = Path(detail) if folders else detail
    return settings.model_copy(update=changed)


def batch_size_of(found: Config | None) -> int:
    """Texts a request, by a configuration if there is one."""
    return found.settings.embedder.batch_size if found else Limits().batch_size


def embed_all(
    embedder: Embedder, texts: Sequence[str], batch_size: int, on_progress: Callable[[int], None] | None = None
) -> Vectors:
    """Embed any number of texts in batches; float32 (len(texts), D). on_progress gets how many are done.

    Raises:
        RetryableError, PermanentError: see `Embedder.embed`; or the service's vectors do not stay of one length.
    """
    try:
        return _embed_all(embedder, texts, batch_size, on_progress)
    except _OtherLengthError:  # it has another model now: what it said before is of no use beside that
        return _embed_all(embedder, texts, batch_size, on_progress)


class _OtherLengthError(PermanentError):
    """Vectors of two lengths."""


def _embed_all(
    embedder: Embedder, texts: Sequence[str], batch_size: int, on_progress: Callable[[int], None] | None
) -> Vectors:
    vectors = np.zeros((0, 1), dtype=np.float32)
    for start in range(0, len(texts), batch_size):
        part = embedder.embed(texts[start : start + batch_size])
        if start == 0:  # all of them in one place at once: there may be hundreds of megabytes
            vectors = np.empty((len(texts), part.shape[1]), dtype=np.float32)
        if part.shape[1] != vectors.shape[1]:
            raise _OtherLengthError(
                f"{embedder.name}: vectors of {part.shape[1]} dimensions after others of {vectors.shape[1]}: the model "
                "changes under the same name; run 'logwatchd cache --clear' once that has settled, and try again"
            )
        vectors[start : start + len(part)] = part
        if on_progress:
            on_progress(min(len(texts), start + batch_size))
    return vectors
