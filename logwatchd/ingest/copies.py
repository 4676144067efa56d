"""Recognises the copy that `copytruncate` makes of a file before it empties it, and what to do with it.

As long as the original is whole, its lines come from there. Once it is truncated, what was not read of it is read from
the copy. A copy that grows into something else is a file of its own from there on.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from enum import Enum, auto

from logwatchd.ingest.checkpoints import Checkpoints
from logwatchd.ingest.followed import Followed, Register
from logwatchd.ingest.handles import Handles
from logwatchd.ingest.identity import Role, holds, same_prefix
from logwatchd.ingest.reader import Lapse
from logwatchd.records import FileId

PutAside = Callable[[str, FileId, Role, int | None, int], None]


class Kinship(Enum):
    """What a file under a rotated name is to the file under the live name."""

    NONE = auto()
    COPY = auto()  # of what is there now, as far as it goes
    REMAINDER = auto()  # of what was there before it was truncated: it still holds what was not read


def kinship(handle: int, original: Followed) -> Kinship:
    """Compare an open file with the one that has its live name, and with what that was before.

    Raises:
        OSError: one of them cannot be read.
    """
    if original.lapse is not None and _went_before(handle, original.lapse):
        return Kinship.REMAINDER
    original_handle = original.reader.handle
    if original_handle is None:
        return Kinship.NONE
    size, original_size = os.fstat(handle).st_size, os.fstat(original_handle).st_size
    if size <= original_size and same_prefix(handle, original_handle, size):
        return Kinship.COPY
    return Kinship.NONE


def _went_before(handle: int, lapse: Lapse) -> bool:
    """Whether an open file has what another one had before it was truncated. If nothing is known of that, it has not.

    Raises:
        OSError: it cannot be read.
    """
    position, partial = lapse.position, lapse.partial
    if position.offset == 0 and not partial:
        return False
    return holds(handle, position) and os.pread(handle, len(partial), position.offset) == partial


def inherit(heir: Followed, original: Followed) -> None:
    """Read from the copy what was not read of a file before it was truncated, and before that file is read on.

    Raises:
        OSError: the copy cannot be read.
    """
    if original.lapse is None:
        raise ValueError("only a truncated file leaves something")
    heir.reader.seek(original.lapse.position.offset)
    heir.role, heir.original = Role.FOLLOWED, None
    heir.suspect = True
    heir.sequence, original.sequence = sorted((heir.sequence, original.sequence))
    original.bereaved = False


class Copies:
    """Owner: the tail thread."""

    def __init__(self, register: Register, checkpoints: Checkpoints, handles: Handles, put_aside: PutAside) -> None:
        self._register = register
        self._checkpoints = checkpoints
        self._handles = handles
        self._put_aside = put_aside

    def examine(self, copy: Followed) -> None:
        """Find out whether it still is a copy, now that one of the two has changed."""
        original = copy.original
        if original is None or not self._handles.ensure(copy):
            return
        is_known = self._register.by_key.get(original.key) is original
        if is_known and not self._handles.ensure(original):
            return
        try:
            if is_known and kinship(self._handle(copy), original) is Kinship.COPY:
                copy.verified = copy.reader.size()
                return
            copy.reader.seek_last_line(copy.verified)
        except OSError as error:
            self._handles.trouble(copy, error)
            return
        copy.role, copy.original = Role.FOLLOWED, None
        copy.behind = True
        self._checkpoints.record(copy.reader.position())

    def bequeath(self, original: Followed) -> None:
        """The original was truncated: its best copy goes on where reading stopped, the others are done with."""
        copies = sorted(self._register.copies_of(original), key=lambda copy: copy.verified, reverse=True)
        for copy in copies:
            if original.bereaved and self._is_remainder(copy, original):
                inherit(copy, original)
                copy.behind = copy.size > copy.reader.offset
                self._checkpoints.record(copy.reader.position())
            else:
                self.discard(copy)

    def discard(self, copy: Followed) -> None:
        """All that it holds was read from its original."""
        try:
            if self._handles.ensure(copy):
                self._put_aside(copy.reader.path, copy.reader.id, Role.IGNORED, copy.reader.handle, copy.size)
        except OSError as error:
            self._handles.trouble(copy, error)
            return
        self._register.drop(copy)

    def _is_remainder(self, copy: Followed, original: Followed) -> bool:
        try:
            return self._handles.ensure(copy) and kinship(self._handle(copy), original) is Kinship.REMAINDER
        except OSError:
            return False

    @staticmethod
    def _handle(file: Followed) -> int:
        if file.reader.handle is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return file.reader.handle
