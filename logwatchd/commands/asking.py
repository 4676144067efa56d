"""What a command asks an embedding service with when nobody waits for the daemon, and what that has cost."""

from __future__ import annotations

import sys
import tomllib
from typing import TYPE_CHECKING

from logwatchd.errors import ConfigError
from logwatchd.scoring.embedder import Embedder, model_of

if TYPE_CHECKING:
    from logwatchd.config import EmbedderSettings
    from logwatchd.config_alerting import RedactSettings


def machine_rules() -> list[RedactSettings]:
    """The `[[redact]]` tables of this machine's own configuration, for a command that was named none.

    Whatever else is wrong with that file, or cannot be had by this user, such as its secrets, is no matter here.

    Raises:
        ConfigError: they cannot be read, and so what is not to leave is not known.
    """
    from pydantic import TypeAdapter, ValidationError

    from logwatchd import config
    from logwatchd.config_alerting import RedactSettings

    file = config.DEFAULT_PATH
    try:
        given = tomllib.loads(file.read_bytes().decode())
        return TypeAdapter(list[RedactSettings]).validate_python(given.get("redact", []))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        reason = (
            error.strerror if isinstance(error, OSError) else "mend it; 'logwatchd check-config' says what is wrong"
        )
        raise ConfigError([f"{file}: its [[redact]] tables cannot be read, so nothing is sent: {reason}"]) from None


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
