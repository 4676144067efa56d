"""The tables of the configuration that say how anomalies reach a person."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from logwatchd.config_types import HttpUrl, Switch, Table

Seconds = Annotated[float, Field(ge=0, le=604_800)]


class IncidentSettings(Table):
    """`[incidents]`: what is one incident, and when people hear of it."""

    group_by: Literal["meaning", "pattern", "none"] = "meaning"
    group_wait_s: Annotated[float, Field(ge=0, le=3600)] = 5
    group_interval_s: Seconds = 300
    repeat_interval_s: Seconds = 14_400
    resolve_after_s: Annotated[float, Field(gt=0, le=604_800)] = 900
    max_alerts_per_hour: Annotated[int, Field(ge=0, le=100_000)] = 60


class AnalysisSettings(Table):
    """`[analysis]`: Claude's words on an incident."""

    enabled: Switch = "auto"
    model: Annotated[str, Field(min_length=1)] = "claude-opus-4-6"
    base_url: HttpUrl | None = None
    max_tokens: Annotated[int, Field(ge=100, le=8192)] = 500
    context_lines: Annotated[int, Field(ge=0, le=50)] = 10
    alert_within_s: Annotated[float, Field(ge=0, le=60)] = 2


class SlackSettings(Table):
    """`[slack]`: the webhook's address is a secret and does not stand here."""

    enabled: Switch = "auto"
