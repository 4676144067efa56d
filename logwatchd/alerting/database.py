"""One SQLite file that survives: opened safely, set aside when damaged, its errors told apart."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from logwatchd import clock
from logwatchd.errors import RetryableError, StateError
from logwatchd.journal import Event, logger

_T = TypeVar("_T")
_BUSY_S = 5.0
_WAL_BYTES = 4 << 20
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_NO_SUCH_TABLE_OR_COLUMN = sqlite3.SQLITE_ERROR


class Database:
    """A connection that any thread may use, one at a time. Every statement runs inside `run`."""

    def __init__(self, file: Path, version: int, schema: str, check: str, upgrades: Mapping[int, str]) -> None:
        """schema: makes an empty database's tables. check: a statement that fails where they are others. upgrades: by
        version, what makes the next one of it.

        Raises:
            StateError: the file can neither be used nor set aside, or a newer logwatchd wrote it.
        """
        self._file = file
        self._version = version
        self._schema = schema
        self._check = check
        self._upgrades = upgrades
        self._lock = threading.Lock()
        try:
            self._connection = self._open_or_begin_anew()
        except (sqlite3.Error, OSError) as error:
            raise StateError(f"{file}: {error}; give logwatchd a state_dir that it may write to") from None

    def run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do `work` in one transaction, on the disk when this returns.

        A damaged file is set aside, and the work done in a new one.

        Raises:
            RetryableError: the disk is full, or the file cannot be written for another reason; nothing was changed.
        """
        with self._lock:
            try:
                try:
                    return self._once(work)
                except sqlite3.DatabaseError as error:
                    if _code(error) not in _DAMAGED:
                        raise
                    self._set_aside(error)
                    self._connection = self._open()
                    return self._once(work)
            except (sqlite3.Error, OSError) as error:
                raise RetryableError(f"{self._file}: {error}; look at the disk's free space and rights") from None

    def give_back_space(self) -> None:
        """Return the pages of deleted rows to the file system; raises RetryableError as `run` does."""
        with self._lock:
            try:
                self._connection.execute("PRAGMA incremental_vacuum").fetchall()
            except sqlite3.Error as error:
                raise RetryableError(f"{self._file}: {error}; look at the disk's free space and rights") from None

    def close(self) -> None:
        with self._lock, suppress(sqlite3.Error):
            self._connection.close()

    def _once(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        with _transaction(self._connection):
            return work(self._connection)

    def _open_or_begin_anew(self) -> sqlite3.Connection:
        try:
            return self._open()
        except sqlite3.DatabaseError as error:
            if _code(error) not in _DAMAGED | {_NO_SUCH_TABLE_OR_COLUMN}:
                raise
            self._set_aside(error)
            return self._open()

    def _open(self) -> sqlite3.Connection:
        # It holds log lines, which not every user of the machine may read.
        os.close(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(self._file, _BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
            connection.execute("PRAGMA foreign_keys = ON")
            self._settle(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _settle(self, connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > self._version:
            raise StateError(
                f"{self._file}: version {version} of a newer logwatchd, this one knows {self._version};"
                " install that one again, or move the file away"
            )
        if version == 0:
            self._bring_to(connection, self._version, self._schema)
        else:
            for older in range(version, self._version):
                self._bring_to(connection, older + 1, self._upgrades[older])
        connection.execute(self._check)
        # quick_check's answer is text, not an error; a list of faults is as bad as one.
        faults = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if faults != "ok":
            damaged = sqlite3.DatabaseError(str(faults).splitlines()[0])
            damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise damaged

    @staticmethod
    def _bring_to(connection: sqlite3.Connection, version: int, script: str) -> None:
        with _transaction(connection):
            for statement in script.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version}")

    def _set_aside(self, error: Exception) -> None:
        with suppress(AttributeError, sqlite3.Error):
            self._connection.close()
        aside = self._file.with_name(f"{self._file.name}.damaged-{clock.utc_now():%Y%m%dT%H%M%S.%fZ}")
        self._file.rename(aside)
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{self._file}{suffix}").rename(f"{aside}{suffix}")
        logger("outbox").error(Event.OUTBOX_SET_ASIDE, file=self._file, kept_as=aside, reason=str(error))


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 where Python raised the error itself."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # a full disk has already rolled it back
            connection.execute("ROLLBACK")
        raise
