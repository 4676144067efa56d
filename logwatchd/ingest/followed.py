"""A file that is known by its identity, what is to be done with it, and the register of all of them."""

# ruff: noqa: PTH120 - paths are plain strings here: a thousand of them are looked at every second

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from logwatchd.ingest.identity import FileKey, Role, Stamp
from logwatchd.ingest.reader import Lapse, Reader
from logwatchd.parsing.names import base_of, is_temporary, name_of
from logwatchd.records import SourceSpec


class Place(Enum):
    """Where a file is at present."""

    LIVE = auto()  # at a configured name
    RENAMED = auto()  # at another name, in a folder that is looked at
    NOWHERE = auto()  # deleted or moved away: only an open handle still leads to it


@dataclass(slots=True, eq=False)
class Followed:
    """One file. Owner: the tail thread.

    lineage: the name that it and those before and after it were written under; they are read one after the other, in
    the order of `sequence`. size, stamp: what the last look at it told. looks_left: how often it is examined again
    though its stamp stays the same, for a change within a tick of the clock leaves no trace in it. left_turn: the
    survey that found that it had lost its live name. suspect: to be examined before it is read on. behind: there are
    bytes to read. changed: the last look found another stamp than the one before; changed_at: monotonic seconds of when
    that was last so.
    lapse: what it was before it was truncated. lapsed: that was found just now, in the survey `lapsed_turn`, and it is
    not read on before copies had two surveys to turn up in. bereaved: what it still held unread was found in none.
    inherited: in one it was.
    original: the file of which it is a copy, `verified` bytes of it so far. start_at_end: it could not be opened when
    it was first seen, and had this size then. problem: why it cannot be read. read_fails: that came of reading, so that
    to open it says nothing. link_folder: where a link at its path leads to. cut_said: that it holds over-long lines was
    said.
    """

    reader: Reader
    spec: SourceSpec
    lineage: str
    sequence: int
    place: Place
    changed_at: float
    role: Role = Role.FOLLOWED
    size: int = 0
    size_before: int = 0
    stamp: Stamp | None = None
    changed: bool = True
    looks_left: int = 0
    turn: int = 0
    left_turn: int = 0
    suspect: bool = True
    behind: bool = False
    lapse: Lapse | None = None
    lapsed: bool = False
    lapsed_turn: int = 0
    bereaved: bool = False
    inherited: bool = False
    unread_bytes: int = 0
    original: Followed | None = None
    verified: int = 0
    start_at_end: int | None = None
    problem: str | None = None
    read_fails: bool = False
    link_folder: str | None = None
    cut_said: bool = False

    @property
    def key(self) -> FileKey:
        return self.reader.key

    @property
    def is_rotated(self) -> bool:
        """Whether its name is one that files keep once they are rotated."""
        path = self.reader.path
        return path != base_of(path) and not is_temporary(path)

    def look(self, stamp: Stamp, now: float) -> None:
        """Take in what a stat told."""
        self.changed = stamp != self.stamp
        if self.changed:
            self.size_before, self.size = self.size, stamp.size
            self.stamp = stamp
            self.changed_at = now
            self.looks_left = 1
            self.suspect = True
        elif self.looks_left:
            self.looks_left -= 1
            self.suspect = True

    def label(self, path: str, place: Place) -> None:
        """It is here now."""
        self.place = place
        self.reader.path = path
        self.reader.live = place is Place.LIVE
        folder = os.path.dirname(path)
        real = os.path.dirname(os.path.realpath(path))
        self.link_folder = real if place is Place.LIVE and real != folder else None


@dataclass(slots=True)
class Register:
    """Every known file by its key, the one at each live path, and those of a lineage by its name without the folder."""

    by_key: dict[FileKey, Followed] = field(default_factory=dict)
    live: dict[str, Followed] = field(default_factory=dict)
    _by_name: dict[str, dict[FileKey, Followed]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Followed]:
        return iter(list(self.by_key.values()))

    def add(self, file: Followed) -> None:
        self.by_key[file.key] = file
        self._by_name.setdefault(name_of(file.lineage), {})[file.key] = file
        if file.place is Place.LIVE:
            self.live[file.reader.path] = file

    def move(self, file: Followed, path: str, place: Place) -> None:
        self._leave(file)
        file.label(path, place)
        if place is Place.LIVE:
            self.live[path] = file

    def drop(self, file: Followed) -> None:
        """Know it no more; its handle is closed."""
        file.reader.close()
        self._leave(file)
        if self.by_key.get(file.key) is file:
            del self.by_key[file.key]
        name = name_of(file.lineage)
        namesakes = self._by_name.get(name, {})
        if namesakes.get(file.key) is file:
            del namesakes[file.key]
        if not namesakes:
            self._by_name.pop(name, None)

    def named(self, name: str) -> list[Followed]:
        """Files that were written under this name, in whichever folder."""
        return list(self._by_name.get(name, {}).values())

    def copies(self) -> dict[Followed, list[Followed]]:
        """All that are copies, by what they are copies of."""
        found: dict[Followed, list[Followed]] = {}
        for file in self.by_key.values():
            if file.role is Role.COPY and file.original is not None:
                found.setdefault(file.original, []).append(file)
        return found

    def _leave(self, file: Followed) -> None:
        if self.live.get(file.reader.path) is file:
            del self.live[file.reader.path]
