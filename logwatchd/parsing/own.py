"""Which lines logwatchd wrote itself: judged, they would make it write the next ones."""

from __future__ import annotations

import re

from logwatchd.journal import Event
from logwatchd.journal_output import IDENTIFIER

# What syslog daemons and journalctl put before a message: RFC 3164 and 3339 stamps, then RFC 5424. After an ISO stamp a
# process number has to stand: '2026-01-02T05:00:00Z ERROR logwatchd: ...' is some application's own form.
_MAX_HEADER_CHARS = 500
HEADER_BYTES = 1024  # of a line: `is_own` needs no more
_SYSLOG = r"[A-Z][a-z]{2} [ \d]\d (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d{1,9})?"
_ISO = r"\d{4}-\d\d-\d\d[T ]\S{8,32}"
# systemd's process on its way to become ours has the end of our name.
_NAMES = rf"(?:{IDENTIFIER}|\({IDENTIFIER[-8:]}\))"
_HEADERS = re.compile(
    rf"(?:<\d{{1,3}}>)?(?:{_SYSLOG}(?: \S{{1,255}})? {_NAMES}(?:\[\d{{1,10}}\])?:"
    rf"|{_ISO}(?: \S{{1,255}})? {_NAMES}\[\d{{1,10}}\]:)(?: |$)"
    rf"|<\d{{1,3}}>\d{{1,2}} \S{{8,64}} \S{{1,255}} {_NAMES} (?:\d{{1,10}}|-) \S{{1,32}} (?:-|\[)"
)
# What systemd says of our unit when a person or the machine starts, reloads or stops it; that it died is news.
_LIFE = re.compile(
    rf"(?: systemd\[1\]: | systemd 1 - (?:-|\[[^\]]*\]) )"
    rf"(?:(?:Start|Stopp|Reload)(?:ing|ed) {IDENTIFIER}\.service\b"
    rf"|{IDENTIFIER}\.service: (?:Deactivated successfully|Consumed [0-9]))"
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

    So does what systemd writes when the unit is started, reloaded or stopped. A line of another program that speaks of
    logwatchd is news like any other.
    """
    if IDENTIFIER[-8:] in line and (_HEADERS.match(line) or _LIFE.search(line, 0, _MAX_HEADER_CHARS)):
        return True
    found = _JSON.search(line) if "timestamp" in line else None
    return found is not None and found[1] in Event.__members__
