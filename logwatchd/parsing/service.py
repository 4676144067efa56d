"""Which service a line speaks for."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from logwatchd.parsing.structured import fields_of

_FIELDS = ("service", "service.name", "app", "application", "service_name", "program", "syslog_identifier", "unit")
_NAMED = re.compile(r"\bservice[\"']?[=:] ?[\"']?([A-Za-z0-9_.-]{1,64})", re.IGNORECASE)
# RFC 3164, and RFC 3339 stamps as rsyslog writes them: 'Jun  9 06:06:20 host program[pid]: ...'
_SYSLOG = re.compile(
    r"^(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S{8,32}) \S{1,255} "
    r"([A-Za-z_][\w./-]{0,63})(?:\([^)]{0,64}\))?(?:\[\d{1,10}\])?: "
)
_ROTATED = re.compile(r"(?:[.-]\d{1,10})?(?:\.(?:gz|xz|zst|bz2|old))?$")


def service_of(line: str, configured: str | None, path: str) -> str:
    """The configured service, else the one that the line names, else the file's name without its suffix."""
    if configured:
        return configured
    if "service" in line.lower() or "{" in line or "app=" in line:
        fields = fields_of(line)
        for name in _FIELDS:
            if fields.get(name):
                return fields[name]
        named = _NAMED.search(line)
        if named:
            return named[1]
    syslog = _SYSLOG.match(line)
    if syslog:
        return syslog[1]
    return PurePosixPath(_ROTATED.sub("", path)).stem or "unknown"
