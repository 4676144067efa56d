"""Which file is which: device and inode, how often it started anew, and what its bytes say.

A path is only a label. An inode number is used again once its file is gone, and a truncated file keeps its own, so
both are believed only while the content agrees: the file's head (up to 1 KiB) and the 64 bytes before the position.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

from logwatchd.records import Block, FileId

HEAD_BYTES = 1024
MARK_BYTES = 64


class FileKey(NamedTuple):
    """What the kernel calls the same file, as long as it exists."""

    device: int
    inode: int


class Stamp(NamedTuple):
    """What a stat says of a file's content; that it changed is told by its being another, in whichever direction."""

    size: int
    mtime_ns: int
    ctime_ns: int


class Role(StrEnum):
    """What a known file is to us; the values stand in checkpoints."""

    FOLLOWED = "followed"
    COPY = "copy"  # of a followed file that is still whole: its lines come from there
    SIBLING = "sibling"  # a rotated name of a configured file that was there before us: nobody asked for it
    IGNORED = "ignored"  # compressed, or a copy that has been dealt with
    DEAD = "dead"  # its last link and our handle are gone; only the generation must not come again


class Print(NamedTuple):
    """A digest of a run of bytes."""

    length: int
    digest: str

    @classmethod
    def of(cls, data: bytes) -> Print:
        return cls(len(data), blake2b(data, digest_size=16).hexdigest())


NOTHING = Print.of(b"")


@dataclass(frozen=True, slots=True)
class Position:
    """How far a file has been dealt with, and how to know the file again.

    offset: the end of the last whole line (never of a partial one). skipping: offset lies inside an over-long line
    whose beginning was delivered. live: `path` is a configured name, not one it was rotated to.
    """

    file: FileId
    path: str
    offset: int
    head: Print = NOTHING
    mark: Print = NOTHING
    skipping: bool = False
    live: bool = True
    role: Role = Role.FOLLOWED

    @property
    def key(self) -> FileKey:
        return FileKey(self.file.device, self.file.inode)


def key_of(stat: os.stat_result) -> FileKey:
    return FileKey(stat.st_dev, stat.st_ino)


def stamp_of(stat: os.stat_result) -> Stamp:
    return Stamp(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def holds(handle: int, position: Position) -> bool:
    """Whether an open file has the content that a position was taken from.

    Raises:
        OSError: the file cannot be read.
    """
    head, mark = position.head, position.mark
    return (
        os.fstat(handle).st_size >= position.offset  # nothing else tells it of a file that could not be read before
        and Print.of(os.pread(handle, head.length, 0)) == head
        and Print.of(os.pread(handle, mark.length, max(0, position.offset - mark.length))) == mark
    )


@contextmanager
def opened(path: str) -> Iterator[int]:
    """A file, open for a look into it."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        yield handle
    finally:
        os.close(handle)


def holds_at(path: str, position: Position) -> bool:
    """As `holds`, of the file that has a name now."""
    with opened(path) as handle:
        return holds(handle, position)


def is_unlinked(handle: int) -> bool:
    """Whether an open file has no name left anywhere; False if that cannot be told."""
    try:
        return os.fstat(handle).st_nlink == 0
    except OSError:
        return False


def same_prefix(handle: int, other: int, length: int) -> bool:
    """Whether two open files agree in their first bytes and in the run that ends at `length`.

    Raises:
        OSError: one of them cannot be read.
    """
    for start in (0, max(0, length - 4 * HEAD_BYTES)):
        count = min(4 * HEAD_BYTES, length - start)
        if os.pread(handle, count, start) != os.pread(other, count, start):
            return False
    return True


def stands(block: Block) -> bool:
    """Whether a block can be read again from the file that has its name: that is still the same, and not shorter."""
    try:
        found = Path(block.path).stat()
    except OSError:
        return False
    return S_ISREG(found.st_mode) and key_of(found) == block.lane and found.st_size >= block.end
