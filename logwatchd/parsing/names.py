"""What logrotate and its like call a file once it is rotated away, and in which order they were written."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

# app.log.1, app.log-20260101, app.log.2026-11-22T10:00, app.log.old; app.log.tmp is what renamecopy copies
_SUFFIXED = re.compile(r"(?P<base>.+?)[.-](?P<number>\d[\dT:._-]*|old|tmp)")
# logrotate's `extension` and others: app-20260101.log. Only dates, for app-1.log is a log of its own.
_INFIXED = re.compile(r"(?P<stem>.+?)[.-](?P<number>\d{4}-?\d\d[\dT:._-]*)(?P<extension>\.[A-Za-z]\w*)")
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".lzo", ".Z", ".zip")
_MAGIC = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"PK\x03\x04", b"\x1f\x9d")
_COUNTED_DIGITS = 4  # longer numbers are dates


class Rotated(NamedTuple):
    """A rotated name: the name it had, and its place in time (older ones sort first)."""

    base: str
    order: tuple[int, int, str]


LIVE_ORDER = (2, 0, "")


def rotated(name: str) -> Rotated | None:
    """Read a path or name as one that a file was rotated to; None if it does not look like one."""
    match = _SUFFIXED.fullmatch(name) or _INFIXED.fullmatch(name)
    if match is None:
        return None
    parts = match.groupdict()
    base = parts["base"] if "base" in parts else parts["stem"] + parts["extension"]
    if not base or base.endswith("/"):
        return None
    number = parts["number"]
    if number == "old":
        return Rotated(base, (1, -1, ""))
    if number == "tmp":
        return Rotated(base, (1, 1, ""))
    if number.isdigit() and len(number) <= _COUNTED_DIGITS:
        return Rotated(base, (1, -int(number), ""))
    return Rotated(base, (1, 0, number))


@lru_cache(maxsize=256)  # asked for each anomaly of a log
def base_of(path: str) -> str:
    """The name that a file was written under, as far as its present one tells."""
    found = rotated(uncompressed(path))
    return found.base if found else path


def is_temporary(path: str) -> bool:
    """Whether it is the name that a file has only while it is rotated."""
    return path.endswith(".tmp")


def name_of(path: str) -> str:
    """The path's last part."""
    return path.rpartition("/")[2]


def order_of(path: str) -> tuple[int, int, str]:
    """The place in time of a file among those of the same base."""
    found = rotated(uncompressed(path))
    return found.order if found else LIVE_ORDER


def is_compressed_name(path: str) -> bool:
    return path.endswith(_COMPRESSED)


def uncompressed(path: str) -> str:
    """The path without the ending of a compressor."""
    for ending in _COMPRESSED:
        if path.endswith(ending):
            return path.removesuffix(ending)
    return path


def is_compressed(head: bytes) -> bool:
    """Whether a file's first bytes are a compressor's and no log's."""
    return head.startswith(_MAGIC)
