"""Lines that are JSON objects or logfmt: their fields, so that nothing has to be guessed from the text."""

from __future__ import annotations

import json
import re

_PAIR = re.compile(r'(?<![\w.@-])([A-Za-z_@][\w.@-]{0,63})=("(?:[^"\\]|\\.){0,4096}"|[^\s"]{0,4096})')
_MIN_LOGFMT_PAIRS = 2


def fields_of(line: str) -> dict[str, str]:
    """The fields of a JSON or logfmt line, keys in lower case, values as text; empty for free text.

    Nested JSON objects give dotted keys, one level deep. A line counts as logfmt when it has two pairs or more.
    """
    start = line.find("{")
    if start >= 0 and line.rstrip().endswith("}"):
        try:
            parsed = json.loads(line[start:])
        except (ValueError, RecursionError):
            parsed = None
        if isinstance(parsed, dict):
            return _flat(parsed)
    pairs = _PAIR.findall(line) if line.count("=") >= _MIN_LOGFMT_PAIRS else ()
    if len(pairs) < _MIN_LOGFMT_PAIRS:
        return {}
    return {name.lower(): value[1:-1] if value[:1] == '"' else value for name, value in pairs}


def _flat(table: dict[str, object]) -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat.update({f"{name}.{inner}".lower(): str(v) for inner, v in value.items()})
        else:
            flat[str(name).lower()] = str(value)
    return flat
