"""One SQLite file of the scoring's own in the state folder: opened safely, begun anew where it is damaged."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

from logwatchd.errors import RetryableError
from logwatchd.journal import Event, logger

_T = TypeVar("_T")
_BUSY_S = 5.0
_WAL_BYTES = 4 << 20
_UNUSABLE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Store:
    """A connection that any thread may use, one at a time. It is opened when it is first needed.

    A daemon and a command may have the same file open at once.
    """

    def __init__(self, file: Path, version: int, schema: str, *, durable: bool) -> None:
        """schema: makes an empty file's tables; another `version` than the file's has it begun anew.

        durable: what `run` did survives a power cut. Else it survives the end of the process, however that came.
        """
        self.file = file
        self._version = version
        self._schema = schema
        self._durable = durable
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do `work` in one transaction. A damaged file is set aside, and the work done in a new one.

        Raises:
            RetryableError: the file cannot be read or written now; nothing was changed.
        """
        with self._lock:
            try:
                try:
                    return self._once(work)
                except sqlite3.DatabaseError as error:
                    if int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF not in _UNUSABLE:
                        raise
                    self._set_aside(str(error))
                    return self._once(work)
            except (sqlite3.Error, OSError) as error:
                raise RetryableError(f"{self.file}: {error}; look at the disk's free space and rights") from None

    def size_bytes(self) -> int:
        """Of the file and its log on the disk."""
        total = 0
        for suffix in ("", "-wal"):
            with suppress(OSError):
                total += Path(f"{self.file}{suffix}").stat().st_size
        return total

    def shrink(self) -> None:
        """Give the room of deleted rows back to the file system.

        Raises:
            RetryableError: see `run`.
        """
        with self._lock:
            try:
                connection = self._open()
                connection.execute("PRAGMA incremental_vacuum").fetchall()
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except (sqlite3.Error, OSError) as error:
                raise RetryableError(f"{self.file}: {error}; look at the disk's free space and rights") from None

    def close(self) -> None:
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None

    def _once(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # a full disk has already rolled it back
                connection.execute("ROLLBACK")
            raise
        return result

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = self._connect()
            if connection is None:
                self._set_aside("made by another version of logwatchd")
                connection = self._connect()
            self._connection = connection
        assert self._connection is not None
        return self._connection

    def _connect(self) -> sqlite3.Connection | None:
        """None where another version made the file."""
        self._create()
        connection = sqlite3.connect(self.file, _BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found == 0:
                connection.executescript(
                    f"BEGIN IMMEDIATE; {self._schema}; PRAGMA user_version = {self._version}; COMMIT"
                )
            elif found != self._version:
                connection.close()
                return None
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self) -> None:
        """Its texts are not for every user; what root makes in a daemon's folder has to be the daemon's."""
        with suppress(FileExistsError):
            os.close(os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            if os.geteuid() == 0:
                owner = self.file.parent.stat()
                os.chown(self.file, owner.st_uid, owner.st_gid)

    def _set_aside(self, reason: str) -> None:
        self._let_go()
        aside = self.file.with_name(f"{self.file.name}.damaged")
        self.file.rename(aside)
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{self.file}{suffix}").unlink()
        logger("embed").error(Event.STORE_SET_ASIDE, file=str(self.file), kept_as=str(aside), reason=reason)


def is_store(file: Path) -> bool:
    """Whether there is such a file to look into."""
    try:
        with closing(file.open("rb")) as opened:
            return opened.read(15) == b"SQLite format 3"
    except OSError:
        return False
