"""Globs find what a shell would find, and folders are read again only when they changed."""

from __future__ import annotations

import glob
import os
from pathlib import Path

import pytest

from logwatchd.ingest.patterns import RELIST_S, Glob, Listings


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.log", "b.log", ".hidden.log", "x/a.log", "x/y/b.log", "x/y/c.txt", "[odd]/a.log"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (tmp_path / "link").symlink_to("x")
    (tmp_path / "loop").symlink_to(".")
    return tmp_path


def expand(pattern: str) -> list[str]:
    listings = Listings()
    listings.begin(0.0)
    return sorted(Glob(pattern).expand(listings))


@pytest.mark.parametrize(
    "pattern", ["*.log", "?.log", "[ab].log", "[!a].log", "*/a.log", "x/*/*.log", "*/*/*", ".*.log", "[[]odd]/*", "no*"]
)
def test_as_the_shell_does(tree: Path, pattern: str) -> None:
    expected = sorted(glob.glob(str(tree / pattern)))
    assert expand(str(tree / pattern)) == expected
    assert all(Glob(str(tree / pattern)).matches(path) for path in expected)


def test_any_depth(tree: Path) -> None:
    found = expand(str(tree / "**" / "*.log"))
    assert found == sorted(str(tree / name) for name in ("a.log", "b.log", "x/a.log", "x/y/b.log", "[odd]/a.log"))
    assert all(Glob(str(tree / "**/*.log")).matches(path) for path in found)


def test_does_not_match_what_it_does_not_name() -> None:
    assert not Glob("/l/*.log").matches("/l/a.log.1")
    assert not Glob("/l/*.log").matches("/l/x/a.log")
    assert not Glob("/l/*.log").matches("/l/.a.log")


def test_unchanged_folder_is_not_read_again(tree: Path) -> None:
    listings = Listings()
    found = []
    for turn in range(4):
        listings.begin(turn * 0.1)
        found.append(listings.get(str(tree)))
    assert found[0] is not None
    assert all(listing is found[0] for listing in found)


def test_new_file_and_new_folder_are_found(tree: Path) -> None:
    listings, pattern = Listings(), Glob(str(tree / "*" / "new.log"))
    for turn in range(3):
        listings.begin(turn * 0.1)
        assert pattern.expand(listings) == []
    (tree / "x" / "new.log").touch()
    listings.begin(0.4)
    assert str(tree / "x" / "new.log") in pattern.expand(listings)
    (tree / "z").mkdir()
    (tree / "z" / "new.log").touch()
    listings.begin(0.5)
    assert str(tree / "z" / "new.log") in pattern.expand(listings)


def test_folder_whose_stamp_stays_is_read_again_after_a_while(tree: Path) -> None:
    listings = Listings()
    status = tree.stat()
    for turn in range(3):
        listings.begin(turn * 0.1)
        listings.get(str(tree))
    (tree / "silent.log").touch()
    os.utime(tree, ns=(status.st_atime_ns, status.st_mtime_ns))
    listings.begin(RELIST_S + 1)
    listing = listings.get(str(tree))
    assert listing is not None
    assert "silent.log" in {entry.name for entry in listing.entries}


def test_missing_folder_is_nothing(tree: Path) -> None:
    listings = Listings()
    listings.begin(0.0)
    assert listings.get(str(tree / "missing")) is None
    assert Glob(str(tree / "missing" / "*")).expand(listings) == []
