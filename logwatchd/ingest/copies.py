"""Recognises the copy that `copytruncate` makes of a file before it empties it, and what to do with it.

As long as the original is whole, its lines come from there. Once it is truncated, what was not read of it is read from
the copy. A copy that grows into something else is a file of its own from there on.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from enum import Enum, auto

from logwatchd.ingest.checkpoints import Checkpoints
from logwatchd.ingest.followed import Followed, Place, Register
from logwatchd.ingest.handles import Handles
from logwatchd.ingest.identity import Role, holds, same_prefix
from logwatchd.ingest.reader import Lapse, Reader
from logwatchd.parsing.names import base_of, name_of

PutAside = Callable[[Reader, Role, int], None]


class UnsettledError(OSError):
    """What a file would be judged by is changing at this moment."""


class Kinship(Enum):
    """What a file under a rotated name is to the file under the live name."""

    NONE = auto()
    COPY = auto()  # of what is there now, as far as it goes
    REMAINDER = auto()  # of what was there before it was truncated: it still holds what was not read
    READ = auto()  # of what was there before it was truncated, and all that it holds has been read
    UNSETTLED = auto()  # that is being truncated at this moment: ask again after the next look at it


def kinship(handle: int, original: Followed) -> Kinship:
    """Compare an open file with the one that has its live name, and with what that was before.

    Raises:
        OSError: one of them cannot be read.
    """
    if original.lapse is not None:
        if _went_before(handle, original.lapse):
            return Kinship.REMAINDER
        if _was_read(handle, original.lapse):
            return Kinship.READ
    reader = original.reader
    if reader.handle is None:
        return Kinship.NONE
    size, original_size = os.fstat(handle).st_size, reader.size()
    if size <= original_size and same_prefix(handle, reader.handle, size):
        return Kinship.COPY
    if original_size < original.size or not reader.is_same():
        return Kinship.UNSETTLED
    return Kinship.NONE


def _went_before(handle: int, lapse: Lapse) -> bool:
    """Whether an open file has what another one had before it was truncated.

    Raises:
        OSError: it cannot be read.
    """
    position, seen = lapse.position, lapse.seen
    return holds(handle, position) and os.pread(handle, len(seen), position.offset) == seen


def _was_read(handle: int, lapse: Lapse) -> bool:
    """Whether an open file is a copy of what another one had before it was truncated, but was made before that one's
    last lines were written and read: it has nothing more.

    Raises:
        OSError: it cannot be read.
    """
    size, offset, seen = os.fstat(handle).st_size, lapse.position.offset, lapse.seen
    if size >= offset + len(seen) or not seen.startswith(os.pread(handle, len(seen), offset)):
        return False
    for end, mark in reversed(lapse.trail):
        if end <= size:
            return os.pread(handle, len(mark), end - len(mark)) == mark
    return False


def originals(register: Register, base: str) -> list[Followed]:
    """Files that a file under a rotated name of `base` may be a copy of.

    That is the one at the live name, which copytruncate copies, and those that lost it without getting a rotated name,
    which renamecopy copies. The latter's copy may be in another folder, even on another device. And it is one that was
    truncated and then got a rotated name since the last survey: the copy shows what it was before.
    """
    live = register.live.get(base)
    displaced = [
        file
        for file in register.named(name_of(base))
        if file.role is Role.FOLLOWED
        and file is not live
        and (file.lapsed or file.place is Place.NOWHERE or not file.is_rotated)
    ]
    return displaced if live is None else [live, *displaced]


def inherit(heir: Followed, original: Followed) -> None:
    """Read from the copy what was not read of a file before it was truncated, and before that file is read on.

    A second copy has nothing more to give and is taken up at its end.

    Raises:
        OSError: the copy cannot be read.
    """
    if original.lapse is None:
        raise ValueError("only a truncated file leaves something")
    if original.inherited:
        heir.reader.seek_last_line(heir.reader.size())
    else:
        heir.reader.seek(original.lapse.position.offset)
    heir.role, heir.original = Role.FOLLOWED, None
    heir.suspect = True
    heir.sequence, original.sequence = sorted((heir.sequence, original.sequence))
    original.bereaved, original.inherited = False, True


class Copies:
    """Owner: the tail thread."""

    def __init__(self, register: Register, checkpoints: Checkpoints, handles: Handles, put_aside: PutAside) -> None:
        self._register = register
        self._checkpoints = checkpoints
        self._handles = handles
        self._put_aside = put_aside

    def examine(self, copy: Followed) -> None:
        """Find out whether it still is a copy, now that one of the two has changed."""
        if copy.original is None or not self._handles.ensure(copy):
            return
        candidates = originals(self._register, base_of(copy.reader.path))
        # While little of it is there it can look like several files; it is a copy as long as it looks like one of them.
        candidates.sort(key=lambda file: file is not copy.original)
        try:
            for original in candidates:
                if self._handles.ensure(original) and self._is_kin(copy, original):
                    self._handles.recovered(copy)
                    return
            if copy.verified == 0:
                self._register.drop(copy)  # nothing was known of it so far: it is judged like any unknown file
                return
            # Truncated again, before anything was read of what this is a copy of: else it would be known by that.
            unread = copy.original.lapsed
            if unread:
                copy.reader.seek(0)
                copy.sequence, copy.original.sequence = sorted((copy.sequence, copy.original.sequence))
            else:
                copy.reader.seek_last_line(copy.verified)
        except OSError as error:
            self._handles.trouble(copy, error)
            return
        copy.role, copy.original = Role.FOLLOWED, None
        copy.behind = True
        self._checkpoints.record(copy.reader.position())

    def bequeath(self, original: Followed, copies: Iterable[Followed]) -> None:
        """The original was truncated: its best copy goes on where reading stopped, the other old ones are done with."""
        for copy in sorted(copies, key=lambda copy: copy.verified, reverse=True):
            match self._kinship(copy, original):
                case Kinship.REMAINDER if original.bereaved:
                    try:
                        inherit(copy, original)
                    except OSError as error:  # the next survey may still come to it
                        self._handles.trouble(copy, error)
                        continue
                    copy.behind = copy.size > copy.reader.offset
                    self._checkpoints.record(copy.reader.position())
                case Kinship.COPY | Kinship.UNSETTLED:  # of what the original is by now
                    copy.looks_left = 1
                case Kinship.NONE if copy.verified == 0:
                    self._register.drop(copy)  # judged like any unknown file by the next survey
                case _:
                    self.discard(copy)

    def discard(self, copy: Followed) -> None:
        """All that it holds was read from its original."""
        try:
            self._put_aside(copy.reader, Role.IGNORED, copy.size)
        except OSError as error:
            if error.errno != errno.ENOENT:
                self._handles.trouble(copy, error)
                return
        self._register.drop(copy)

    def _is_kin(self, copy: Followed, original: Followed) -> bool:
        """Whether it goes on being a copy, of this file; raises OSError if one of them cannot be read."""
        match kinship(self._handle(copy), original):
            case Kinship.COPY | Kinship.READ:
                copy.original, copy.verified = original, copy.reader.size()
            case Kinship.UNSETTLED:
                copy.looks_left = 1
            case Kinship.REMAINDER:
                copy.original = original  # `bequeath` comes to it
            case Kinship.NONE:
                return False
        return True

    def _kinship(self, copy: Followed, original: Followed) -> Kinship:
        try:
            return kinship(self._handle(copy), original) if self._handles.ensure(copy) else Kinship.NONE
        except OSError:
            return Kinship.NONE

    @staticmethod
    def _handle(file: Followed) -> int:
        if file.reader.handle is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return file.reader.handle
