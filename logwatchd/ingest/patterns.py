"""Finds the files that paths and globs name, reading a folder again only when it has changed."""

# ruff: noqa: PTH114, PTH116 - paths are plain strings here: a thousand of them are looked at every second

from __future__ import annotations

import errno
import fnmatch
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

RELIST_S = 2.0  # a folder is listed this often even if its stamp stays the same: not every filesystem keeps it
_MAGIC = re.compile(r"[*?[]")
_MAX_DEPTH = 64  # of `**`: a loop of links ends somewhere


class Entry(NamedTuple):
    """One name in a folder. `inode` is the folder's word, which a mount or an overlay can belie."""

    name: str
    inode: int
    may_be_folder: bool


class _FolderStamp(NamedTuple):
    device: int
    inode: int
    mtime_ns: int
    ctime_ns: int


@dataclass(slots=True, eq=False)
class Listing:
    """A folder's content at one moment; a new object whenever it was read again."""

    folder: str
    device: int
    inode: int
    entries: tuple[Entry, ...]


@dataclass(slots=True)
class _Cached:
    listing: Listing
    stamp: _FolderStamp
    listed_at: float
    settled: bool  # it was listed when its stamp was already old, so nothing can hide behind that stamp
    turn: int


class Listings:
    """The folders that matter. Within a turn each is looked at once. Owner: the tail thread."""

    def __init__(self) -> None:
        self._cached: dict[str, _Cached] = {}
        self._turn = 0
        self._now = 0.0
        self.refused: dict[str, OSError] = {}  # in this turn: folders that are there and cannot be listed

    def begin(self, now: float) -> None:
        """Start a turn; folders that the last one did not ask for are forgotten."""
        self._cached = {folder: cached for folder, cached in self._cached.items() if cached.turn == self._turn}
        self._turn += 1
        self._now = now
        self.refused.clear()

    def get(self, folder: str) -> Listing | None:
        """The folder's content; None if it is missing or may not be read."""
        cached = self._cached.get(folder)
        if cached is not None and cached.turn == self._turn:
            return cached.listing
        if folder in self.refused:
            return None
        try:
            status = os.stat(folder)
            stamp = _FolderStamp(status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
            same = cached is not None and cached.stamp == stamp
            if cached is not None and same and cached.settled and self._now - cached.listed_at < RELIST_S:
                cached.turn = self._turn
                return cached.listing
            entries = _list(folder)
        except OSError as error:
            self._cached.pop(folder, None)
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                self.refused[folder] = error
            return None
        if cached is not None and same and cached.listing.entries == entries:
            listing = cached.listing
        else:
            listing = Listing(folder, status.st_dev, status.st_ino, entries)
        self._cached[folder] = _Cached(listing, stamp, self._now, same, self._turn)
        return listing

    def listed(self) -> Iterator[Listing]:
        """The folders of this turn."""
        return (cached.listing for cached in self._cached.values() if cached.turn == self._turn)


def _list(folder: str) -> tuple[Entry, ...]:
    with os.scandir(folder) as entries:
        return tuple(
            Entry(entry.name, entry.inode(), entry.is_dir(follow_symlinks=False) or entry.is_symlink())
            for entry in entries
        )


def is_glob(pattern: str) -> bool:
    return _MAGIC.search(pattern) is not None


def _matcher(part: str) -> Callable[[str], object]:
    """Like the shell: a leading dot is matched by a dot only."""
    matches = re.compile(fnmatch.translate(part)).match
    if part.startswith("."):
        return matches
    return lambda name: not name.startswith(".") and matches(name)


@dataclass(slots=True)
class Glob:
    """An absolute pattern with `*`, `?`, `[...]` in any part, and `**` for any depth."""

    pattern: str
    _parts: list[str] = field(init=False)
    _matchers: list[Callable[[str], object]] = field(init=False)
    _expanded: list[str] = field(init=False, default_factory=list)
    _seen: list[tuple[str, Listing | None]] = field(init=False, default_factory=list)
    _started: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._parts = [part for part in self.pattern.split("/") if part]
        self._matchers = [_matcher(part) for part in self._parts]

    def expand(self, listings: Listings) -> list[str]:
        """The paths that match now; kept as long as none of the folders that led to them changed."""
        if self._started and all(listings.get(folder) is listing for folder, listing in self._seen):
            return self._expanded
        self._seen = []
        self._started = True
        self._expanded = list(dict.fromkeys(self._walk("", 0, listings, 0)))
        return self._expanded

    @property
    def folders(self) -> Iterable[str]:
        """The folders that were looked through; a new match can only come up in one of them."""
        return (folder for folder, _ in self._seen)

    def matches(self, path: str) -> bool:
        """Whether a path fits, whatever is there."""
        return _fits([part for part in path.split("/") if part], self._parts, self._matchers)

    def _walk(self, folder: str, index: int, listings: Listings, depth: int) -> Iterator[str]:
        part = self._parts[index]
        last = index == len(self._parts) - 1
        if not last and part != "**" and not is_glob(part):
            yield from self._walk(f"{folder}/{part}", index + 1, listings, depth)
            return
        listing = listings.get(folder or "/")
        self._seen.append((folder or "/", listing))
        if listing is None:
            return
        if part == "**":
            if not last:
                yield from self._walk(folder, index + 1, listings, depth)
            for entry in listing.entries:
                if entry.name.startswith("."):
                    continue
                path = f"{folder}/{entry.name}"
                if last:
                    yield path
                if entry.may_be_folder and depth < _MAX_DEPTH and not os.path.islink(path):
                    yield from self._walk(path, index, listings, depth + 1)
            return
        matches = self._matchers[index]
        for entry in listing.entries:
            if matches(entry.name):
                path = f"{folder}/{entry.name}"
                if last:
                    yield path
                elif entry.may_be_folder:
                    yield from self._walk(path, index + 1, listings, depth)


def _fits(names: list[str], parts: list[str], matchers: list[Callable[[str], object]]) -> bool:
    if not parts:
        return not names
    if parts[0] == "**":
        return any(_fits(names[skip:], parts[1:], matchers[1:]) for skip in range(len(names) + 1))
    return bool(names) and bool(matchers[0](names[0])) and _fits(names[1:], parts[1:], matchers[1:])
