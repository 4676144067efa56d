"""What goes wrong in the shop: each fault is made for real, from outside, and mended again.

`evidence` are the patterns of log lines that only this fault can make the shop write.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import resource
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from _demo.premises import PhotoDisk, Premises
from _demo.shop.photos import PACK

_FILLER = "left-over.tmp"


@dataclass(frozen=True, slots=True)
class Fault:
    """name: for people. what: what is done to the shop. broken: a context in which it is so."""

    name: str
    what: str
    evidence: re.Pattern[str]
    broken: Callable[[Premises], AbstractContextManager[None]]


@contextmanager
def _database_locked(premises: Premises) -> Iterator[None]:
    database = sqlite3.connect(premises.database_file, timeout=5.0, isolation_level=None)
    try:
        database.execute("BEGIN EXCLUSIVE")
        yield
        database.execute("ROLLBACK")
    finally:
        database.close()


@contextmanager
def _table_gone(premises: Premises) -> Iterator[None]:
    def rename(old: str, new: str) -> None:
        with contextlib.closing(sqlite3.connect(premises.database_file, timeout=5.0)) as database, database:
            database.execute(f"ALTER TABLE {old} RENAME TO {new}")

    rename("reviews", "reviews_old")
    try:
        yield
    finally:
        rename("reviews_old", "reviews")


@contextmanager
def _upstream_gone(premises: Premises) -> Iterator[None]:
    premises.stop_upstream()
    try:
        yield
    finally:
        premises.start_upstream()


@contextmanager
def _photo_disk_full(premises: Premises) -> Iterator[None]:
    if premises.disk is PhotoDisk.FILE_SIZE:
        with _no_larger_files(premises.shop_pid, (premises.photos / PACK).stat().st_size):
            yield
        return
    filler = premises.photos / _FILLER
    try:
        fill_disk(filler)
        yield
    finally:
        filler.unlink()


def fill_disk(filler: Path) -> int:
    """Write a file until its disk is full; its size in bytes."""
    written = 0
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(_DiskFullError):
                while True:
                    written += _write(file.fileno(), bytes(size))
    return written


class _DiskFullError(Exception):
    """Not one more block of this size."""


def _write(handle: int, data: bytes) -> int:
    try:
        return os.write(handle, data)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise _DiskFullError from None


@contextmanager
def _no_larger_files(pid: int, limit_bytes: int) -> Iterator[None]:
    """No file of the process may grow beyond the limit; its logs and its database are smaller than its photos."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def _settings_broken(premises: Premises) -> Iterator[None]:
    good = premises.settings_file.read_text(encoding="utf-8")
    try:
        premises.settings_file.write_text(good.replace("page_size = 20", "page_size = twenty"), encoding="utf-8")
        os.kill(premises.shop_pid, signal.SIGHUP)
        yield
    finally:
        premises.settings_file.write_text(good, encoding="utf-8")
        os.kill(premises.shop_pid, signal.SIGHUP)


FAULTS = (
    Fault(
        name="database locked",
        what="another connection holds an EXCLUSIVE transaction, longer than the shop waits",
        evidence=re.compile(r"database is locked|HTTP/1\.1\" 503 "),
        broken=_database_locked,
    ),
    Fault(
        name="table gone",
        what="a migration renamed the table 'reviews'",
        evidence=re.compile(r"no such table: reviews|HTTP/1\.1\" 500 "),
        broken=_table_gone,
    ),
    Fault(
        name="upstream down",
        what="the shipping service was ended; its port refuses connections",
        evidence=re.compile(r"Connection refused|HTTP/1\.1\" 502 "),
        broken=_upstream_gone,
    ),
    Fault(
        name="disk full",
        what="not one more byte fits on the disk that takes the customers' photos",
        evidence=re.compile(r"No space left on device|File too large|HTTP/1\.1\" 507 "),
        broken=_photo_disk_full,
    ),
    Fault(
        name="settings malformed",
        what="somebody saved a broken settings file and reloaded the shop",
        evidence=re.compile(r"settings not reloaded|TOMLDecodeError"),
        broken=_settings_broken,
    ),
)
