"""One SQLite file in the state folder that survives: opened safely, set aside when damaged, its errors told apart."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from logwatchd import clock
from logwatchd.errors import RetryableError, StateError, state_error
from logwatchd.journal import Event, logger

_T = TypeVar("_T")
_BUSY_S = 5.0
_WAL_BYTES = 4 << 20
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_NO_SUCH_TABLE_OR_COLUMN = sqlite3.SQLITE_ERROR


@dataclass(frozen=True, slots=True)
class Schema:
    """What tables a file has. script: makes them in an empty one.

    check: a statement that fails where they are others; with it the file is also looked through when it is opened.
    upgrades: by version, what makes the next one of it. None: what the file holds can be had again, so one of another
    version is begun anew. anew: to be done besides in one that takes the place of a file that was set aside.
    """

    version: int
    script: str
    check: str | None = None
    upgrades: Mapping[int, str] | None = None
    anew: str | None = None


class Database:
    """A connection that any thread may use, one at a time. It is opened when it is first needed.

    A daemon and a command may have the same file open at once.
    """

    def __init__(self, file: Path, schema: Schema, *, part: str, durable: bool = True) -> None:
        """part: of the program, in whose name trouble is told. durable: what `run` did survives a power cut. Else it
        survives the end of the process, however that came."""
        self.file = file
        self._schema = schema
        self._part = part
        self._durable = durable
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._anew = False

    def open(self) -> None:
        """Open it now; `run` would do so.

        Raises:
            StateError: the file can neither be used nor set aside, or a newer logwatchd wrote it.
        """
        with self._lock:
            try:
                self._mended(self._opened, _DAMAGED | {_NO_SUCH_TABLE_OR_COLUMN})
            except (sqlite3.Error, OSError) as error:
                mend = "give logwatchd a state_dir that it may write to"
                raise state_error(*self._trouble(error, mend)) from None

    def run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do `work` in one transaction. A damaged file is set aside, and the work done in a new one.

        Raises:
            RetryableError: the disk is full, or the file cannot be used for another reason; nothing was changed.
        """
        with self._lock:
            try:
                return self._mended(lambda: self._once(work), _DAMAGED)
            except (sqlite3.Error, OSError) as error:
                what, _, mend = self._trouble(error, "look at the disk's free space and rights")
                raise RetryableError(f"{what}; {mend}") from None

    def shrink(self) -> None:
        """Give the room of deleted rows back to the file system; raises RetryableError as `run` does."""
        with self._lock:
            try:
                connection = self._opened()
                connection.execute("PRAGMA incremental_vacuum").fetchall()
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except (sqlite3.Error, OSError) as error:
                raise RetryableError(f"{self.file}: {error}; look at the disk's free space and rights") from None

    def size_bytes(self) -> int:
        """Of the file and its log on the disk."""
        total = 0
        for suffix in ("", "-wal"):
            with suppress(OSError):
                total += Path(f"{self.file}{suffix}").stat().st_size
        return total

    def close(self) -> None:
        """Let go of it. What somebody deleted meanwhile is written anew, where there still is a folder for it."""
        with self._lock:
            if self._connection is not None and not self.file.exists():
                with suppress(sqlite3.Error, OSError):
                    self._create()
                    self._connection.execute("VACUUM INTO ?", (str(self.file),))
            self._let_go()

    def _trouble(self, error: sqlite3.Error | OSError, mend: str) -> tuple[str, sqlite3.Error | OSError, str]:
        """What an error comes to, for `state_error`: SQLite does not say which of its files it could not open."""
        for suffix in ("", "-wal", "-shm"):
            path = Path(f"{self.file}{suffix}")
            with suppress(OSError):
                if not stat.S_ISREG(path.stat().st_mode):
                    return f"{path}: no regular file, and SQLite needs one of that name", error, "move it away"
        return f"{self.file}: {error}", error, mend

    def _let_go(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None

    def _mended(self, work: Callable[[], _T], damages: set[int]) -> _T:
        """Do it, and where the file turns out to be damaged do it again in a new one."""
        try:
            return work()
        except sqlite3.DatabaseError as error:
            if _code(error) not in damages:
                raise
            self._set_aside(str(error))
            return work()

    def _once(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        connection = self._opened()
        with _transaction(connection):
            return work(connection)

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        self._create()
        connection = sqlite3.connect(self.file, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        connection.text_factory = as_text
        try:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
            connection.execute("PRAGMA foreign_keys = ON")
            if self._settle(connection):
                return connection
        except BaseException:
            connection.close()
            raise
        connection.close()
        self._set_aside("made by another version of logwatchd")
        return self._connect()

    def _create(self) -> None:
        """It holds log lines, which are not for every user; what root makes in a daemon's folder is the daemon's."""
        with suppress(FileExistsError):
            handle = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                if os.geteuid() == 0:
                    owner = self.file.parent.stat()
                    # By the handle: the folder's owner could put a link to another's file under the name meanwhile.
                    os.fchown(handle, owner.st_uid, owner.st_gid)
            finally:
                os.close(handle)

    def _settle(self, connection: sqlite3.Connection) -> bool:
        """Have the tables there; False where the file is another version's, and to be begun anew."""
        schema = self._schema
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found == 0:
            anew = f";{schema.anew}" if self._anew and schema.anew else ""
            _bring_to(connection, schema.version, schema.script + anew)
        elif schema.upgrades is None:
            return bool(found == schema.version)
        elif found > schema.version:
            raise StateError(
                f"{self.file}: version {found} of a newer logwatchd, this one knows {schema.version};"
                " install that one again, or move the file away"
            )
        else:
            for older in range(found, schema.version):
                _bring_to(connection, older + 1, schema.upgrades[older])
        if schema.check:
            connection.execute(schema.check)
            # quick_check's answer is text, not an error; a list of faults is as bad as one.
            faults = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if faults != "ok":
                damaged = sqlite3.DatabaseError(str(faults).splitlines()[0])
                damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise damaged
        return True

    def _set_aside(self, reason: str) -> None:
        """What can be had again is kept once, for a look at it; other files are all kept."""
        self._let_go()
        self._anew = True
        stamp = "" if self._schema.upgrades is None else f"-{clock.utc_now():%Y%m%dT%H%M%S.%fZ}"
        aside = self.file.with_name(f"{self.file.name}.damaged{stamp}")
        self.file.rename(aside)
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{self.file}{suffix}").rename(f"{aside}{suffix}")
        logger(self._part).error(Event.FILE_SET_ASIDE, file=str(self.file), kept_as=str(aside), reason=reason)


def is_database(file: Path) -> bool:
    """Whether there is such a file to look into."""
    try:
        with file.open("rb") as opened:
            return opened.read(15) == b"SQLite format 3"
    except OSError:
        return False


def _bring_to(connection: sqlite3.Connection, version: int, script: str) -> None:
    """Run the script, unless another process that opened the file at the same time has done so."""
    with _transaction(connection):
        if connection.execute("PRAGMA user_version").fetchone()[0] >= version:
            return
        for statement in script.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version}")


def as_text(stored: bytes) -> str:
    """SQLite does not look at what it holds as text: one broken byte would stop all that is read along with it."""
    return stored.decode("utf-8", "replace")


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
