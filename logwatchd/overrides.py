"""What the environment says in place of the configuration file: LOGWATCHD_EMBEDDER__PROVIDER and the like."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, create_model

from logwatchd.config_errors import not_json
from logwatchd.errors import ConfigError

ENV_PREFIX = "LOGWATCHD_"
_DELIMITER = "__"


def overrides(model: type[BaseModel]) -> dict[str, Any]:
    """The keys of `model` that the environment names, nested as in the file, and tables that it does not know, empty:
    they are refused with it, as in the file.

    Raises:
        ConfigError: a list or a table is not given as JSON.
    """
    if not any(map(_is_ours, os.environ)):
        return {}
    # Imported only where there is something to read: it costs a sixth of the start of a small command.
    from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError

    bases: Any = (BaseSettings, model)
    read = EnvSettingsSource(
        create_model("Overrides", __base__=bases),
        case_sensitive=False,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=_DELIMITER,
        env_ignore_empty=True,
    )
    try:
        return {**{table: {} for table in _tables() if table not in model.model_fields}, **read()}
    except SettingsError as error:
        raise ConfigError([not_json(error, ENV_PREFIX)]) from None


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, table by table; where both name a key, `above` wins."""
    both = dict(below)
    for key, value in above.items():
        lower = both.get(key)
        both[key] = merged(lower, value) if isinstance(lower, dict) and isinstance(value, dict) else value
    return both


def _tables() -> list[str]:
    """Tables, by name, of which the environment gives a key."""
    names = (name.upper().removeprefix(ENV_PREFIX) for name, value in os.environ.items() if value and _is_ours(name))
    return [table.lower() for table, delimiter, _ in (name.partition(_DELIMITER) for name in names) if delimiter]


def _is_ours(variable: str) -> bool:
    return variable.upper().startswith(ENV_PREFIX)


def unknown(model: type[BaseModel]) -> list[str]:
    """Variables that may be meant for a key outside of tables and name none, one line each: a slip of the pen goes
    unnoticed otherwise.

    No errors: Kubernetes sets LOGWATCHD_PORT and others for a service that is called logwatchd.
    """
    known = {name.upper() for name in model.model_fields}
    return [
        f"environment variable {variable}: names no key of the configuration and is ignored"
        for variable in sorted(os.environ)
        if variable.startswith(ENV_PREFIX)
        and _DELIMITER not in variable
        and variable.removeprefix(ENV_PREFIX).upper() not in known
    ]
