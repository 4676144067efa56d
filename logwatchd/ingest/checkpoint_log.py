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
from collections.abc import Iterable
from typing import Any, NamedTuple
from zlib import crc32

from logwatchd.errors import state_error
from logwatchd.ingest.state_folder import StateFolder

Record = dict[str, Any]

_NAME, _NEW = "positions.log", "positions.new"
_PREVIOUS, _DAMAGED = "positions.prev", "positions.damaged"
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

    def __init__(self, folder: StateFolder) -> None:
        """Read what is there; `records` and `damage` say what was found. Nothing is written yet.

        Raises:
            StateError: the folder cannot be used.
        """
        self._folder = folder
        self._handle: int | None = None
        self.records: list[Record] = []
        self.damage: str | None = None
        self.size_bytes = 0
        try:
            self._load()
            if self.size_bytes and self.damage is None:
                self._open(self.size_bytes)
        except OSError as error:
            file = folder.path / (error.filename or _NAME)
            raise state_error(
                f"state_dir = {folder.path}: {file} cannot be used: {error.strerror}",
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
        folder = self._folder
        data = b"".join(map(encode, (_HEADER, *records)))
        handle = folder.open(_NEW, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW)
        try:
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(handle, view) :]
                os.fsync(handle)
            finally:
                os.close(handle)
            self._keep_present()
            folder.replace(_NEW, _NAME)
        except OSError:
            folder.unlink(_NEW)
            raise
        folder.sync()
        self._open(len(data))
        self.damage = None

    def is_in_place(self) -> bool:
        """Whether the file that is appended to still is the one that a restart would find."""
        try:
            return self._handle is not None and os.path.samestat(os.fstat(self._handle), self._folder.stat(_NAME))
        except OSError:
            return False

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _load(self) -> None:
        present = self._read(_NAME)
        previous = self._read(_PREVIOUS)
        if present is None and previous is None:
            return
        loaded = Loaded([], 0, "is missing") if present is None else decode(present)
        self.records, self.damage, self.size_bytes = loaded.records, loaded.damage, loaded.whole_bytes
        if self.damage is not None and previous is not None:
            self.records = decode(previous).records + self.records

    def _open(self, size_bytes: int) -> None:
        handle = self._folder.open(_NAME, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
        self.close()
        self._handle = handle
        self.size_bytes = size_bytes
        os.ftruncate(handle, size_bytes)  # cuts off a torn last record

    def _keep_present(self) -> None:
        folder = self._folder
        try:
            folder.stat(_NAME)
        except FileNotFoundError:
            return
        kept = _DAMAGED if self.damage else _PREVIOUS
        folder.unlink(kept)
        try:
            folder.link(_NAME, kept)
        except OSError:  # not every filesystem knows links
            present = folder.read(_NAME)
            with os.fdopen(folder.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as copy:
                copy.write(present)

    def _read(self, name: str) -> bytes | None:
        try:
            return self._folder.read(name)
        except FileNotFoundError:
            return None
