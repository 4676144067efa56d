"""Entries of the systemd journal, as `journalctl --output=json` tells them, turned into events of text.

An event looks as rsyslog would have written it, in UTC: `2026-01-02T05:00:00.123456+00:00 host program[pid]: message`.
A message of several lines is one event.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from logwatchd.ingest.lines import MAX_LINE_BYTES
from logwatchd.journal_output import IDENTIFIER

# What is asked for; cursor and time come of themselves.
FIELDS = ("MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "SYSLOG_PID", "_PID", "_COMM", "_HOSTNAME", "_SYSTEMD_UNIT")
_MAX_HEADER_FIELD_BYTES = 255

# A priority that says more than 'normal' stands before the message, as a level that people and `parsing.level` know.
_MARKS = {
    b"0": b"<emerg> ",
    b"1": b"<alert> ",
    b"2": b"<crit> ",
    b"3": b"<err> ",
    b"4": b"<warning> ",
    b"7": b"<debug> ",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Oneself:
    """Who we are to journald, where systemd started us; None elsewhere.

    In a container our process number is another program's in the host's journal, so it counts only where systemd
    connected us to its journal. since: microseconds of the epoch; before, others may have had the number.
    """

    pid: int | None = None
    since: int = 0
    unit: str | None = None

    @classmethod
    def found(cls, environ: Mapping[str, str], since: int) -> Oneself:
        connected = "JOURNAL_STREAM" in environ
        started = environ.get("SYSTEMD_EXEC_PID") == str(os.getpid())
        return cls(os.getpid() if connected else None, since, _own_unit() if started else None)


def _own_unit() -> str | None:
    """The service whose control group we are in."""
    try:
        group = Path("/proc/self/cgroup").read_text().splitlines()[-1]
    except (OSError, IndexError):
        return None
    name = group.rpartition("/")[2]
    return name if name.endswith(".service") else None


@dataclass(frozen=True, slots=True)
class Entry:
    """cursor: its place in the journal. event: its text in UTF-8, ended by a newline. own: logwatchd wrote it."""

    cursor: str
    event: bytes
    own: bool


def parse(line: bytes, oneself: Oneself) -> Entry:
    """Read one line of journalctl's JSON.

    Raises:
        ValueError: it is no entry.
    """
    fields = json.loads(line)
    if not isinstance(fields, dict) or not isinstance(fields.get("__CURSOR"), str):
        raise ValueError("no journal entry")
    message = _bytes(fields, "MESSAGE").rstrip(b"\r\n")
    program = _word(fields, "SYSLOG_IDENTIFIER") or _word(fields, "_COMM") or b"unknown"
    pid = _word(fields, "_PID") or _word(fields, "SYSLOG_PID")
    head = b"%s %s %s%s: %s" % (
        _time(fields.get("__REALTIME_TIMESTAMP")),
        _word(fields, "_HOSTNAME") or b"localhost",
        program,
        b"[%s]" % pid if pid else b"",
        _MARKS.get(_bytes(fields, "PRIORITY"), b""),
    )
    return Entry(fields["__CURSOR"], (head + message)[:MAX_LINE_BYTES] + b"\n", _is_own(fields, program, oneself))


def joined(entries: Iterable[Entry]) -> tuple[bytes, tuple[int, ...]]:
    """The entries' events one behind the other, and where newlines stand inside of them (see `records.Block`)."""
    events: list[bytes] = []
    inner: list[int] = []
    begin = 0
    for entry in entries:
        newline = entry.event.find(b"\n", 0, -1)
        while newline >= 0:
            inner.append(begin + newline)
            newline = entry.event.find(b"\n", newline + 1, -1)
        begin += len(entry.event)
        events.append(entry.event)
    return b"".join(events), tuple(inner)


def _is_own(fields: Mapping[str, Any], program: bytes, oneself: Oneself) -> bool:
    """Whether logwatchd wrote it: by its name, also another one's, by our unit, or by our process."""
    if program == IDENTIFIER.encode():
        return True
    if oneself.unit is not None and _bytes(fields, "_SYSTEMD_UNIT") == oneself.unit.encode():
        return True
    return (
        oneself.pid is not None
        and _bytes(fields, "_PID") == str(oneself.pid).encode()
        and int(fields.get("__REALTIME_TIMESTAMP", 0)) >= oneself.since
    )


def _bytes(fields: Mapping[str, Any], name: str) -> bytes:
    """A field's value, whichever way JSON tells it: text, bytes as numbers, or a list of several values."""
    value = fields.get(name)
    if isinstance(value, list) and value and not isinstance(value[0], int):
        value = value[0]
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace")
    if isinstance(value, list):
        return bytes(value)
    return b""


def _word(fields: Mapping[str, Any], name: str) -> bytes:
    """A field's value as part of the header, where blanks would be taken for its end."""
    return b"_".join(_bytes(fields, name)[:_MAX_HEADER_FIELD_BYTES].split())


def _time(microseconds: object) -> bytes:
    try:
        moment = _EPOCH + timedelta(microseconds=int(str(microseconds)))
    except (ValueError, OverflowError):
        moment = _EPOCH
    return moment.isoformat(timespec="microseconds").encode()
