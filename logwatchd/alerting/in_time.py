"""Answers that are there in time.

A socket's own time-out bounds the silence between two bytes; a byte a second would hold a thread for ever.
"""

from __future__ import annotations

import io
import socket
from typing import TYPE_CHECKING

from logwatchd import clock

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def wait_until(sock: socket.socket, until: float) -> None:
    """Let the socket's next call wait until then (monotonic seconds).

    Raises:
        TimeoutError: that is over.
    """
    left_s = until - clock.monotonic()
    if left_s <= 0:
        raise TimeoutError("no whole answer in time")
    sock.settimeout(left_s)


class InTime(io.RawIOBase):
    """Reads from a socket until its time is over."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, until: float) -> None:
        self._raw = raw
        self._socket = sock
        self._until = until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        wait_until(self._socket, self._until)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
