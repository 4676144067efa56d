"""Which lines logwatchd wrote itself: judged, they would make it write the next ones."""

from __future__ import annotations

import re

from logwatchd.journal import Event
from logwatchd.journal_output import IDENTIFIER

# What syslog daemons and journalctl put before a message: RFC 3164 and 3339 stamps, then RFC 5424. After an ISO stamp a
# process number has to stand: '2026-01-02T05:00:00Z ERROR logwatchd: ...' is some application's own form.
_SYSLOG = r"[A-Z][a-z]{2} [ \d]\d (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d{1,9})?"
_ISO = r"\d{4}-\d\d-\d\d[T ]\S{8,32}"
_HEADERS = re.compile(
    rf"(?:<\d{{1,3}}>)?(?:{_SYSLOG}(?: \S{{1,255}})? {IDENTIFIER}(?:\[\d{{1,10}}\])?:"
    rf"|{_ISO}(?: \S{{1,255}})? {IDENTIFIER}\[\d{{1,10}}\]:)(?: |$)"
    rf"|<\d{{1,3}}>\d{{1,2}} \S{{8,64}} \S{{1,255}} {IDENTIFIER} (?:\d{{1,10}}|-) \S{{1,32}} (?:-|\[)"
)


# How `journal_output.as_json` begins an entry, for containers and redirected output. It may stand inside of a container
# engine's JSON, its quotes escaped.
_Q = r'\\?"'
_JSON = re.compile(
    rf'{_Q}timestamp{_Q}: {_Q}[^"\\]{{20,40}}{_Q}, {_Q}level{_Q}: {_Q}[a-z]{{1,9}}{_Q}, '
    rf"{_Q}event{_Q}: {_Q}([A-Z_]{{1,40}}){_Q}, "
)


def is_own(line: str) -> bool:
    """Whether logwatchd wrote the line: a syslog header with its name, or its own JSON, says so.

    A line of another program that speaks of logwatchd is news like any other.
    """
    if IDENTIFIER in line and _HEADERS.match(line):
        return True
    found = _JSON.search(line) if "timestamp" in line else None
    return found is not None and found[1] in Event.__members__
