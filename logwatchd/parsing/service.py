"""Which service a line speaks for."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import PurePosixPath

from logwatchd.parsing.colours import plain
from logwatchd.parsing.names import base_of, uncompressed
from logwatchd.parsing.structured import fields_of

_FIELDS = ("service", "service.name", "app", "application", "service_name", "program", "syslog_identifier", "unit")
_NAMED = re.compile(r"(?<![\w.@-])service[\"']?[=:] ?[\"']?([A-Za-z0-9_.-]{1,64})", re.IGNORECASE)
# RFC 3164, and RFC 3339 stamps as rsyslog writes them: 'Jun  9 06:06:20 host program[pid]: ...'
_SYSLOG = re.compile(
    r"^(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S{8,32}) \S{1,255} "
    r"([A-Za-z_][\w./-]{0,63})(?:\([^)]{0,64}\))?(?:\[\d{1,10}\])?: "
)
# What kubelet links in /var/log/containers: pod_namespace_container-id.log
_CONTAINER = re.compile(r"[a-z0-9.-]{1,253}_[a-z0-9-]{1,63}_([a-z0-9-]{1,63})-[0-9a-f]{64}")
# Names that say nothing of whose they are; 0.log, 1.log are those of a container's starts in /var/log/pods.
_NAMELESS = re.compile(r"\d{1,10}|access|error|stdout|stderr|current")


def service_of(line: str, configured: str | None, path: str) -> str:
    """The configured service, else the one that the line names, else the file's name without its suffix.

    Where that tells nothing, as of nginx/error.log or checkout/0.log, it is the folder's. What is no character, as half
    of one in JSON or a byte of a file's name can be, is written out: a service's name is stored and sent.
    """
    return _named(plain(line), configured, path).encode("utf-8", "backslashreplace").decode()


def _named(line: str, configured: str | None, path: str) -> str:
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
    return _named_by_file(path)


@lru_cache(maxsize=256)
def _named_by_file(path: str) -> str:
    file = PurePosixPath(base_of(uncompressed(path)))
    container = _CONTAINER.fullmatch(file.stem)
    if container:
        return container[1]
    if _NAMELESS.fullmatch(file.stem) and file.parent.name not in ("", "log", "logs"):
        return file.parent.name
    return file.stem or "unknown"
