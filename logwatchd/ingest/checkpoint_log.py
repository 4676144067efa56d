"""The file in which positions stand: records appended one a line, each with its CRC, rewritten whole now and then.

    positions.log    a header, a snapshot, then what happened since
    positions.prev   the one before; what a damaged positions.log leaves open is taken from here
    positions.damaged   a positions.log that had to be given up, for whoever wants to look

A record says everything about its subject, so the last one that is whole counts, and none depends on another.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

from logwatchd.errors import state_error

Record = dict[str, Any]

_VERSION = 1
_HEADER: Record = {"kind": "header", "version": _VERSION}
_CRC_DIGITS = 8


class Loaded(NamedTuple):
    """What a file holds. whole_bytes: up to the end of its last whole record. damage: None, or what is wrong."""

    records: list[Record]
    whole_bytes: int
    damage: str | None


def encode(record: Record) -> bytes:
    body = json.dumps(record, separators=(",", ":"), ensure_ascii=True).encode("ascii")
    return b"%08x %s\n" % (crc32(body), body)


def _decode(line: bytes) -> Record | None:
    body = line[_CRC_DIGITS + 1 :]
    try:
        if int(line[:_CRC_DIGITS], 16) != crc32(body):
            return None
        record = json.loads(body)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def decode(data: bytes) -> Loaded:
    """Read every record that is whole, wherever it stands. A last line without its end is no damage: power went."""
    if not data:
        return Loaded([], 0, "is empty")
    lines = data.split(b"\n")
    torn = lines.pop()
    whole_bytes = len(data) - len(torn)
    records = [_decode(line) for line in lines]
    bad = records.count(None)
    whole = [record for record in records if record is not None]
    if not whole or whole[0].get("kind") != "header":
        return Loaded(whole, whole_bytes, "has no readable beginning")
    if whole[0].get("version") != _VERSION:
        return Loaded([], 0, f"is of version {whole[0].get('version')}")
    return Loaded(whole[1:], whole_bytes, f"has {bad} damaged records" if bad else None)


class CheckpointLog:
    """Appends and rewrites. Not thread-safe: `Checkpoints` holds a lock around it."""

    def __init__(self, folder: Path) -> None:
        """Read what is there; `records` and `damage` say what was found. Nothing is written yet.

        Raises:
            StateError: the folder cannot be used.
        """
        self._folder = folder
        self._path = folder / "positions.log"
        self._previous = folder / "positions.prev"
        self._handle: int | None = None
        self.records: list[Record] = []
        self.damage: str | None = None
        self.size_bytes = 0
        try:
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._load()
            if self.size_bytes and self.damage is None:
                self._open(self.size_bytes)
        except OSError as error:
            raise state_error(
                f"state_dir = {folder}: {error.filename or self._path} cannot be used: {error.strerror}",
                error,
                "make it a folder that this user can write",
            ) from None

    @property
    def can_append(self) -> bool:
        """Whether there is a whole log to append to; if not, it has to be rewritten first."""
        return self._handle is not None

    def append(self, data: bytes) -> None:
        """Add encoded records, all or nothing.

        Raises:
            OSError: the disk is full or broken.
        """
        if self._handle is None:
            raise OSError(errno.EBADF, "the log has not been written yet")
        if os.write(self._handle, data) != len(data):
            # Half a record is cut off again, so that what is appended later starts a line of its own.
            os.ftruncate(self._handle, self.size_bytes)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.size_bytes += len(data)

    def sync(self) -> None:
        """Put what was appended on the disk.

        Raises:
            OSError: the disk is broken.
        """
        if self._handle is not None:
            os.fdatasync(self._handle)

    def rewrite(self, records: Iterable[Record]) -> None:
        """Replace the log by a snapshot; the present one becomes the previous one.

        Raises:
            OSError: it could not be written; the present one goes on being used.
        """
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        fresh = self._folder / "positions.new"
        data = b"".join(map(encode, (_HEADER, *records)))
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
        try:
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(handle, view) :]
                os.fsync(handle)
            finally:
                os.close(handle)
            self._keep_present()
            fresh.replace(self._path)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        self._sync_folder()
        self._open(len(data))
        self.damage = None

    def is_in_place(self) -> bool:
        """Whether the file that is appended to still is the one that a restart would find."""
        try:
            return self._handle is not None and os.path.samestat(os.fstat(self._handle), self._path.stat())
        except OSError:
            return False

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _load(self) -> None:
        present = self._read(self._path)
        previous = self._read(self._previous)
        if present is None and previous is None:
            return
        loaded = Loaded([], 0, "is missing") if present is None else decode(present)
        self.records, self.damage, self.size_bytes = loaded.records, loaded.damage, loaded.whole_bytes
        if self.damage is not None and previous is not None:
            self.records = decode(previous).records + self.records

    def _open(self, size_bytes: int) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        self.close()
        self._handle = handle
        self.size_bytes = size_bytes
        os.ftruncate(handle, size_bytes)  # cuts off a torn last record

    def _keep_present(self) -> None:
        if not self._path.exists():
            return
        kept = self._folder / "positions.damaged" if self.damage else self._previous
        kept.unlink(missing_ok=True)
        try:
            os.link(self._path, kept)
        except OSError:  # not every filesystem knows links
            shutil.copyfile(self._path, kept)

    def _sync_folder(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    @staticmethod
    def _read(path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
