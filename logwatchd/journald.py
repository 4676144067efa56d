"""journald's native protocol: one datagram an entry, so that fields and multi-line values stay whole.

Source: systemd, "Native Journal Protocol" (docs/JOURNAL_NATIVE_PROTOCOL).
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import socket
import stat
import struct
from collections.abc import Iterable, Mapping

SOCKET_PATH = "/run/systemd/journal/socket"

_PATIENCE = struct.pack("ll", 0, 300_000)  # struct timeval: what a full queue may cost the caller
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
_TOO_BIG = {errno.EMSGSIZE, errno.ENOBUFS}
AWAY = {errno.ENOENT, errno.ECONNREFUSED, errno.EAGAIN}
"""What the system says of a journald that is stopped, or that takes nothing now; it may take the same entry later."""
_MAX_NAME_CHARS = 64


def is_journal(fd: int, environ: Mapping[str, str]) -> bool:
    """Whether systemd connected this handle to the journal ($JOURNAL_STREAM is its device:inode).

    A handle that was redirected since does not match: whoever did it wants plain text there.
    """
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(fd)
    except OSError:
        return False
    return (device, inode) == (str(status.st_dev), str(status.st_ino)) and stat.S_ISSOCK(status.st_mode)


def field_name(text: str) -> str:
    """A name as journald takes it: upper-case ASCII letters, digits and underscores, at most 64 characters."""
    name = "".join(char if char.isascii() and char.isalnum() else "_" for char in text.upper())
    return name[:_MAX_NAME_CHARS]


def pack(fields: Iterable[tuple[str, str]]) -> bytes:
    """One entry: `NAME=value`, or for a value of several lines its name, its length and its bytes."""
    parts: list[bytes] = []
    for name, text in fields:
        value = text.encode("utf-8", "backslashreplace")
        if b"\n" in value:
            parts += (name.encode(), b"\n", struct.pack("<Q", len(value)), value, b"\n")
        else:
            parts += (name.encode(), b"=", value, b"\n")
    return b"".join(parts)


class JournalSocket:
    """Sends entries to journald. Not connected: a journald that was restarted is found again by itself."""

    def __init__(self, path: str = SOCKET_PATH) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _PATIENCE)
        self._flags = 0

    def send(self, entry: bytes, *, wait: bool = True) -> None:
        """Hand one packed entry over.

        Raises:
            OSError: journald is not there, or did not take it in time. After that no send waits until one succeeds.
        """
        flags = self._flags if wait else socket.MSG_DONTWAIT
        try:
            try:
                self._socket.sendto(entry, flags, self._path)
            except OSError as error:
                if error.errno not in _TOO_BIG:
                    raise
                self._send_as_file(entry, flags)
        except OSError:
            self._flags = socket.MSG_DONTWAIT
            raise
        self._flags = 0

    def _send_as_file(self, entry: bytes, flags: int) -> None:
        """An entry too big for a datagram travels as a file in memory that nobody can change any more."""
        file = os.memfd_create("logwatchd-journal-entry", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            with os.fdopen(os.dup(file), "wb") as writer:
                writer.write(entry)
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
            handle = array.array("i", [file])
            self._socket.sendmsg([], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handle)], flags, self._path)
        finally:
            os.close(file)

    def close(self) -> None:
        self._socket.close()
