"""Lines whose texts a service could not embed when they came: on the disk, in order, until it can."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from logwatchd.database import Database, Schema
from logwatchd.errors import RetryableError
from logwatchd.journal import Event, logger
from logwatchd.scoring.excerpts import Excerpt, from_bytes, to_bytes

FILE_NAME = "late.sqlite"
_SCHEMA = Schema(
    1,
    "CREATE TABLE late (number INTEGER PRIMARY KEY AUTOINCREMENT, lines INTEGER NOT NULL, excerpt BLOB NOT NULL)",
    upgrades={},
)
_WINDOW = 2000  # excerpts that are in memory at once
_WINDOW_BYTES = 1 << 20  # of them as they are stored; some ten times that when unpacked


class Backlog:
    """Owned by the score stage's thread. Bounded: what does not fit is left to the caller.

    lines: how many wait, for others to read.
    """

    def __init__(self, state_dir: Path, max_bytes: int) -> None:
        """max_bytes: of lines as they are stored. It may be set anew."""
        self._database = Database(state_dir / FILE_NAME, _SCHEMA, part="embed")
        self.max_bytes = max_bytes
        self.lines = 0
        self._last = 0  # number that was given or seen: none comes twice, not even in a file that is begun anew
        self._size_bytes = 0
        self._scored = 0  # since it was last empty
        self._full = False
        self._counted = not self._database.file.exists()  # most daemons never need the file

    def put(self, excerpts: Sequence[Excerpt]) -> bool:
        """Keep these behind what is there; on the disk when this returns. False: there is no room, nothing was kept.

        Raises:
            RetryableError: the disk fails; nothing was kept.
        """
        self._count()
        rows = [(len(excerpt.waiting), to_bytes(excerpt)) for excerpt in excerpts]
        size = sum(len(row[1]) for row in rows)
        if self._size_bytes and self._size_bytes + size > self.max_bytes:
            if not self._full:
                logger("score").warning(Event.BACKLOG_FULL, lines=self.lines, size_bytes=self._size_bytes)
            self._full = True
            return False

        def write(connection: sqlite3.Connection) -> int:
            there = connection.execute("SELECT coalesce(max(number), 0) FROM late").fetchone()[0]
            last = max(self._last, int(there))
            numbered = [(number, *row) for number, row in enumerate(rows, start=last + 1)]
            connection.executemany("INSERT INTO late VALUES (?, ?, ?)", numbered)
            return last + len(rows)

        self._last = self._database.run(write)
        self.lines += sum(row[0] for row in rows)
        self._size_bytes += size
        return True

    def take(self, after: int) -> list[tuple[int, Excerpt]]:
        """The oldest with a number above `after`, as many as may be in memory at once; they stay until they are done.

        Raises:
            RetryableError: the disk fails.
        """
        self._count()
        if not self.lines:
            return []

        def read(connection: sqlite3.Connection) -> list[tuple[int, bytes]]:
            rows: list[tuple[int, bytes]] = []
            size = 0
            for number, stored in connection.execute(
                "SELECT number, excerpt FROM late WHERE number > ? ORDER BY number LIMIT ?", (after, _WINDOW)
            ):
                size += len(stored)
                if rows and size > _WINDOW_BYTES:
                    break
                rows.append((number, stored))
            return rows

        found = []
        for number, stored in self._database.run(read):
            try:
                found.append((number, from_bytes(stored)))
            except ValueError as error:
                raise RetryableError(f"{self._database.file}: entry {number}: {error}; move the file away") from None
        if found:
            self._last = max(self._last, found[-1][0])
        else:
            self._counted = False  # they may have gone with a damaged file
        return found

    def done(self, numbers: Sequence[int]) -> None:
        """These have their verdicts.

        Raises:
            RetryableError: the disk fails; they are still there.
        """
        self._database.run(
            lambda c: c.executemany("DELETE FROM late WHERE number = ?", [(number,) for number in numbers])
        )
        before = self.lines
        self._counted = False
        self._count()
        self._scored += before - self.lines
        self._full = False
        if not self.lines:
            logger("score").info(Event.BACKLOG_DONE, lines=self._scored)
            self._scored = 0
            self._database.shrink()

    def close(self) -> None:
        self._database.close()

    def _count(self) -> None:
        if self._counted:
            return
        sql = "SELECT COALESCE(SUM(lines), 0), COALESCE(SUM(LENGTH(excerpt)), 0) FROM late"
        self.lines, self._size_bytes = self._database.run(lambda c: c.execute(sql).fetchone())
        self._counted = True
