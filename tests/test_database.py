"""Opening a file of the state folder while others do."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from logwatchd.database import Database, Schema
from logwatchd.errors import Exit, RetryableError, StateError

_FIRST = "CREATE TABLE notes (text TEXT)"
_SECOND = "ALTER TABLE notes ADD COLUMN at TEXT NOT NULL DEFAULT ''"


class Meanwhile(Mapping[int, str]):
    """Upgrades that are asked for when the file's version has been read, which is when something else happens."""

    def __init__(self, happens: Callable[[], None]) -> None:
        self._happens = happens

    def __getitem__(self, version: int) -> str:
        self._happens()
        return {1: _SECOND}[version]

    def __iter__(self) -> Iterator[int]:
        return iter((1,))

    def __len__(self) -> int:
        return 1


def test_two_that_upgrade_a_file_at_once_keep_what_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    old = Database(file, Schema(1, _FIRST, upgrades={}), part="test")
    old.run(lambda connection: connection.execute("INSERT INTO notes VALUES ('kept')"))
    old.close()
    second = Database(file, Schema(2, "", upgrades={1: _SECOND}), part="test")
    first = Database(file, Schema(2, "", upgrades=Meanwhile(second.open)), part="test")
    first.open()
    assert first.run(lambda connection: connection.execute("SELECT text, at FROM notes").fetchall()) == [("kept", "")]
    first.close()
    second.close()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.db"]


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_what_stands_in_the_way_of_one_of_its_files_is_named_with_the_mend(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / "notes.db"
    if suffix:
        first = Database(file, Schema(1, _FIRST), part="test")
        first.open()
        first.close()
    (tmp_path / f"notes.db{suffix}").mkdir()
    told = f"^{file}{suffix}: no regular file, and SQLite needs one of that name; move it away$"
    database = Database(file, Schema(1, _FIRST), part="test")
    with pytest.raises(StateError, match=told) as raised:
        database.open()
    assert raised.value.exit_code is Exit.CONFIG
    with pytest.raises(RetryableError, match=told):
        database.run(lambda connection: connection.execute("SELECT * FROM notes").fetchall())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_makes_is_the_folders_owners(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    database = Database(tmp_path / "notes.db", Schema(1, _FIRST), part="test")
    database.open()
    found = {path.name: path.stat().st_uid for path in tmp_path.iterdir()}
    database.close()
    assert found == dict.fromkeys(("notes.db", "notes.db-wal", "notes.db-shm"), 65534)
    with closing(sqlite3.connect(tmp_path / "notes.db")) as other:
        assert other.execute("PRAGMA user_version").fetchone() == (1,)
