"""Labelled lines, in whichever form somebody has them: JSON, JSON lines, CSV, or one plain file a label."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logwatchd.errors import UsageError
from logwatchd.ingest.offline import opened, read_events
from logwatchd.records import SourceSpec

_LABELS = {"normal": False, "0": False, "anomaly": True, "1": True}
_MEND = (
    'give a JSON list [{"log": "...", "label": "normal" or "anomaly"}, ...], one such object a line, or CSV with the '
    "header log,label; plain logs go to --normal and --anomaly"
)
_MAX_SHOWN = 40
_MAX_FIELD_BYTES = 1 << 26

OnBytes = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Labelled:
    """One event, which may have several lines, and what a person says of it. place: 'labels.json, item 3'."""

    raw: bytes
    anomaly: bool
    place: str


def read_labelled(path: Path | None, on_bytes: OnBytes) -> Iterator[Labelled]:
    """The labelled lines of a file (None: standard input), whose form its content tells.

    Raises:
        UsageError: it cannot be read, is of no known form, or a row of it is not as it should be.
    """
    name = "standard input" if path is None else str(path)
    with opened(path) as file:
        data = file.read()
    text = _text(data)
    match text.lstrip()[:1]:
        case "":
            rows: Iterator[Labelled] = iter(())
        case "[":
            rows = _json_list(text, name)
        case "{":
            rows = _json_lines(text, name)
        case _:
            rows = _csv(text, name)
    yield from rows
    on_bytes(len(data))


def read_plain(path: Path | None, anomaly: bool, on_bytes: OnBytes) -> Iterator[Labelled]:
    """All events of a log (None: standard input), joined as the daemon joins them, under one label.

    Raises:
        UsageError: it cannot be read.
    """
    name = "standard input" if path is None else str(path)
    number = 1
    for data, inner in read_events(path, SourceSpec((name,)), on_bytes):
        within = set(inner)
        begin = at = 0
        while (end := data.find(b"\n", at)) >= 0:
            at = end + 1
            if end not in within:
                yield Labelled(data[begin:end], anomaly, f"{name}, line {number}")
                number += data.count(b"\n", begin, at)
                begin = at


def _text(data: bytes) -> str:
    """Broken bytes live on as surrogates, so that JSON's own backslashes stay what they are."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):  # what Windows' own tools export
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "surrogateescape")


def _bytes(event: str) -> bytes:
    try:
        raw = event.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character, written as JSON's \\uD800
        raw = event.encode("utf-8", "replace")
    return raw.rstrip(b"\r\n")


def _json_list(text: str, name: str) -> Iterator[Labelled]:
    rows: list[object] = _parsed(text, name)
    for number, row in enumerate(rows, start=1):
        yield _of_object(row, f"{name}, item {number}")


def _json_lines(text: str, name: str) -> Iterator[Labelled]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _of_object(_parsed(line, name, number), f"{name}, line {number}")


def _parsed(text: str, name: str, line: int | None = None) -> Any:
    """What JSON says. line: where in the file it stands, if it is one line of it."""
    place = f"{name}, line {line}" if line else name
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{name}, line {line or error.lineno}, column {error.colno}"
        raise UsageError(f"{where}: no JSON: {error.msg}; {_MEND}") from None
    except RecursionError:
        raise UsageError(f"{place}: JSON that is nested too deeply; {_MEND}") from None
    except ValueError:  # Python reads no more digits
        raise UsageError(f"{place}: JSON with a number of thousands of digits; {_MEND}") from None


def _of_object(row: object, place: str) -> Labelled:
    if not isinstance(row, dict):
        raise UsageError(f'{place}: {_shown(row)} is no object; write {{"log": "...", "label": "normal"}}')
    for key in ("log", "label"):
        if key not in row:
            raise UsageError(f'{place}: has no "{key}"; write {{"log": "...", "label": "normal"}}')
    event = row["log"]
    if not isinstance(event, str):
        raise UsageError(f'{place}: "log" = {_shown(event)}: is no text; put the line in double quotes')
    return Labelled(_bytes(event), _label(row["label"], place), place)


def _csv(text: str, name: str) -> Iterator[Labelled]:
    head = text.lstrip("\r\n").split("\n", 1)[0].rstrip("\r")
    csv.field_size_limit(_MAX_FIELD_BYTES)
    for delimiter in ",;\t":
        names = [column.strip().strip('"').lower() for column in head.split(delimiter)]
        if "log" in names and "label" in names:
            break
    else:
        raise UsageError(f"{name}: begins with {_shown(head)}, which is no form that is known; {_MEND}")
    log_at, label_at = names.index("log"), names.index("label")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header_seen, begins = False, 1
    try:
        for row in reader:
            place, begins = f"{name}, line {begins}", reader.line_num + 1
            if not row:
                continue
            if not header_seen:
                header_seen = True
                continue
            if len(row) != len(names):
                raise UsageError(
                    f"{place}: has {len(row)} columns, the header {len(names)}; put the log in double quotes, and "
                    "double those inside of it"
                )
            yield Labelled(_bytes(row[log_at]), _label(row[label_at], place), place)
    except csv.Error as error:
        raise UsageError(f"{name}, line {begins}: no CSV: {error}; put the log in double quotes") from None


def _label(value: object, place: str) -> bool:
    """normal or anomaly, in any case; 0 and 1 mean the same."""
    known = None if isinstance(value, bool) else _LABELS.get(str(value).strip().lower())
    if known is None:
        raise UsageError(f'{place}: "label" = {_shown(value)}: write "normal" or "anomaly"')
    return known


def _shown(value: object) -> str:
    """A value on one line, short and harmless."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."
