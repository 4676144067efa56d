"""Lines that are JSON objects or logfmt: their fields, so that nothing has to be guessed from the text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

_PAIR = re.compile(r'(?<![\w.@-])([A-Za-z_@][\w.@-]{0,63})=("(?:[^"\\]|\\.){0,4096}"|[^\s"]{0,4096})')
_MIN_LOGFMT_PAIRS = 2


_read_json = json.JSONDecoder().raw_decode
_JSON_BLANKS = " \t\n\r"


def fields_of(line: str) -> dict[str, str]:
    """The fields of a JSON or logfmt line, keys in lower case, values as text; empty for free text.

    Nested JSON objects give dotted keys, one level deep. A line counts as logfmt when it has two pairs or more.
    """
    return {name: str(value) for name, value in _fields(line).items()}


def field_of(line: str, names: Iterable[str]) -> tuple[str, str] | None:
    """The first of these that `fields_of` has of a line, and its value."""
    fields = _fields(line)
    return next(((name, str(fields[name])) for name in names if name in fields), None)


def _fields(line: str) -> Mapping[str, object]:
    start = line.find("{")
    if start >= 0 and line.rstrip().endswith("}") and not _no_json(line[start:]):
        try:
            parsed, end = _read_json(line, start)
        except (ValueError, RecursionError):
            parsed, end = None, start
        if isinstance(parsed, dict) and not line[end:].strip(_JSON_BLANKS):
            return _flat(parsed)
    pairs = _PAIR.findall(line) if line.count("=") >= _MIN_LOGFMT_PAIRS else ()
    if len(pairs) < _MIN_LOGFMT_PAIRS:
        return {}
    return {name.lower(): value[1:-1] if value[:1] == '"' else value for name, value in pairs}


def _no_json(text: str) -> bool:
    """Whether a number has a zero too many, as some have in keys: soon seen, while to fail takes long."""
    if not ('":00' in text or '": 00' in text) or "\\" in text:
        return False
    outside = "".join(text.split('"')[::2])
    return ":00" in outside or ": 00" in outside


def _flat(table: dict[str, object]) -> Mapping[str, object]:
    if dict not in map(type, table.values()):
        names = "".join(table)
        return table if names == names.lower() else {name.lower(): value for name, value in table.items()}
    flat: dict[str, object] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat.update({f"{name}.{inner}".lower(): v for inner, v in value.items()})
        else:
            flat[name.lower()] = value
    return flat
