"""Reads the rest of a log that was compressed before all of it was read.

That happens when logrotate runs while logwatchd does not. The content is unpacked once into a file without a name,
which is read like any other; it goes away with its handle.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from typing import IO

from logwatchd.ingest.reader import Reader
from logwatchd.ingest.unpacking import DAMAGE, unpacked

_CHUNK_BYTES = 1 << 20


class _Unpacking:
    """A compressed file and its content as far as it is unpacked. Owns the handles of both."""

    def __init__(self, path: str, handle: int) -> None:
        """Raises OSError if there is no place for the content."""
        with ExitStack() as opened:
            packed = opened.enter_context(os.fdopen(handle, "rb"))
            self._unpacker = opened.enter_context(unpacked(path, packed))
            # Without a buffer: what does not fit is said at once, and not again when it is closed.
            self.content: IO[bytes] = opened.enter_context(tempfile.TemporaryFile(buffering=0, prefix="logwatchd-"))
            self._opened = opened.pop_all()

    def go_on(self, budget: int) -> bool:
        """Unpack so many bytes more; whether that was all. Raises OSError."""
        while budget > 0:
            try:
                piece = self._unpacker.read(min(budget, _CHUNK_BYTES))
            except DAMAGE as error:  # still being written, or damaged
                raise OSError(f"its compression is not whole: {error}") from None
            if not piece:
                return True
            budget -= len(piece)
            left = memoryview(piece)
            while left:
                left = left[self.content.write(left) :]
        return False

    def close(self) -> None:
        self._opened.close()


class CompressedReader(Reader):
    """Reads what a compressed file holds; offsets are those of the content.

    `open` only begins to unpack it, and tens of gigabytes take minutes: it is open once `unpack` says so.
    """

    _unpacking: _Unpacking | None = None

    @property
    def is_unpacking(self) -> bool:
        return self._unpacking is not None

    def open(self) -> bool:
        return not self.is_unpacking and super().open()

    def unpack(self, budget: int) -> bool:
        """Unpack so many bytes more; whether it is open now.

        Raises:
            OSError: it cannot be unpacked, or there is no room for it; begin again with `open`.
        """
        if self._unpacking is None:
            return self.is_open
        try:
            if not self._unpacking.go_on(budget):
                return False
            self._handle = os.dup(self._unpacking.content.fileno())
        except OSError:
            self.close()
            raise
        self._discard()
        return True

    def close(self) -> None:
        self._discard()
        super().close()

    def _prepare(self, handle: int) -> None:
        self._unpacking = _Unpacking(self.path, handle)

    def _discard(self) -> None:
        if self._unpacking is not None:
            self._unpacking.close()
            self._unpacking = None
