"""Which configured sources a baseline was not learned from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from logwatchd.ingest.patterns import Glob, Listings, is_glob
from logwatchd.ingest.streams import STDIN
from logwatchd.parsing.names import base_of, is_compressed_name, uncompressed
from logwatchd.records import SourceSpec

_MAX_FILES = 5
JOURNAL = "journal"  # what a baseline calls what it was taught by the journal


def unlearned(sources: Sequence[SourceSpec], learned: Iterable[str]) -> list[str]:
    """The paths and globs, and the journal, of which nothing was learned; in the order of the configuration.

    Args:
        learned: what the baseline was learned from, as its manifest has it. A file teaches what its rotated copies do.

    Returns:
        Nothing of standard input and FIFOs: what they said was learned from elsewhere, under another name.
    """
    names = {name for path in learned for name in (path, uncompressed(path), base_of(path))}
    missing: dict[str, None] = {}
    for source in sources:
        for pattern in source.paths:
            if pattern != STDIN and not _is_fifo(pattern) and not _any_matches(pattern, names):
                missing[pattern] = None
        if source.journal and JOURNAL not in names:
            missing[f"the {JOURNAL}"] = None
    return list(missing)


def files_of(name: str) -> list[str]:
    """Some of the files that a glob stands for now, in order; none of what is no glob."""
    if not is_glob(name):
        return []
    listings = Listings()
    listings.begin(0.0)
    found = (path for path in Glob(name).expand(listings) if not is_compressed_name(path))
    return list(islice(sorted(path for path in found if Path(path).is_file()), _MAX_FILES))


def _is_fifo(path: str) -> bool:
    try:
        return Path(path).is_fifo()
    except OSError:  # such as a folder that may not be entered: whoever follows the path says so
        return False


def _any_matches(pattern: str, names: Iterable[str]) -> bool:
    # `**/` also stands for no folder at all, which fnmatch does not know.
    forms = {pattern, pattern.replace("**/", "")}
    return any(fnmatchcase(name, form) for name in names for form in forms)
