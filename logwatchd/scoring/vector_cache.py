"""Vectors that were paid for once, kept on the disk: the same text is never sent twice, also after a restart."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np

from logwatchd import clock
from logwatchd.database import Database, Schema
from logwatchd.errors import RetryableError
from logwatchd.journal import Event, logger
from logwatchd.vectors import Vectors

_T = TypeVar("_T")

FILE_NAME = "embeddings.sqlite"
SCHEMA = Schema(
    1,
    """
CREATE TABLE vectors (key BLOB PRIMARY KEY, space TEXT NOT NULL, used INTEGER NOT NULL, vector BLOB NOT NULL);
CREATE INDEX vectors_by_use ON vectors (used);
CREATE TABLE days (
    day TEXT PRIMARY KEY, calls INTEGER NOT NULL, texts INTEGER NOT NULL, tokens INTEGER NOT NULL, usd REAL NOT NULL,
    hits INTEGER NOT NULL
) WITHOUT ROWID
""",
)
_STORED = "<f2"  # half precision moves a cosine by a ten-millionth, and halves the file
_KEYS_AT_ONCE = 500
_ROOM_AGAIN = 0.9  # a full cache lets go of its longest unused part, not of one vector each time


@dataclass(frozen=True, slots=True)
class Held:
    """What the cache has of one embedder's vectors."""

    space: str
    texts: int
    size_bytes: int


def open_database(state_dir: Path) -> Database:
    """The file of vectors and of what they cost."""
    return Database(state_dir / FILE_NAME, SCHEMA, part="embed", durable=False)


def space_of(embedder: str, dimensions: int | None) -> str:
    """The vector space that a text's vector lies in. dimensions: as asked for; None for the model's own."""
    return embedder if dimensions is None else f"{embedder}@{dimensions}"


def as_stored(vectors: Vectors) -> Vectors:
    """The vectors as they come back from the cache, so that a text's score is the same before and after a restart."""
    return np.asarray(vectors, dtype=_STORED).astype(np.float32)


class VectorCache:
    """Any thread may call it. Where the disk fails it holds nothing, says so once, and nobody waits for it."""

    def __init__(self, database: Database, max_bytes: int) -> None:
        """max_bytes: of vectors; the longest unused leave first. It may be set anew."""
        self._database = database
        self.max_bytes = max_bytes
        self._size_bytes: int | None = None
        self._failing = False

    def get(self, space: str, texts: Sequence[str]) -> dict[str, Vectors]:
        """The vectors of those texts that it holds, float32 (D,) each."""
        keys = {_key(space, text): text for text in texts}
        today = clock.utc_now().toordinal()

        def read(connection: sqlite3.Connection) -> dict[str, Vectors]:
            found: dict[str, Vectors] = {}
            for some in _in_parts(keys):
                marks = ",".join("?" * len(some))
                rows = connection.execute(f"SELECT key, vector FROM vectors WHERE key IN ({marks})", some)
                found.update((keys[key], np.frombuffer(blob, _STORED).astype(np.float32)) for key, blob in rows)
                connection.execute(
                    f"UPDATE vectors SET used = ? WHERE key IN ({marks}) AND used < ?", (today, *some, today)
                )
            return found

        return (self._guarded(read) if keys else None) or {}

    def put(self, space: str, vectors: Mapping[str, Vectors]) -> None:
        """Keep these, float32 (D,) each; on the disk when this returns. What has no vector may have one next time."""
        today = clock.utc_now().toordinal()
        rows = [
            (_key(space, text), space, today, vector.astype(_STORED).tobytes())
            for text, vector in vectors.items()
            if vector.any()
        ]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)", rows)
            if self._size_bytes is None:
                self._size_bytes = _size(connection)
            else:
                self._size_bytes += sum(len(row[3]) for row in rows)
            if self._size_bytes > self.max_bytes:
                _evict(connection, self.max_bytes * _ROOM_AGAIN)
                self._size_bytes = _size(connection)

        self._guarded(write)

    def _guarded(self, work: Callable[[sqlite3.Connection], _T]) -> _T | None:
        try:
            result = self._database.run(work)
        except RetryableError as error:
            if not self._failing:
                logger("embed").warning(Event.CACHE_FAILS, reason=str(error))
            self._failing, self._size_bytes = True, None
            return None
        self._failing = False
        return result


def held(database: Database) -> list[Held]:
    """What is there by embedder, the most first.

    Raises:
        RetryableError: see `Database.run`.
    """
    sql = "SELECT space, COUNT(*), SUM(LENGTH(vector)) FROM vectors GROUP BY space ORDER BY 3 DESC"
    return database.run(lambda connection: [Held(*row) for row in connection.execute(sql)])


def clear(database: Database) -> int:
    """Forget all vectors and how often they were of use, not what they cost; returns how many there were.

    Raises:
        RetryableError: see `Database.run`.
    """

    def forget(connection: sqlite3.Connection) -> int:
        connection.execute("UPDATE days SET hits = 0")
        return connection.execute("DELETE FROM vectors").rowcount

    count = database.run(forget)
    database.shrink()
    return count


def _key(space: str, text: str) -> bytes:
    """No text is kept: its vector is found by what the text is folded to."""
    return hashlib.blake2b(f"{space}\0{text}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _in_parts(keys: Iterable[bytes]) -> Iterator[list[bytes]]:
    rest = iter(keys)
    while part := list(islice(rest, _KEYS_AT_ONCE)):
        yield part


def _size(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT COALESCE(SUM(LENGTH(vector)), 0) FROM vectors").fetchone()[0])


def _evict(connection: sqlite3.Connection, wanted_bytes: float) -> None:
    left = _size(connection)
    gone = []
    for key, size in connection.execute("SELECT key, LENGTH(vector) FROM vectors ORDER BY used, key"):
        if left <= wanted_bytes:
            break
        gone.append((key,))
        left -= size
    connection.executemany("DELETE FROM vectors WHERE key = ?", gone)
