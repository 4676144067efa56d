"""What tables of the configuration are made of: their common base and the types of their keys."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo, field_validator


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


Switch = bool | Literal["auto"]
HttpUrl = Annotated[
    str,
    matching(r"https?://\S+", "an address that begins with http:// or https:// is needed"),
    AfterValidator(_of_a_host),
]
Duration = Annotated[
    str, matching(r"off|[1-9][0-9]{0,5}[smhd]", "write a time such as '90s', '30m', '24h' or '7d', or 'off'")
]
AbsolutePath = Annotated[Path, AfterValidator(_absolute_path)]


class Table(BaseModel):
    """A table; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_switch_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        """Python takes true for 1."""
        if isinstance(value, bool) and bool not in _types_in(cls.model_fields[str(info.field_name)].annotation):
            raise ValueError("this is no switch; write a value of its own")
        return value


def _types_in(annotation: Any) -> set[Any]:
    """The types that a key's value may have, at any depth."""
    return {annotation}.union(*map(_types_in, get_args(annotation)))
