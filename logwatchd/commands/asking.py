"""What a command asks an embedding service with when nobody waits for the daemon, and what that has cost."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from logwatchd.alerting.text import counted
from logwatchd.errors import ConfigError
from logwatchd.scoring.embedder import Embedder, model_of

if TYPE_CHECKING:
    from logwatchd.config import EmbedderSettings
    from logwatchd.config_alerting import RedactSettings


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine's own configuration says of a service that embeds. base_url: None for OpenAI's, or what the
    environment says."""

    rules: list[RedactSettings] = field(default_factory=list)
    base_url: str | None = None


def machine() -> Machine:
    """For a command that was named no configuration: what is not to leave, and where the rest goes to.

    Whatever else is wrong with that file, or cannot be had by this user, such as its secrets, is no matter here.

    Raises:
        ConfigError: these cannot be read, and so what may leave is not known.
    """
    import tomllib

    from pydantic import TypeAdapter, ValidationError

    from logwatchd import config
    from logwatchd.config_alerting import RedactSettings
    from logwatchd.config_types import HttpUrl

    file = config.DEFAULT_PATH
    try:
        given = tomllib.loads(file.read_bytes().decode())
        embedder = TypeAdapter(dict[str, object]).validate_python(given.get("embedder", {}))
        return Machine(
            rules=TypeAdapter(list[RedactSettings]).validate_python(given.get("redact", [])),
            base_url=TypeAdapter(HttpUrl | None).validate_python(embedder.get("base_url")),
        )
    except FileNotFoundError:
        return Machine()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        reason = (
            error.strerror if isinstance(error, OSError) else "mend it; 'logwatchd check-config' says what is wrong"
        )
        what = "its [[redact]] tables or embedder.base_url cannot be read"
        raise ConfigError([f"{file}: {what}, so nothing is sent: {reason}"]) from None


def tell_cost(embedder: Embedder, settings: EmbedderSettings | None = None) -> None:
    """Say what a command has had embedded by a service, and whether the day's budget is used up by now.

    A command that somebody asked for is not held to the budget: what is missing of it would be of no use. What it
    spends is counted, and so the daemon stops earlier.
    """
    model = model_of(embedder.name)
    if model is None or not embedder.tokens:
        return
    price = _price(model, settings)
    usd = None if price is None else embedder.tokens / 1e6 * price
    told = f"about ${usd:.4f}" if usd is not None else "at a price that is not known (embedder.usd_per_million_tokens)"
    print(f"{embedder.name}: {embedder.tokens:,} tokens, {told}", file=sys.stderr)
    if embedder.refused:
        print(f"warning: the service refuses {counted(embedder.refused, 'text')}; as new as can be", file=sys.stderr)
    spent, budget = getattr(embedder, "usd_today", 0.0), settings.daily_usd if settings else None
    if budget is not None and spent > budget:
        print(
            f"warning: embedding has cost ${spent:.4f} today, and embedder.daily_usd is {budget:g}: "
            "the daemon asks for nothing new before midnight (UTC)",
            file=sys.stderr,
        )


def _price(model: str, settings: EmbedderSettings | None) -> float | None:
    from logwatchd.config import PRICES

    if settings is not None and settings.model == model and settings.usd_per_million_tokens is not None:
        return settings.usd_per_million_tokens
    return PRICES.get(model)
