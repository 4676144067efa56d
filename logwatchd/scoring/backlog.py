"""Lines whose texts a service could not embed when they came: on the disk, in order, until it can."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from logwatchd.database import Database, Schema
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
# Whatever a damaged row says: it stands for a line at least, or it would never be taken.
_LINES = "min(max(CAST(lines AS INTEGER), 1), 1048576)"
_EXCERPT = "CAST(excerpt AS BLOB)"


class Backlog:
    """Owned by the score stage's thread. Bounded: what does not fit is left to the caller.

    lines: how many wait; lines_given_up: how many could not be read again, since the start. For others to read.
    """

    def __init__(self, state_dir: Path, max_bytes: int) -> None:
        """max_bytes: of lines as they are stored. It may be set anew."""
        self._database = Database(state_dir / FILE_NAME, _SCHEMA, part="embed")
        self.max_bytes = max_bytes
        self.lines = 0
        self.lines_given_up = 0
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

        What cannot be read again is given up, each with one loud line, or it would stop all others for ever.

        Raises:
            RetryableError: the disk fails.
        """
        self._count()
        while self.lines:
            rows = self._database.run(lambda connection: _window(connection, after))
            if not rows:
                self._counted = False  # they may have gone with a damaged file
                break
            self._last = max(self._last, rows[-1][0])
            found, damaged = [], []
            for number, lines, stored in rows:
                try:
                    found.append((number, from_bytes(stored)))
                except ValueError as error:
                    damaged.append((number, lines, str(error)))
            if damaged:
                self._give_up(damaged)
            if found:
                return found
        return []

    def done(self, numbers: Sequence[int]) -> None:
        """These have their verdicts.

        Raises:
            RetryableError: the disk fails; they are still there.
        """
        self._delete(numbers)
        self._scored += self._gone()
        self._rest()

    def close(self) -> None:
        self._database.close()

    def _give_up(self, damaged: Sequence[tuple[int, int, str]]) -> None:
        """Delete these: number, lines, and what is wrong."""
        self._delete([number for number, _, _ in damaged])
        for number, lines, error in damaged:
            self.lines_given_up += lines
            reason = f"{self._database.file}: entry {number} is damaged ({error}) and deleted; look at the disk"
            logger("score").error(Event.LINES_GIVEN_UP, lines=lines, reason=reason)
        self._gone()
        self._rest()

    def _delete(self, numbers: Sequence[int]) -> None:
        rows = [(number,) for number in numbers]
        self._database.run(lambda c: c.executemany("DELETE FROM late WHERE number = ?", rows))

    def _gone(self) -> int:
        """Some were deleted: how many lines that were."""
        before = self.lines
        self._counted = False
        self._count()
        self._full = False
        return before - self.lines

    def _rest(self) -> None:
        """Nothing waits any more, perhaps."""
        if self.lines:
            return
        if self._scored:
            logger("score").info(Event.BACKLOG_DONE, lines=self._scored)
        self._scored = 0
        self._database.shrink()

    def _count(self) -> None:
        if self._counted:
            return
        sql = f"SELECT COALESCE(SUM({_LINES}), 0), COALESCE(SUM(LENGTH({_EXCERPT})), 0) FROM late"
        self.lines, self._size_bytes = self._database.run(lambda c: c.execute(sql).fetchone())
        self._counted = True


def _window(connection: sqlite3.Connection, after: int) -> list[tuple[int, int, bytes]]:
    """The oldest rows with a number above `after`: number, lines and excerpt."""
    sql = f"SELECT number, {_LINES}, {_EXCERPT} FROM late WHERE number > ? ORDER BY number LIMIT ?"
    rows: list[tuple[int, int, bytes]] = []
    size = 0
    for number, lines, stored in connection.execute(sql, (after, _WINDOW)):
        size += len(stored)
        if rows and size > _WINDOW_BYTES:
            break
        rows.append((number, lines, stored))
    return rows
