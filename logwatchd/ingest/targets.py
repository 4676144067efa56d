"""What is configured: which paths it names now, and which of a folder's names are rotated ones of it."""

# ruff: noqa: PTH120 - paths are plain strings here: a thousand of them are looked at every second

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from logwatchd.ingest.identity import FileKey
from logwatchd.ingest.patterns import Glob, Listing, Listings, is_glob
from logwatchd.parsing.names import rotated, uncompressed
from logwatchd.records import SourceSpec


@dataclass(slots=True, eq=False)
class Target:
    """One configured path or glob."""

    spec: SourceSpec
    pattern: str
    glob: Glob | None = field(init=False)

    def __post_init__(self) -> None:
        self.pattern = os.path.normpath(self.pattern)
        self.glob = Glob(self.pattern) if is_glob(self.pattern) else None

    def paths(self, listings: Listings) -> Sequence[str]:
        return self.glob.expand(listings) if self.glob else (self.pattern,)

    def folders(self) -> Iterator[str]:
        if self.glob:
            yield from self.glob.folders
        else:
            yield os.path.dirname(self.pattern)

    def names(self, path: str) -> bool:
        """Whether it would name this path."""
        return self.glob.matches(path) if self.glob else path == self.pattern


class Sibling(NamedTuple):
    """A rotated name of a configured one. key: as the folder tells it."""

    path: str
    base: str
    key: FileKey
    target: Target


class Targets:
    """All that is configured, in its order: the first that names a path says how it is treated."""

    def __init__(self, specs: Sequence[SourceSpec]) -> None:
        self.all = tuple(Target(spec, pattern) for spec in specs for pattern in spec.paths)
        self._siblings: dict[str, tuple[Listing, tuple[Sibling, ...]]] = {}

    def live(self, listings: Listings) -> Iterator[tuple[str, Target]]:
        """Every path that is named now, once; a plain path whether it exists or not."""
        if len(self.all) == 1:
            yield from ((path, self.all[0]) for path in self.all[0].paths(listings))
            return
        seen = set()
        for target in self.all:
            for path in target.paths(listings):
                if path not in seen:
                    seen.add(path)
                    yield path, target

    def siblings(self, listings: Listings) -> Iterator[Sibling]:
        """Rotated names of configured ones that are not configured themselves."""
        for target in self.all:
            target.paths(listings)  # so that globs know into which folders they lead, in the first survey as well
        folders = dict.fromkeys(folder for target in self.all for folder in target.folders())
        known, self._siblings = self._siblings, {}  # folders come and go
        for folder in folders:
            listing = listings.get(folder)
            if listing is None:
                continue
            found = known.get(folder)
            if found is None or found[0] is not listing:
                found = (listing, tuple(self._siblings_in(listing)))
            self._siblings[folder] = found
            yield from found[1]

    def of(self, path: str) -> Target | None:
        """The first that names this path."""
        return next((target for target in self.all if target.names(path)), None)

    def _siblings_in(self, listing: Listing) -> Iterator[Sibling]:
        prefix = listing.folder.rstrip("/") + "/"
        for entry in listing.entries:
            name = rotated(uncompressed(entry.name))
            if name is None:
                continue
            path, base = prefix + entry.name, prefix + name.base
            target = self.of(base)
            if target is not None and self.of(path) is None:
                yield Sibling(path, base, FileKey(listing.device, entry.inode), target)
