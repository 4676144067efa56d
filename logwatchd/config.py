"""The one reader of configuration: a TOML file, LOGWATCHD_* overrides and the secrets.

LOGWATCHD_EMBEDDER__PROVIDER=openai overrides `provider` in `[embedder]`; lists and tables are given as JSON.
Secrets never stand in the file: they come from systemd credentials or the environment.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)

from logwatchd.config_alerting import (
    AnalysisSettings,
    IncidentSettings,
    MuteSettings,
    RedactSettings,
    SinkSettings,
    SlackSettings,
    channel_problems,
    repeated_sinks,
    sink_secrets,
)
from logwatchd.config_errors import (
    missing_secret,
    no_regular_file,
    not_toml,
    problems_of,
    repeated_path,
    unreadable,
)
from logwatchd.config_secrets import Secrets, read_secrets
from logwatchd.config_sources import LinePattern, SourceSettings
from logwatchd.config_types import AbsolutePath, Duration, Fault, HttpUrl, Switch, Table, matching, seconds
from logwatchd.errors import ConfigError
from logwatchd.overrides import ENV_PREFIX, merged, overrides
from logwatchd.records import Mask, SourceSpec

DEFAULT_PATH = Path("/etc/logwatchd.toml")
# For what is wrong and has no default, or a wrong one: that of state_dir is of the environment.
_STAND_INS: dict[str, Any] = {"source": [{"journal": True}], "state_dir": "/var/lib/logwatchd"}


def _default_state_dir() -> Path:
    """systemd's StateDirectory= when there is one (the first, if several), else the usual place."""
    return Path(os.environ.get("STATE_DIRECTORY", "").split(":")[0] or "/var/lib/logwatchd")


def _no_empty_match(pattern: str) -> str:
    if re.compile(pattern.encode()).match(b"") is not None:
        raise ValueError(
            "matches where there is nothing, and so everywhere: write '+' for '*', or what has to be there"
        )
    return pattern


_TableT = TypeVar("_TableT", bound=Table)


PRICES = {  # dollars a million tokens, as OpenAI lists them; of any other model the configuration has to say it
    "text-embedding-3-small": 0.02,
    "text-embedding-3-large": 0.13,
    "text-embedding-ada-002": 0.10,
}


class EmbedderSettings(Table):
    """`[embedder]`: what turns texts into vectors, and how texts are gathered into batches."""

    provider: Literal["local", "openai", "onnx", "static"] = "local"
    model: Annotated[str, Field(min_length=1)] = "text-embedding-3-small"
    base_url: HttpUrl | None = None
    folder: AbsolutePath | None = None
    batch_size: Annotated[int, Field(ge=1, le=2048)] = 200
    max_wait_ms: Annotated[int, Field(ge=0, le=60_000)] = 200
    max_in_flight: Annotated[int, Field(ge=1, le=32)] = 4
    dimensions: Annotated[int, Field(ge=1, le=65_536)] | None = None
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 10.0
    max_tokens: Annotated[int, Field(ge=16, le=1_000_000)] = 8191
    cache_mb: Annotated[int, Field(ge=1, le=1_000_000)] = 512
    on_outage: Literal["wait", "local"] = "wait"
    outage_mb: Annotated[int, Field(ge=1, le=1_000_000)] = 256
    daily_usd: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    usd_per_million_tokens: Annotated[float, Field(ge=0, le=10_000)] | None = None

    @classmethod
    def faults(cls, values: Mapping[str, Any]) -> Iterator[Fault]:
        provider, model = values["provider"], values["model"]
        if provider in ("onnx", "static") and values["folder"] is None:
            lacks = f"provider = '{provider}' needs folder = \"/...\", with a model in it"
            yield Fault(("provider", "folder"), lacks)
        known = values["usd_per_million_tokens"] is not None or model in PRICES
        if values["daily_usd"] is not None and provider == "openai" and not known:
            lacks = f"daily_usd needs a price, and that of '{model}' is not known; add usd_per_million_tokens"
            yield Fault(("provider", "model", "daily_usd", "usd_per_million_tokens"), lacks)


class BaselineSettings(Table):
    """`[baseline]`: what normal looks like, and how far from it is too far."""

    path: Annotated[AbsolutePath, Field(default_factory=lambda: _default_state_dir() / "baseline")]
    threshold: Annotated[float, Field(gt=0, lt=1)] | Literal["auto"] = "auto"
    alerts_per_day: Annotated[float, Field(ge=0, le=1_000_000)] | None = None
    weigh_levels: bool = True
    clusters: Annotated[int, Field(ge=1, le=100_000)] | Literal["auto"] = "auto"
    warmup: Duration = "24h"

    @property
    def warmup_s(self) -> float:
        return seconds(self.warmup)

    @classmethod
    def faults(cls, values: Mapping[str, Any]) -> Iterator[Fault]:
        if values["threshold"] != "auto" and values["alerts_per_day"] is not None:
            both = "threshold and alerts_per_day exclude each other: keep one of them"
            yield Fault(("threshold", "alerts_per_day"), both)


class MaskSettings(Table):
    """One `[[mask]]`: what varies in lines of the user's and no rule of ours knows."""

    name: Annotated[str, Field(min_length=1)]
    pattern: Annotated[LinePattern, AfterValidator(_no_empty_match)]
    token: Annotated[str, matching(r"<[A-Z]{1,30}>", "write capital letters between < and >")] = "<MASKED>"


class WorkersSettings(Table):
    """`[workers]`: threads that analyse and deliver."""

    threads: Annotated[int, Field(ge=1, le=64)] = 4


class Settings(BaseModel):
    """The whole configuration file, validated; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    state_dir: Annotated[AbsolutePath, Field(default_factory=_default_state_dir)]
    source: Annotated[list[SourceSettings], Field(min_length=1)]
    embedder: EmbedderSettings = EmbedderSettings()
    baseline: Annotated[BaselineSettings, Field(default_factory=BaselineSettings)]
    analysis: AnalysisSettings = AnalysisSettings()
    slack: SlackSettings = SlackSettings()
    workers: WorkersSettings = WorkersSettings()
    mask: list[MaskSettings] = []
    incidents: IncidentSettings = IncidentSettings()
    mute: list[MuteSettings] = []
    redact: list[RedactSettings] = []
    sink: list[SinkSettings] = []


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
    def masks(self) -> tuple[Mask, ...]:
        return tuple(Mask(mask.name, mask.pattern, mask.token) for mask in self.settings.mask)

    @property
    def analysis_enabled(self) -> bool:
        return _on(self.settings.analysis.enabled, self.secrets.anthropic_api_key)

    @property
    def slack_enabled(self) -> bool:
        return _on(self.settings.slack.enabled, self.secrets.slack_webhook_url or self.secrets.slack_bot_token)


def _on(switch: Switch, secret: SecretStr | None) -> bool:
    return secret is not None if switch == "auto" else switch


def any_secret(name: str) -> bool:
    """For a command that does without: only the daemon is given its secrets."""
    return True


def _secret_problems(given: dict[str, Any], secrets: Secrets, file: Path, may_lack: Callable[[str], bool]) -> list[str]:
    """What is switched on without its secret; other mistakes in the same table do not hide it."""
    embedder = _with_only(EmbedderSettings, given.get("embedder"), "provider")
    analysis = _with_only(AnalysisSettings, given.get("analysis"), "enabled")
    slack = _with_only(SlackSettings, given.get("slack"), "enabled")

    def lacks(*names: str) -> bool:
        return not any(getattr(secrets, name) or may_lack(name) for name in names)

    problems = []
    if embedder.provider == "openai" and lacks("openai_api_key"):
        problems.append(missing_secret(file, "embedder.provider", "openai", "openai_api_key"))
    if analysis.enabled is True and lacks("anthropic_api_key"):
        problems.append(missing_secret(file, "analysis.enabled", "true", "anthropic_api_key"))
    if slack.enabled is True and lacks("slack_webhook_url", "slack_bot_token"):
        problems.append(missing_secret(file, "slack.enabled", "true", "slack_webhook_url"))
    channel = _with_only(SlackSettings, given.get("slack"), "channel").channel
    problems += channel_problems(file, slack.enabled, channel, secrets.slack_bot_token)
    for number, name in enumerate(sink_secrets(given), start=1):
        if name and name not in secrets.sinks and not may_lack(name):
            problems.append(missing_secret(file, f"sink[{number}].secret", repr(name), name))
    repeated = repeated_sinks(given.get("sink"))
    problems += [f"{file}: sink.name = {name!r}: stands twice; give each sink its own" for name in repeated]
    url = secrets.slack_webhook_url
    if url is not None and not url.get_secret_value().startswith(("https://", "http://")):
        problems.append("slack_webhook_url: not an address (its value is not shown); it begins with https://")
    return problems


def _with_only(model: type[_TableT], table: object, key: str) -> _TableT:
    """The table with this key as it was given, if it is valid, and all others at their defaults."""
    try:
        return model.model_validate({key: table[key]} if isinstance(table, dict) and key in table else {})
    except ValidationError:
        return model()


def _repeated_paths(given: dict[str, Any], file: Path) -> list[str]:
    """Paths and globs that stand twice: a line has one source, and so one service."""
    problems = []
    first: dict[str, str] = {}
    sources = given.get("source")
    for number, source in enumerate(sources if isinstance(sources, list) else [], start=1):
        paths = source.get("paths") if isinstance(source, dict) else None
        for place, path in enumerate(paths if isinstance(paths, list) else [], start=1):
            key = f"source[{number}].paths[{place}]"
            if isinstance(path, str) and first.setdefault(path, key) != key:
                problems.append(repeated_path(file, key, path, first[path]))
    return problems


def _read_toml(file: Path, others: list[str]) -> dict[str, Any]:
    """The file's tables.

    Raises:
        ConfigError: it cannot be read, or is no TOML; `others` are told along with it.
    """
    try:
        # Looked at before it is opened: a FIFO would wait for a writer for ever.
        mode = file.stat().st_mode
        if not stat.S_ISREG(mode):
            raise ConfigError([no_regular_file("configuration", file, mode), *others])
        return tomllib.loads(file.read_bytes().decode())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([unreadable("configuration", file, error), *others]) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError([not_toml(file, error), *others]) from None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file amounts to, mistakes and all.

    config: with something else in the place of what is wrong. problems: one line each. wrong: names of the tables, and
    of keys outside of tables, that they are in; a secret that is missing is no mistake in a table.
    """

    config: Config
    problems: list[str]
    wrong: frozenset[str]


def load(file: Path = DEFAULT_PATH, may_lack: Callable[[str], bool] = lambda name: False) -> Config:
    """Read and validate the whole configuration.

    Args:
        may_lack: whether it is no mistake that a secret of this name is not here.

    Raises:
        ConfigError: with every problem at once, one line each.
    """
    reading = read(file, may_lack)
    if reading.problems:
        raise ConfigError(reading.problems)
    return reading.config


def read(file: Path, may_lack: Callable[[str], bool]) -> Reading:
    """As `load`, for whoever has more to say of it than what is wrong with the file.

    Raises:
        ConfigError: nothing can be said of its tables.
    """
    tables = _read_toml(file, read_secrets()[1])
    try:
        given = merged(tables, overrides(Settings))
    except ConfigError as error:
        raise ConfigError([*error.problems, *read_secrets()[1]]) from None
    secrets, problems = read_secrets(name for name in sink_secrets(given) if name)
    wrong: frozenset[str] = frozenset()
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        problems = problems_of(error, file, tables, Settings, ENV_PREFIX) + problems
        wrong = frozenset(str(detail["loc"][0]) for detail in error.errors())
        stand_ins = {key: _STAND_INS[key] for key in wrong & _STAND_INS.keys()}
        settings = Settings.model_validate(stand_ins | {key: given[key] for key in given.keys() - wrong})
    problems += _repeated_paths(given, file) + _secret_problems(given, secrets, file, may_lack)
    return Reading(Config(path=file, settings=settings, secrets=secrets), problems, wrong)
