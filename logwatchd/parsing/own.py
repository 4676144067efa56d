"""Which lines logwatchd wrote itself: judged, they would make it write the next ones."""

from __future__ import annotations

import re

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


def is_own(line: str) -> bool:
    """Whether a syslog header says that logwatchd wrote the line, under whatever process number.

    Only a header counts: a line of another program that speaks of logwatchd is news like any other.
    """
    return IDENTIFIER in line and _HEADERS.match(line) is not None
