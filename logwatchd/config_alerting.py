"""The tables of the configuration that say how anomalies reach a person."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr

from logwatchd.config_types import Fault, HttpUrl, Moment, Switch, Table, matching

Seconds = Annotated[float, Field(ge=0, le=604_800)]
Name = Annotated[
    str, matching(r"[a-z][a-z0-9-]{0,30}", "write small letters, digits and dashes, a letter first, at most 31 of them")
]
# Not the secret itself, such as PagerDuty's 32 letters and digits: what stands here is shown.
_SECRET_NAME = r"(?!(?=(?:[a-z]*[0-9]){4})[a-z0-9]{16,}\Z)[a-z][a-z0-9_]{2,60}"
_SECRET_WANTED = (
    "name a credential, in small letters, digits and underscores, a letter first, 3 to 61 of them; no secret itself"
)
SecretName = Annotated[str, matching(_SECRET_NAME, _SECRET_WANTED)]
MailAddress = Annotated[str, matching(r"[^@\s]+@[^@\s]+", "a mail address is needed, such as oncall@example.org")]


def _pattern(text: str) -> str:
    try:
        found = re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    if found.match("") is not None:
        raise ValueError("matches where there is nothing, and so everywhere: write what has to be there")
    return text


SearchPattern = Annotated[str, Field(min_length=1), AfterValidator(_pattern)]
Fingerprint = Annotated[str, matching(r"[0-9a-f]{16}", "write it as the alert gives it: 16 digits and letters a to f")]
SeverityName = Literal["P1", "P2", "P3", "P4"]


class IncidentSettings(Table):
    """`[incidents]`: what is one incident, and when people hear of it."""

    group_by: Literal["meaning", "pattern", "none"] = "meaning"
    group_wait_s: Annotated[float, Field(ge=0, le=3600)] = 5
    group_interval_s: Seconds = 300
    repeat_interval_s: Seconds = 14_400
    resolve_after_s: Annotated[float, Field(gt=0, le=604_800)] = 900
    max_alerts_per_hour: Annotated[int, Field(ge=0, le=100_000)] = 60


class AnalysisSettings(Table):
    """`[analysis]`: Claude's words on an incident, and what they may cost."""

    enabled: Switch = "auto"
    model: Annotated[str, Field(min_length=1)] = "claude-opus-4-6"
    base_url: HttpUrl | None = None
    max_tokens: Annotated[int, Field(ge=100, le=8192)] = 500
    context_lines: Annotated[int, Field(ge=0, le=50)] = 10
    lines_after: Annotated[int, Field(ge=0, le=50)] = 5
    alert_within_s: Annotated[float, Field(ge=0, le=60)] = 2
    reuse_s: Seconds = 3600
    max_per_hour: Annotated[int, Field(ge=0, le=100_000)] = 30
    daily_usd: Annotated[float, Field(ge=0, le=100_000)] = 5
    usd_per_million_input: Annotated[float, Field(ge=0, le=10_000)] = 5
    usd_per_million_output: Annotated[float, Field(ge=0, le=10_000)] = 25


class RedactSettings(Table):
    """One `[[redact]]`: what is not to leave the machine beside the secrets and identifiers that are known by form."""

    name: Name
    pattern: SearchPattern


class MuteSettings(Table):
    """One `[[mute]]`: what people are not to be told of; all that it names has to hold."""

    fingerprints: list[Fingerprint] = Field(default=[])
    pattern: SearchPattern | None = None
    services: list[str] = Field(default=[])
    sources: list[str] = Field(default=[])
    until: Moment | None = None
    reason: str = ""

    @classmethod
    def faults(cls, values: Mapping[str, Any]) -> Iterator[Fault]:
        conditions = ("fingerprints", "pattern", "services", "sources")
        if not any(values[key] for key in conditions):
            yield Fault(conditions, "mutes everything: add fingerprints, pattern, services or sources")


class RoutedSettings(Table):
    """Which alerts a sink gets."""

    min_severity: SeverityName = "P4"
    services: list[str] = Field(default=[])
    sources: list[str] = Field(default=[])


class SlackSettings(RoutedSettings):
    """`[slack]`: the webhook's address and the bot's token are secrets and do not stand here."""

    enabled: Switch = "auto"
    channel: Annotated[str, Field(min_length=1)] | None = None
    base_url: HttpUrl | None = None


class SinkSettings(RoutedSettings):
    """One `[[sink]]`: somewhere else that alerts go to. secret: a credential's name, or in capitals a variable's."""

    name: Name
    type: Literal["webhook", "alertmanager", "pagerduty", "command", "email"]
    url: HttpUrl | None = None
    secret: SecretName | None = None
    command: list[str] = Field(default=[])
    host: Annotated[str, Field(min_length=1)] | None = None
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    sender: MailAddress | None = None
    to: list[MailAddress] = Field(default=[])

    @classmethod
    def faults(cls, values: Mapping[str, Any]) -> Iterator[Fault]:
        kind, command = values["type"], values["command"]
        if (name := values["name"]) in ("journal", "slack"):
            yield Fault(("name",), f"the name '{name}' is taken; give this sink another one")
        for key in _NEEDED.get(kind, ()):
            if not values[key]:
                yield Fault(("type", key), f"a sink of type '{kind}' needs {key}; add it")
        if command and not command[0].startswith("/"):
            yield Fault(("command",), f"command = {command[0]!r}: give the program's absolute path")
        if values["username"] and values["secret"] is None:
            needs = "username needs secret, the name of the credential that holds its password; add it"
            yield Fault(("username", "secret"), needs)


_NEEDED: dict[str, tuple[str, ...]] = {
    "webhook": ("url", "secret"),
    "alertmanager": ("url",),
    "pagerduty": ("secret",),
    "command": ("command",),
    "email": ("host", "sender", "to"),
}


def repeated_sinks(sinks: Any) -> list[str]:
    """Names that stand twice in the `[[sink]]` tables as they were given."""
    names = [sink.get("name") for sink in sinks if isinstance(sink, dict)] if isinstance(sinks, list) else []
    return sorted({str(name) for name in names if name is not None and names.count(name) > 1})


def sink_secrets(given: dict[str, Any]) -> list[str]:
    """What each `[[sink]]` table asks for, "" for nothing that can be a name."""
    sinks = given.get("sink")
    names = [sink.get("secret") for sink in sinks if isinstance(sink, dict)] if isinstance(sinks, list) else []
    return [name if isinstance(name, str) and re.fullmatch(_SECRET_NAME, name) else "" for name in names]


def channel_problems(file: Path, enabled: Switch, channel: str | None, token: SecretStr | None) -> list[str]:
    """Whether Slack's bot, if there is one, is not told where to write."""
    if token is None or channel is not None or enabled is False:
        return []
    return [f"{file}: slack.channel: missing; a bot's token needs the channel that it writes to; add it"]
