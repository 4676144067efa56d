"""Values as they come back from the outbox: each of the kind that was stored, or a ValueError. SQLite keeps no sums of
its pages, and takes any value in any column: what a bad disk or a person changed is not to surprise anybody later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Types = Mapping[str, type | tuple[type, ...]]  # by the name of an attribute

_MOST = 1 << 53  # beyond it, a number in JSON is no longer exact; and what is counted on has to fit into SQLite


def table(text: object) -> dict[str, Any]:
    """A JSON object."""
    found = _json(text)
    if not isinstance(found, dict):
        raise ValueError(f"no JSON object: {_short(text)}")
    return found


def listed(text: object) -> list[str]:
    """A JSON list of texts."""
    return texts(_json(text))


def texts(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"no list of texts: {_short(value)}")
    return value


def text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"no text: {_short(value)}")
    return value


def count(value: object) -> int:
    found = whole(value)
    if not 0 <= found < _MOST:
        raise ValueError(f"no count: {_short(value)}")
    return found


def whole(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError(f"no whole number: {_short(value)}")
    return value


def flag(value: object) -> bool:
    if value not in (0, 1):
        raise ValueError(f"neither 0 nor 1: {_short(value)}")
    return bool(value)


def instant(value: object) -> datetime:
    """A point in time; in UTC where it does not say."""
    found = datetime.fromisoformat(text(value))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def has_types(made: object, types: Types) -> None:
    """Each of these attributes is of its type, or one of them."""
    for name, wanted in types.items():
        value = getattr(made, name)
        if not isinstance(value, wanted):
            raise ValueError(f"{name} = {_short(value)}")


def _json(value: object) -> Any:
    try:
        return json.loads(text(value))
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None


def _short(value: object) -> str:
    return repr(value)[:80]
