"""What the environment says in place of the configuration file: LOGWATCHD_EMBEDDER__PROVIDER and the like."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, create_model

from logwatchd.config_errors import not_json
from logwatchd.errors import ConfigError

ENV_PREFIX = "LOGWATCHD_"


def overrides(model: type[BaseModel]) -> dict[str, Any]:
    """The keys of `model` that the environment names, nested as in the file; unknown ones are left out.

    Raises:
        ConfigError: a list or a table is not given as JSON.
    """
    if not any(name.upper().startswith(ENV_PREFIX) for name in os.environ):
        return {}
    # Imported only where there is something to read: it costs a sixth of the start of a small command.
    from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError

    bases: Any = (BaseSettings, model)
    read = EnvSettingsSource(
        create_model("Overrides", __base__=bases),
        case_sensitive=False,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
    )
    try:
        return read()
    except SettingsError as error:
        raise ConfigError([not_json(error, ENV_PREFIX)]) from None


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, table by table; where both name a key, `above` wins."""
    both = dict(below)
    for key, value in above.items():
        lower = both.get(key)
        both[key] = merged(lower, value) if isinstance(lower, dict) and isinstance(value, dict) else value
    return both


def unknown(model: type[BaseModel]) -> list[str]:
    """Variables that look like overrides and name no key, one line each: a slip of the pen goes unnoticed otherwise.

    No errors: Kubernetes sets LOGWATCHD_PORT and others for a service that is called logwatchd.
    """
    known = {name.upper() for name in model.model_fields}
    return [
        f"environment variable {variable}: names no key of the configuration and is ignored"
        for variable in sorted(os.environ)
        if variable.startswith(ENV_PREFIX) and variable.removeprefix(ENV_PREFIX).partition("__")[0].upper() not in known
    ]
