"""Reads the rest of a log that was compressed before all of it was read.

That happens when logrotate runs while logwatchd does not. The content is unpacked once into a file without a name,
which is read like any other; it goes away with its handle. Of a file that is damaged, or still being written, as much
is read as can be unpacked; it is unpacked again once it has changed.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from typing import IO

from logwatchd.ingest.identity import Stamp, stamp_of
from logwatchd.ingest.reader import Reader
from logwatchd.ingest.unpacking import DAMAGE, pieces_of

_CHUNK_BYTES = 1 << 20


class NotWholeError(OSError):
    """A compressed file ends too early, as one that is still being written does, or is damaged."""


class _Unpacking:
    """A compressed file and its content as far as it is unpacked. Owns the handles of both."""

    def __init__(self, path: str, handle: int) -> None:
        """Raises OSError if there is no place for the content."""
        with ExitStack() as opened:
            packed = opened.enter_context(os.fdopen(handle, "rb"))
            self.stamp = stamp_of(os.fstat(handle))  # before anything is read: what is written from now on changes it
            self._pieces = pieces_of(path, packed, _CHUNK_BYTES)
            # Without a buffer: what does not fit is said at once, and not again when it is closed.
            self.content: IO[bytes] = opened.enter_context(tempfile.TemporaryFile(buffering=0, prefix="logwatchd-"))
            self._opened = opened.pop_all()

    def go_on(self, budget: int) -> bool:
        """Unpack about so many bytes more; whether that was all.

        Raises:
            NotWholeError: that was all that can be unpacked. OSError: it cannot be read, or there is no room for it.
        """
        while budget > 0:
            try:
                piece = next(self._pieces, b"")
            except (OSError, *DAMAGE) as error:
                if isinstance(error, OSError) and error.errno is not None:  # the disk's word, and not an unpacker's
                    raise
                raise NotWholeError(f"its compression is not whole: {error}") from None
            if not piece:
                if not self.stamp.size:  # just made: a compressed file has a header at the least
                    raise NotWholeError("its compression is not whole: it is empty")
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

    damage: why what is open, or was last, is not all of the content. stamp: the file's when that began to be unpacked.
    """

    damage: NotWholeError | None = None
    stamp: Stamp | None = None
    _unpacking: _Unpacking | None = None

    @property
    def is_cut(self) -> bool:
        return self.damage is not None

    @property
    def is_unpacking(self) -> bool:
        return self._unpacking is not None

    def open(self) -> bool:
        return not self.is_unpacking and super().open()

    def unpack(self, budget: int) -> bool:
        """Unpack so many bytes more; whether it is open now.

        Raises:
            OSError: it cannot be unpacked up to where reading had come to, or there is no room for it; begin again with
                `open`.
        """
        if self._unpacking is None:
            return self.is_open
        damage = None
        try:
            try:
                if not self._unpacking.go_on(budget):
                    return False
            except NotWholeError as error:
                damage = error
            self._handle = os.dup(self._unpacking.content.fileno())
            if damage and not (self.size() and self.is_same()):
                raise damage
        except OSError:
            self.close()
            raise
        self.damage, self.stamp = damage, self._unpacking.stamp
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
