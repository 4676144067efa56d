"""`logwatchd incidents`: what is open now, or was; or all that is known of one incident."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from logwatchd import config, status_file
from logwatchd.alerting import archive
from logwatchd.alerting.archive import Record
from logwatchd.alerting.explain import shown_severity
from logwatchd.alerting.message import Kind, Message
from logwatchd.alerting.outbox import FILE_NAME
from logwatchd.alerting.payload import as_object, plain, subject_of, text_of
from logwatchd.alerting.render import STYLES
from logwatchd.alerting.text import clip, counted, gist, visible
from logwatchd.commands.terminal import console, say
from logwatchd.errors import Exit, UsageError

_MAX_SERVICE_CHARS = 24


def run(config_path: Path, alert_id: str | None, *, every: bool, as_json: bool) -> Exit:
    """Print incidents from the state folder that the configuration names; its daemon may run or not.

    alert_id: all of that one. every: also those that are over. as_json: a list of objects as a webhook gets them, each
    with `over_at`.

    Raises:
        ConfigError: see `config.load`. UsageError: there is no incident of that id. StateError: the file cannot be
            read.
    """
    state_dir = config.load(config_path, config.any_secret).settings.state_dir
    file = state_dir / FILE_NAME
    found = archive.look(file, alert_id, every=every)
    if alert_id is not None and not found.records:
        raise UsageError(f"{file}: no incident {alert_id!r}; 'logwatchd incidents --all' lists those that are kept")
    if status_file.read_running(state_dir) is None:
        say("no logwatchd runs on this state folder: this is how it was left", "yellow")
    if as_json:
        _print_json(found.records)
    elif alert_id is not None:
        _print_one(found.records[0])
    else:
        _print_list(found, every=every)
    return Exit.OK


def _message(record: Record) -> Message:
    kind = Kind.ALERT if record.over_at is None else Kind.RESOLVED
    return Message(kind, record.alert, record.analysis, record.story)


def _print_json(records: Sequence[Record]) -> None:
    objects: list[dict[str, Any]] = [as_object(_message(record)) | {"over_at": record.over_at} for record in records]
    json.dump(objects, sys.stdout, indent=2, ensure_ascii=False, default=plain)
    sys.stdout.write("\n")


def _print_one(record: Record) -> None:
    message = _message(record)
    over = f", over at {record.over_at.astimezone():%Y-%m-%d %H:%M:%S}" if record.over_at else ", open"
    print(f"{subject_of(message)}\n{counted(record.story.kinds, 'kind')} of lines{over}\n\n{text_of(message)}", end="")


def _print_list(found: archive.Records, *, every: bool) -> None:
    from rich.text import Text

    out = console()
    heads = ("incident", "sev", "service", "lines", "first", "last", *(["over"] if every else []))
    rows = [heads, *(_cells(record, every=every) for record in found.records)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["line", *(gist(record.alert.line) for record in found.records)]
    styles = ["", *(STYLES[shown_severity(record.alert, record.analysis)] for record in found.records)]
    for row, line, style in zip(rows, lines, styles, strict=True) if found.records else ():
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        text = Text("  ").join([Text(cells[0]), Text(cells[1], style), *map(Text, cells[2:]), Text(line)])
        out.print(text, no_wrap=True, soft_wrap=False, overflow="ellipsis", style="" if style else "bold")
    what = "incident" if every else "open incident"
    more = f", and {found.unshown:,} of which only the number is known" if found.unshown else ""
    say(f"{counted(len(found.records), what)}{more}")


def _cells(record: Record, *, every: bool) -> tuple[str, ...]:
    story = record.story
    times = [story.first_seen, story.last_seen, *([record.over_at] if every else [])]
    return (
        record.alert.id,
        shown_severity(record.alert, record.analysis).name,
        visible(clip(record.alert.service, _MAX_SERVICE_CHARS)),
        f"{story.lines:,}",
        *(f"{time.astimezone():%m-%d %H:%M:%S}" if time else "open" for time in times),
    )
