"""What tables of the configuration are made of: their common base and the types of their keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError


def absolute(pattern: str) -> str:
    """A path or glob that means the same wherever the daemon was started."""
    if not pattern.startswith("/"):
        raise ValueError("give an absolute path or glob: a daemon has no working folder of its own")
    if "\0" in pattern or "\n" in pattern:
        raise ValueError("no path holds a NUL byte or a line break: take it out")
    return pattern


def _absolute_path(path: Path) -> Path:
    absolute(str(path))
    return path


def matching(pattern: str, needed: str) -> AfterValidator:
    """Text that a regular expression matches from end to end; else `needed` is said of it."""

    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(needed)
        return text

    return AfterValidator(check)


def _of_a_host(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("no host, or no port, of that name can be asked: write it as https://HOST:PORT/...")
    return url


def seconds(text: str) -> float:
    """How long '90s', '30m', '24h' or '7d' is; 0 for 'off'."""
    return 0.0 if text == "off" else float(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[text[-1]]


def _moment(value: object) -> datetime:
    """What TOML or the environment gives, in UTC; without an offset it is this machine's time."""
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        elif isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)
        if isinstance(value, datetime):
            return value.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise ValueError("a day or a time is needed, such as 2026-12-01, or 2026-12-01T08:00:00Z")


Switch = bool | Literal["auto"]
HttpUrl = Annotated[
    str,
    matching(r"https?://\S+", "an address that begins with http:// or https:// is needed"),
    AfterValidator(_of_a_host),
]
Duration = Annotated[
    str, matching(r"off|[1-9][0-9]{0,5}[smhd]", "write a time such as '90s', '30m', '24h' or '7d', or 'off'")
]
Moment = Annotated[datetime, BeforeValidator(_moment)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute_path)]


FAULT = "fault"
"""The type of pydantic's error that a `Fault` becomes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Keys of a table that do not go together, or lack one; and how to mend it."""

    keys: tuple[str, ...]
    text: str


class Table(BaseModel):
    """A table; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def faults(cls, values: Mapping[str, Any]) -> Iterator[Fault]:
        """What is wrong between keys. values: of all keys; where some are not valid, the defaults in place of these."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, given: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        """What is wrong between keys is told along with what is wrong with others by themselves."""
        errors: list[InitErrorDetails] = []
        wrong: set[int | str] = set()
        table = None
        try:
            table = validate(given)
            values = dict(table)
        except ValidationError as error:
            if not isinstance(given, dict):
                raise
            for one in error.errors():
                errors.append(_error(one["type"], one["msg"], one["loc"], one["input"]))
                wrong.add(one["loc"][0])
            fields = cls.model_fields.items()
            values = {key: field.get_default(call_default_factory=True) for key, field in fields}
            values |= {key: value for key, value in given.items() if key not in wrong}
        errors += [
            _error(FAULT, fault.text, (), given) for fault in cls.faults(values) if not wrong.intersection(fault.keys)
        ]
        if table is None or errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return table

    @field_validator("*", mode="before")
    @classmethod
    def _no_switch_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        """Python takes true for 1."""
        if isinstance(value, bool) and bool not in _types_in(cls.model_fields[str(info.field_name)].annotation):
            raise ValueError("this is no switch; write a value of its own")
        return value


def _error(kind: str, text: str, loc: tuple[int | str, ...], value: object) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError(kind, "{text}", {"text": text}), loc=loc, input=value)


def _types_in(annotation: Any) -> set[Any]:
    """The types that a key's value may have, at any depth."""
    return {annotation}.union(*map(_types_in, get_args(annotation)))
