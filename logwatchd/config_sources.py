"""The table of the configuration that says what is followed, and how its lines are read."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from logwatchd.config_types import Fault, Table, absolute
from logwatchd.records import Level, SourceSpec, StartAt


def _path_or_stdin(pattern: str) -> str:
    return pattern if pattern == "-" else absolute(pattern)


def _level_name(value: object) -> object:
    """Accept what people write for a level in any case: 'warn', 'Warning'."""
    if isinstance(value, str):
        name = {"WARN": "WARNING", "ERR": "ERROR", "CRIT": "CRITICAL"}.get(value.upper(), value.upper())
        if name not in Level.__members__:
            raise ValueError(f"is no level: use one of {', '.join(Level.__members__)}")
        return Level[name]
    return value


def _line_pattern(pattern: str) -> str:
    try:
        re.compile(pattern.encode())
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return pattern


def _encoding(name: str) -> str:
    """The codec's own name. UTF-16 and UTF-32 without an order of bytes take it from the file's mark."""
    try:
        "\n".encode(name)
        return codecs.lookup(name).name
    except (LookupError, UnicodeError, TypeError):
        raise ValueError("no text encoding of that name; such as 'utf-8', 'utf-16' or 'latin-1'") from None


def _journal_name(name: str) -> str:
    if not name or "\0" in name or "\n" in name:
        raise ValueError("give a name as 'journalctl' shows it")
    return name


def _priority(value: object) -> object:
    """journalctl's name of a priority or of a range, from what people write: 'WARN', 4, 'err..alert'."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return value
    parts = [_PRIORITY_NAMES.get(part.strip().lower(), part.strip().lower()) for part in str(value).split("..")]
    if len(parts) > 2 or not set(parts) <= set(_PRIORITIES):
        raise ValueError(f"is no priority: use one of {', '.join(_PRIORITIES)}, or a range such as err..alert")
    return "..".join(parts)


_PRIORITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_PRIORITY_NAMES = {"panic": "emerg", "emergency": "emerg", "critical": "crit", "error": "err", "warn": "warning"} | {
    str(number): name for number, name in enumerate(_PRIORITIES)
}
LinePattern = Annotated[str, Field(min_length=1), AfterValidator(_line_pattern)]
Globs = Annotated[list[Annotated[str, AfterValidator(_path_or_stdin)]], Field(min_length=1)]
JournalNames = list[Annotated[str, AfterValidator(_journal_name)]]
LevelName = Annotated[Level, BeforeValidator(_level_name)]


class SourceSettings(Table):
    """One `[[source]]`: files that are followed together, or a part of the journal."""

    paths: Globs | None = None
    service: Annotated[str, Field(min_length=1)] | None = None
    start_at: StartAt = "end"
    skip_levels: list[LevelName] = Field(default=[Level.DEBUG])
    multiline: Literal["auto", "off"] = "auto"
    multiline_start: LinePattern | None = None
    multiline_continue: LinePattern | None = None
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    journal: bool = False
    units: JournalNames = Field(default=[])
    identifiers: JournalNames = Field(default=[])
    priority: Annotated[str, BeforeValidator(_priority)] | None = None

    @classmethod
    def faults(cls, values: Mapping[str, Any]) -> Iterator[Fault]:
        if values["paths"] is None and not values["journal"]:
            nothing = 'nothing to follow; give it paths = ["/var/log/..."] or journal = true'
            yield Fault(("paths", "journal"), nothing)
        for key in ("units", "identifiers", "priority"):
            if values[key] and not values["journal"]:
                mend = f"{key} is a filter for the journal; add journal = true, or take it out"
                yield Fault((key, "journal"), mend)
        ways = ("multiline_start", "multiline_continue")
        if all(values[key] is not None for key in ways):
            yield Fault(ways, f"{' and '.join(ways)} exclude each other: keep one of them")

    def spec(self) -> SourceSpec:
        return SourceSpec(
            paths=tuple(self.paths or ()),
            service=self.service,
            start_at=self.start_at,
            skip_levels=frozenset(self.skip_levels),
            multiline=self.multiline,
            multiline_start=self.multiline_start,
            multiline_continue=self.multiline_continue,
            encoding=self.encoding,
            journal=self.journal,
            units=tuple(self.units),
            identifiers=tuple(self.identifiers),
            priority=self.priority,
        )
