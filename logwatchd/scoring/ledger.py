"""What embedding costs: tokens and dollars a day, kept over restarts, and the budget that they are held against."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import astuple, dataclass
from datetime import date

from logwatchd import clock
from logwatchd.database import Database
from logwatchd.errors import RetryableError

_BYTES_A_TOKEN = 4  # about, of English; what the service reports counts in the end


@dataclass(frozen=True, slots=True)
class Day:
    """One day's embedding (UTC). calls: answered requests. texts, tokens: that were sent. hits: texts that were not."""

    day: str
    calls: int = 0
    texts: int = 0
    tokens: int = 0
    usd: float = 0.0
    hits: int = 0


def estimated_tokens(size_bytes: int, texts: int) -> int:
    """What so many bytes in so many texts come to, before anybody has counted."""
    return size_bytes // _BYTES_A_TOKEN + texts


class Ledger:
    """Today's sums. Where the disk fails they go on in memory. Any thread may call it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unsaved: dict[str, Day] = {}
        self._today = Day(_day(clock.utc_now().date()))
        self._loaded = False
        self._lock = threading.RLock()

    def today(self) -> Day:
        """The sums so far; at midnight (UTC) they begin at 0."""
        day = _day(clock.utc_now().date())
        with self._lock:
            if self._today.day != day or not self._loaded:
                self._today = self._read(day)
            return self._today

    def add(self, *, calls: int = 0, texts: int = 0, tokens: int = 0, usd: float = 0.0, hits: int = 0) -> None:
        """Count something in."""
        with self._lock:
            day = self.today()
            self._today = _sum(day, calls, texts, tokens, usd, hits)
            before = self._unsaved.get(day.day, Day(day.day))
            self._unsaved[day.day] = _sum(before, calls, texts, tokens, usd, hits)
            self._save()

    def _read(self, day: str) -> Day:
        try:
            row = self._database.run(lambda c: c.execute("SELECT * FROM days WHERE day = ?", (day,)).fetchone())
        except RetryableError:
            return self._unsaved.get(day, Day(day))
        self._loaded = True
        unsaved = self._unsaved.get(day, Day(day))
        return _sum(Day(*row) if row else Day(day), *astuple(unsaved)[1:])

    def _save(self) -> None:
        """Put on the disk what is not there yet, and learn what other processes have spent meanwhile."""
        rows = [astuple(day) for day in self._unsaved.values()]

        def write(connection: sqlite3.Connection) -> Day:
            connection.executemany(
                "INSERT INTO days VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (day) DO UPDATE SET "
                "calls = calls + excluded.calls, texts = texts + excluded.texts, "
                "tokens = tokens + excluded.tokens, usd = usd + excluded.usd, hits = hits + excluded.hits",
                rows,
            )
            return Day(*connection.execute("SELECT * FROM days WHERE day = ?", (self._today.day,)).fetchone())

        try:
            self._today = self._database.run(write)
        except RetryableError:
            return
        self._unsaved.clear()


def days(database: Database) -> list[Day]:
    """All days that are kept, the oldest first.

    Raises:
        RetryableError: see `Database.run`.
    """
    return database.run(lambda connection: [Day(*row) for row in connection.execute("SELECT * FROM days ORDER BY day")])


def _sum(day: Day, calls: int, texts: int, tokens: int, usd: float, hits: int) -> Day:
    return Day(day.day, day.calls + calls, day.texts + texts, day.tokens + tokens, day.usd + usd, day.hits + hits)


def _day(today: date) -> str:
    return today.isoformat()
