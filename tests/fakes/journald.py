"""The other side of what logwatchd says to journald."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

from logwatchd.journal_output import Entry

NOON = datetime(2026, 1, 2, 12, 0, 0, 250, tzinfo=UTC)


def entry(text: str = "file rotated", traceback: str = "", **details: object) -> Entry:
    """A warning of NOON."""
    return Entry(NOON, "warning", "FILE_ROTATED", "tail", text, "", details, traceback)  # type: ignore[arg-type]


def unpack(datagram: bytes) -> dict[str, str]:
    """The other side of the protocol, as systemd describes it."""
    fields = {}
    while datagram:
        head, _, datagram = datagram.partition(b"\n")
        name, equals, value = head.partition(b"=")
        if not equals:
            (size,) = struct.unpack_from("<Q", datagram)
            value, datagram = datagram[8 : 8 + size], datagram[8 + size + 1 :]
        fields[name.decode()] = value.decode()
    return fields
