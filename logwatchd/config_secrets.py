"""Secrets: from systemd credentials or the environment, never from the configuration file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from logwatchd.config_errors import SECRETS, unreadable


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets; None where there is none. `SecretStr` keeps them out of logs and errors. sinks: those of `[[sink]]`
    tables, by name."""

    openai_api_key: SecretStr | None
    anthropic_api_key: SecretStr | None
    slack_webhook_url: SecretStr | None
    slack_bot_token: SecretStr | None = None
    sinks: Mapping[str, SecretStr] = field(default_factory=dict)

    def all(self) -> tuple[SecretStr | None, ...]:
        """For whoever has to keep them out of sight."""
        return (*(getattr(self, name) for name in SECRETS), *self.sinks.values())


def read_secrets(sinks: Iterable[str] = ()) -> tuple[Secrets, list[str]]:
    """The secrets, and what is wrong with them, one line each. sinks: names that `[[sink]]` tables ask for."""
    problems: list[str] = []
    named: dict[str, Any] = {name: _secret(name, problems) for name in SECRETS}
    own = {name: secret for name in dict.fromkeys(sinks) if (secret := _secret(name, problems)) is not None}
    return Secrets(**named, sinks=own), problems


def _secret(name: str, problems: list[str]) -> SecretStr | None:
    """One secret from $CREDENTIALS_DIRECTORY/name, else from the environment variable NAME."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if folder:
        file = Path(folder) / name
        try:
            text = file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            text = ""
        except (OSError, UnicodeDecodeError) as error:
            problems.append(unreadable("credential", file, error))
            return None
        if text:
            return _checked(text, str(file), problems)
    text = os.environ.get(name.upper(), "").strip()
    return _checked(text, f"environment variable {name.upper()}", problems) if text else None


def _checked(text: str, where: str, problems: list[str]) -> SecretStr:
    """A line break in it would make a request's header invalid, and a library's error would show all of it."""
    if not text.isprintable():
        problems.append(f"{where}: more than one line, or no text (it is not shown); let the secret alone stand there")
    return SecretStr(text)
