"""The one reader of configuration: a TOML file, LOGWATCHD_* overrides and the three secrets.

LOGWATCHD_EMBEDDER__PROVIDER=openai overrides `provider` in `[embedder]`; lists and tables are given as JSON.
Secrets never stand in the file: they come from systemd credentials or the environment.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from logwatchd.config_errors import missing_secret, problems_of, unreadable
from logwatchd.errors import ConfigError
from logwatchd.records import Level, SourceSpec, StartAt

DEFAULT_PATH = Path("/etc/logwatchd.toml")
ENV_PREFIX = "LOGWATCHD_"


def _default_state_dir() -> Path:
    """systemd's StateDirectory= when there is one (the first, if several), else the usual place."""
    return Path(os.environ.get("STATE_DIRECTORY", "").split(":")[0] or "/var/lib/logwatchd")


def _absolute(pattern: str) -> str:
    if not pattern.startswith("/"):
        raise ValueError("give an absolute path or glob: a daemon has no working folder of its own")
    return pattern


def _level_name(value: object) -> object:
    """Accept what people write for a level in any case: 'warn', 'Warning'."""
    if isinstance(value, str):
        name = {"WARN": "WARNING", "ERR": "ERROR", "CRIT": "CRITICAL"}.get(value.upper(), value.upper())
        if name not in Level.__members__:
            raise ValueError(f"is no level: use one of {', '.join(Level.__members__)}")
        return Level[name]
    return value


Globs = Annotated[list[Annotated[str, AfterValidator(_absolute)]], Field(min_length=1)]
LevelName = Annotated[Level, BeforeValidator(_level_name)]
Switch = bool | Literal["auto"]
HttpUrl = Annotated[str, Field(pattern=r"^https?://\S+$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceSettings(_Table):
    """One `[[source]]`: files that are followed together."""

    paths: Globs
    service: Annotated[str, Field(min_length=1)] | None = None
    start_at: StartAt = "end"
    skip_levels: list[LevelName] = [Level.DEBUG]

    def spec(self) -> SourceSpec:
        return SourceSpec(
            paths=tuple(self.paths),
            service=self.service,
            start_at=self.start_at,
            skip_levels=frozenset(self.skip_levels),
        )


class EmbedderSettings(_Table):
    """`[embedder]`: what turns texts into vectors, and how texts are gathered into batches."""

    provider: Literal["local", "openai"] = "local"
    model: Annotated[str, Field(min_length=1)] = "text-embedding-3-small"
    base_url: HttpUrl | None = None
    batch_size: Annotated[int, Field(ge=1, le=2048)] = 200
    max_wait_ms: Annotated[int, Field(ge=0, le=60_000)] = 200


class BaselineSettings(_Table):
    """`[baseline]`: what normal looks like, and how far from it is too far."""

    path: Annotated[Path, Field(default_factory=lambda: _default_state_dir() / "baseline")]
    threshold: Annotated[float, Field(gt=0, lt=1)] | Literal["auto"] = "auto"
    clusters: Annotated[int, Field(ge=1, le=100_000)] | Literal["auto"] = "auto"


class AnalysisSettings(_Table):
    """`[analysis]`: Claude's words on an incident."""

    enabled: Switch = "auto"
    model: Annotated[str, Field(min_length=1)] = "claude-opus-4-6"
    base_url: HttpUrl | None = None
    max_tokens: Annotated[int, Field(ge=100, le=8192)] = 500
    context_lines: Annotated[int, Field(ge=0, le=50)] = 10


class SlackSettings(_Table):
    """`[slack]`: the webhook's address is a secret and does not stand here."""

    enabled: Switch = "auto"


class WorkersSettings(_Table):
    """`[workers]`: threads that analyse and deliver."""

    threads: Annotated[int, Field(ge=1, le=64)] = 4


class Settings(BaseSettings):
    """The whole configuration file, validated; unknown keys are errors."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=ENV_PREFIX, env_nested_delimiter="__", env_ignore_empty=True
    )

    state_dir: Annotated[Path, Field(default_factory=_default_state_dir)]
    source: Annotated[list[SourceSettings], Field(min_length=1)]
    embedder: EmbedderSettings = EmbedderSettings()
    baseline: Annotated[BaselineSettings, Field(default_factory=BaselineSettings)]
    analysis: AnalysisSettings = AnalysisSettings()
    slack: SlackSettings = SlackSettings()
    workers: WorkersSettings = WorkersSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file; nothing else is read."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))


@dataclass(frozen=True, slots=True)
class Secrets:
    """The three secrets; None where there is none. `SecretStr` keeps them out of logs and errors."""

    openai_api_key: SecretStr | None
    anthropic_api_key: SecretStr | None
    slack_webhook_url: SecretStr | None


@dataclass(frozen=True, slots=True)
class Config:
    """Everything the daemon is told: where it came from, the settings, the secrets."""

    path: Path
    settings: Settings
    secrets: Secrets

    @property
    def sources(self) -> tuple[SourceSpec, ...]:
        return tuple(source.spec() for source in self.settings.source)

    @property
    def analysis_enabled(self) -> bool:
        return _on(self.settings.analysis.enabled, self.secrets.anthropic_api_key)

    @property
    def slack_enabled(self) -> bool:
        return _on(self.settings.slack.enabled, self.secrets.slack_webhook_url)


def _on(switch: Switch, secret: SecretStr | None) -> bool:
    return secret is not None if switch == "auto" else switch


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
            return SecretStr(text)
    text = os.environ.get(name.upper(), "").strip()
    return SecretStr(text) if text else None


def read_secrets() -> tuple[Secrets, list[str]]:
    """The secrets, and what is wrong with them, one line each."""
    problems: list[str] = []
    secrets = Secrets(*(_secret(name, problems) for name in Secrets.__slots__))
    return secrets, problems


def _secret_problems(settings: Settings, secrets: Secrets, file: Path) -> list[str]:
    problems = []
    if settings.embedder.provider == "openai" and secrets.openai_api_key is None:
        problems.append(missing_secret(file, "embedder.provider", "openai", "openai_api_key"))
    if settings.analysis.enabled is True and secrets.anthropic_api_key is None:
        problems.append(missing_secret(file, "analysis.enabled", "true", "anthropic_api_key"))
    if settings.slack.enabled is True and secrets.slack_webhook_url is None:
        problems.append(missing_secret(file, "slack.enabled", "true", "slack_webhook_url"))
    url = secrets.slack_webhook_url
    if url is not None and not url.get_secret_value().startswith(("https://", "http://")):
        problems.append("slack_webhook_url: not an address (its value is not shown); it begins with https://")
    return problems


def _read_toml(file: Path) -> dict[str, Any]:
    """The file's tables.

    Raises:
        ConfigError: it is missing, unreadable or not TOML.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([unreadable("configuration", file, error)]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{file}: not valid TOML: {error}"]) from None


def load(file: Path = DEFAULT_PATH) -> Config:
    """Read and validate the whole configuration.

    Raises:
        ConfigError: with every problem at once, one line each.
    """
    tables = _read_toml(file)

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    secrets, problems = read_secrets()
    try:
        settings = FromFile()  # type: ignore[call-arg]  # its sources supply them
    except ValidationError as error:
        raise ConfigError(problems_of(error, file, tables, Settings, ENV_PREFIX) + problems) from None
    except ValueError as error:  # pydantic-settings: an override that is not the JSON it has to be
        cause = error.__cause__ or error
        raise ConfigError([f"environment: {error} ({cause}); give lists and tables as JSON", *problems]) from None
    problems += _secret_problems(settings, secrets, file)
    if problems:
        raise ConfigError(problems)
    return Config(path=file, settings=settings, secrets=secrets)
