"""What ties lines of different sources together: ids that both name, the host, and what only repeats a status."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

MAX_TIES = 32

# One request, job or object has such a name; a service, a path or a date has not.
_IDS = re.compile(
    r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"
    r"|(?<![\w.:-])(?=[0-9a-f]{0,64}\d)(?=[0-9a-f]{0,64}[a-f])[0-9a-f]{8,64}(?![\w.:-])"
    r"|(?<=[_-]id[=:])\w[\w-]{3,63}"
    r"|\b(?:req|txn|ord|order|job|task|sess|trace|span)[_-](?=[A-Za-z-]{0,62}\d)[\w-]{2,63}"
)
# An access log's line of a request that failed: what is behind the request and its status only measures it.
_FAILED_REQUEST = re.compile(r'"(?:[A-Z]{3,7}) [^"]{1,4096} HTTP/\d(?:\.\d)?"\s5\d\d\s')
_SYSLOG_HOST = re.compile(
    r"^(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S{8,32}) "
    r"([A-Za-z0-9][\w.-]{0,252}) [A-Za-z_][\w./-]{0,63}(?:\([^)]{0,64}\))?(?:\[\d{1,10}\])?: "
)
_NAMED_HOST = re.compile(r"""(?:^|[\s,{])"?(?:host|hostname|node)"?\s?[=:]\s?"?([A-Za-z0-9][\w.-]{0,252})""")
_SEEN = 4096  # characters of a line that are looked at


@lru_cache(maxsize=16)  # it is asked for each incident that a line may echo
def ties_of(line: str) -> frozenset[str]:
    """The ids in a line, at most MAX_TIES of them, as digests: they are kept, and some ids are secrets."""
    found: set[str] = set()
    for match in _IDS.finditer(line[:_SEEN]):
        found.add(hashlib.blake2b(match[0].lower().encode(), digest_size=8).hexdigest())
        if len(found) >= MAX_TIES:
            break
    return frozenset(found)


def is_failed_request(line: str) -> bool:
    """Whether a line says of a request that it failed, and nothing of why: an access log's line with a 5xx status."""
    return _FAILED_REQUEST.search(line[:_SEEN]) is not None


def host_of(line: str) -> str | None:
    """The host that the line names as its own, as syslog's lines and many structured ones do."""
    found = _SYSLOG_HOST.match(line)
    if not found and ("host" in line or "node" in line):
        found = _NAMED_HOST.search(line[:_SEEN])
    return found[1] if found else None
