"""Configuration mistakes in an operator's words: file, key, value, what is wrong, what to write instead."""

from __future__ import annotations

import codecs
import difflib
import math
import os
import re
import stat
from collections.abc import Iterable, Sequence
from datetime import date, time
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from logwatchd.config_types import FAULT

SECRETS = ("openai_api_key", "anthropic_api_key", "slack_webhook_url", "slack_bot_token")
_MAX_VALUE_CHARS = 60
_NUMBER = "a number is needed"
_WORDS = {  # in the place of pydantic's own
    "list_type": 'a list is needed; write it in brackets, ["..."]',
    "string_type": "text is needed; put it in quotes",
    "path_type": "a path is needed; put it in quotes",
    "bool_type": "true or false is needed",
    "bool_parsing": "true or false is needed",
    "int_type": _NUMBER,
    "int_parsing": _NUMBER,
    "int_from_float": "a whole number is needed",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "too_short": "is empty; name at least one",
    "string_too_short": "is empty; write what is meant, or take the key out",
}
_MAY_BE_SECRET = {"secret", "url"}  # a name was wanted, and a webhook's address is one
_SHOWN_TYPES = (str, int, float, bool, type(None), list)


def unreadable(what: str, file: Path, error: Exception) -> str:
    """One line for a file that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return f"{file}: no such {what} file; 'logwatchd setup' makes one, or name another"
    if isinstance(error, UnicodeDecodeError):
        return f"{file}: the {what} file is not UTF-8 (byte {error.start}); save it as UTF-8"
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"{file}: the {what} file cannot be read: {reason}; mend its path or permissions"


def no_regular_file(what: str, file: Path, mode: int) -> str:
    """One line for a folder, a pipe or a device in a file's place."""
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    kind = kinds.get(stat.S_IFMT(mode), "a device")
    return f"{file}: is {kind}, not a {what} file; name the file itself"


def not_toml(file: Path, error: Exception) -> str:
    """One line for a file that is no TOML, with the two mistakes that its parser's words do not tell."""
    try:
        marked = file.read_bytes().startswith(codecs.BOM_UTF8)
    except OSError:
        marked = False
    if marked:
        return f"{file}: begins with a byte order mark; save it as UTF-8 without one"
    return f"{file}: not valid TOML: {error}; text stands in quotes, and a key once in its table"


def not_json(error: Exception, env_prefix: str) -> str:
    """One line for an override that is not the JSON it has to be; pydantic-settings names its table in the message."""
    key = re.search(r'field "(\w+)"', str(error))
    table = f"{env_prefix}{key[1].upper()}" if key else env_prefix
    given = sorted(name for name in os.environ if f"{name.upper()}__".startswith(f"{table}__"))
    named = f"environment variable {' or '.join(given)}" if given else "environment"
    return f"{named}: is not JSON: {error.__cause__ or error}; give lists and tables as JSON"


def repeated_path(file: Path, key: str, path: str, first: str) -> str:
    """One line for a path that two sources, or one source twice, ask for."""
    return f"{file}: {key} = {path!r}: stands in {first} as well; name it once, a file has one source"


def missing_secret(file: Path, key: str, value: str, secret: str) -> str:
    """One line for a feature that is on but has no secret."""
    return (
        f"{file}: {key} = {value}: needs a secret and there is none; give it as the systemd credential "
        f"'{secret}' or as {secret.upper()}"
    )


def problems_of(
    error: ValidationError, file: Path, tables: dict[str, Any], model: type[BaseModel], env_prefix: str
) -> list[str]:
    """Every mistake that pydantic found, one line each, in the file's order of keys.

    tables: the file's own content, to tell a key of the file from an override in the environment.
    """
    lines: dict[str, None] = {}
    for detail in _without_union_noise(error.errors()):
        loc = detail["loc"]
        variables = _variables(loc, tables, env_prefix)
        where = f"environment variable {' or '.join(variables)}" if variables else str(file)
        whole = f"{env_prefix}{_dotted(loc).upper()}" if variables else ""
        lines[f"{where}: {_dotted(loc)}{_describe(detail, model, whole)}"] = None
    return list(lines)


def _without_union_noise(errors: Iterable[ErrorDetails]) -> list[ErrorDetails]:
    """One error a key: a union reports each of its members, and its literal member says the least."""
    by_key: dict[tuple[Any, ...], ErrorDetails] = {}
    for detail in errors:
        loc = tuple(part for part in detail["loc"] if not _is_union_tag(part))
        key = (*loc, detail["msg"]) if detail["type"] == FAULT else loc
        kept = by_key.get(key)
        if kept is None or kept["type"] == "literal_error":
            by_key[key] = {**detail, "loc": loc}
    return list(by_key.values())


def _is_union_tag(part: int | str) -> bool:
    """pydantic puts the failed member of a union into the path ('literal[...]', 'constrained-int')."""
    return isinstance(part, str) and (
        "[" in part or part.startswith("constrained") or part in {"bool", "int", "float", "str"}
    )


def _dotted(loc: Sequence[int | str]) -> str:
    text = ""
    for part in loc:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _variables(loc: Sequence[int | str], tables: dict[str, Any], env_prefix: str) -> list[str]:
    """Variables of the environment that say what stands there; none where the file does."""
    given = sorted(name.upper() for name, value in os.environ.items() if value)
    names = [env_prefix + "__".join(map(str, loc[:depth])).upper() for depth in range(len(loc), 0, -1)]
    if exact := next((name for name in names if name in given), None):
        return [exact]
    in_file: Any = tables
    for part in loc:
        in_file = in_file.get(part) if isinstance(in_file, dict) else None
    if isinstance(in_file, dict):
        return []
    return [name for name in given if name.startswith(f"{names[0]}__")]


def _describe(detail: ErrorDetails, model: type[BaseModel], whole: str) -> str:
    """whole: the variable that gives all of what the environment gives, if it does."""
    kind, loc = detail["type"], detail["loc"]
    if kind == "extra_forbidden" and (secret := _secret_of(loc)):
        return f": no secret stands in this file; give it as the systemd credential '{secret}' or as {secret.upper()}"
    if kind == "extra_forbidden":
        known = _keys_at(model, loc[:-1])
        close = difflib.get_close_matches(str(loc[-1]), known, n=1)
        mend = f"did you mean '{close[0]}'?" if close else f"known keys here: {', '.join(known)}"
        return f": unknown key; {mend}"
    if kind == FAULT:
        return f": {detail['msg']}"
    if kind == "missing":
        if tuple(loc) == ("source",):
            return ': missing; add a [[source]] table with paths = ["/var/log/..."]'
        return ": missing; add it"
    if kind == "list_type" and _are_tables(_annotation_at(model, loc)):
        one = isinstance(detail["input"], dict)
        what = ": is one table, and there may be several" if one else f" = {_shown(detail['input'])}: tables are needed"
        if whole:
            return f"{what}; give all of them as a JSON list in {whole}"
        return f"{what}; write [[{_dotted(loc)}]] {'with two brackets' if one else 'and their keys below'}"
    if kind == "model_type":
        return f" = {_shown(detail['input'])}: a table is needed; write [{_dotted(loc)}] and its keys below"
    message = _WORDS.get(kind) or detail["msg"].removeprefix("Value error, ")
    if isinstance(detail["input"], float) and math.isnan(detail["input"]):
        message = _NUMBER
    shown = "(not shown)" if loc[-1] in _MAY_BE_SECRET else _shown(detail["input"])
    literal = _literal_of(model, loc)
    if literal and literal not in message:
        message += f", or {literal}"
    return f" = {shown}: {message[0].lower() + message[1:]}"


def _secret_of(loc: Sequence[int | str]) -> str | None:
    """The secret that an unknown key was meant to be, such as `api_key` in `[embedder]`."""
    vendor = {"embedder": "openai", "analysis": "anthropic", "slack": "slack"}.get(str(loc[0]), "")
    names = (str(loc[-1]), f"{vendor}_{loc[-1]}")
    return next((name for name in names if name in SECRETS), None)


def _shown(value: object) -> str:
    """A value as the file's author knows it, cut short."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date | time):  # TOML's own; a datetime is a date
        return value.isoformat()
    shown = repr(value) if isinstance(value, _SHOWN_TYPES) else "a table" if isinstance(value, dict) else "this value"
    return shown if len(shown) <= _MAX_VALUE_CHARS else shown[:_MAX_VALUE_CHARS] + "..."


def _annotation_at(model: type[BaseModel], loc: Sequence[int | str]) -> Any:
    """The annotation of the field that a path leads to, or None."""
    current: Any = model
    for part in loc:
        if isinstance(part, int):
            current = get_args(current)[0] if get_origin(current) is list else None
        elif isinstance(current, type) and issubclass(current, BaseModel):
            found = current.model_fields.get(part)
            current = found.annotation if found else None
        else:
            return None
    return current


def _are_tables(annotation: Any) -> bool:
    """Whether a key is a list of tables."""
    members = get_args(annotation) if get_origin(annotation) is list else ()
    return any(isinstance(member, type) and issubclass(member, BaseModel) for member in members)


def _keys_at(model: type[BaseModel], loc: Sequence[int | str]) -> list[str]:
    table = _annotation_at(model, loc)
    return list(table.model_fields) if isinstance(table, type) and issubclass(table, BaseModel) else []


def _literal_of(model: type[BaseModel], loc: Sequence[int | str]) -> str | None:
    """The word that a number's key takes as well, such as 'auto'."""
    for member in get_args(_annotation_at(model, loc)):
        words = [word for word in get_args(member) if isinstance(word, str)]
        if words:
            return " or ".join(f"'{word}'" for word in words)
    return None
