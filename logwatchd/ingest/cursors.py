"""How far each part of the journal has been dealt with: state_dir/journal.json, thread-safe.

Like the positions of files it is written without waiting for the disk; every few seconds a copy is, which a damaged
file falls back on. What is lost is read again.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Collection
from dataclasses import asdict, dataclass

from logwatchd import journal
from logwatchd.ingest.state_folder import StateFolder
from logwatchd.journal import Event

FILE_NAME, _COPY_NAME = "journal.json", "journal.copy.json"
SYNC_S = 5.0
_CURSOR = re.compile(r"[a-z]=[0-9a-f]{1,64}(?:;[a-z]=[0-9a-f]{1,64}){0,15}")

_log = journal.logger("tail")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part of the journal has been read to.

    cursor: journald's name of the last entry; None before the first. offset: bytes of text so far, since `generation`,
    which no other reading of it shares.
    """

    cursor: str | None
    offset: int
    generation: int


class Cursors:
    """Places by the name of the part. `folder` None keeps them in memory only."""

    def __init__(self, folder: StateFolder | None) -> None:
        """Load what is there. Damage is said in one loud line and never ends in an error."""
        self._folder = folder
        self._lock = threading.Lock()
        self._places: dict[str, Place] = {}
        self._failing = False
        self._unwritten = self._unsynced = False
        self._sync_at = 0.0
        if folder is not None:
            self._places = _load(folder)

    def get(self, part: str) -> Place | None:
        with self._lock:
            return self._places.get(part)

    def record(self, part: str, place: Place) -> None:
        """Remember a place; one small write, which may fail quietly."""
        with self._lock:
            self._places.pop(part, None)
            self._places[part] = place
            self._write(durable=False)

    def heir_of(self, others: Collection[str]) -> Place | None:
        """The latest place of a part that is none of these: what a changed filter goes on from."""
        with self._lock:
            return next((place for part, place in reversed(self._places.items()) if part not in others), None)

    def keep(self, parts: Collection[str]) -> None:
        """Forget all others."""
        with self._lock:
            kept = {part: place for part, place in self._places.items() if part in parts}
            if kept != self._places:
                self._places = kept
                self._write(durable=False)

    def tend(self, now: float) -> None:
        """Write what could not be written, and the copy that waits for the disk. Never raises. now: monotonic."""
        if now < self._sync_at:
            return
        self._sync_at = now + SYNC_S
        with self._lock:
            if self._unwritten:
                self._write(durable=False)
            if self._unsynced:
                self._write(durable=True)

    def close(self) -> None:
        self._sync_at = 0.0
        self.tend(1.0)

    def _write(self, durable: bool) -> None:
        if self._folder is None:
            return
        name = _COPY_NAME if durable else FILE_NAME
        new = f"{name}.new"
        text = json.dumps({"version": 1, "parts": {part: asdict(place) for part, place in self._places.items()}})
        try:
            handle = self._folder.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            with os.fdopen(handle, "wb") as out:
                out.write(text.encode())
                out.flush()
                if durable:
                    os.fsync(handle)
            self._folder.replace(new, name)
        except OSError as error:
            self._unwritten |= not durable
            self._fail(error)
        else:
            self._unsynced = not durable
            self._unwritten &= durable  # the copy does not stand in for the file
            if self._failing and not self._unwritten:
                self._failing = False
                _log.info(Event.CHECKPOINTS_WRITABLE, message="the journal's read position can be written again")

    def _fail(self, error: OSError) -> None:
        if not self._failing:
            self._failing = True
            _log.error(
                Event.CHECKPOINTS_UNWRITABLE,
                reason=error.strerror,
                message=f"the journal's read position cannot be written ({error.strerror}); reading goes on, and if "
                "logwatchd dies before this is mended, entries will be read again",
            )


def _load(folder: StateFolder) -> dict[str, Place]:
    """From the file, else from its copy."""
    damaged = False
    for name in (FILE_NAME, _COPY_NAME):
        try:
            content = json.loads(folder.read(name))
            places = {str(part): _place(place) for part, place in content["parts"].items()}
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            damaged = True
            continue
        if damaged:
            _say_damaged(folder, "its copy, some seconds older, is used; some entries may be read again")
        return places
    if damaged:
        _say_damaged(folder, "the journal is begun anew as at the first start")
    return {}


def _place(content: dict[str, object]) -> Place:
    """Raises ValueError, KeyError or TypeError if it is not one of ours."""
    cursor, offset, generation = content["cursor"], content["offset"], content["generation"]
    if cursor is not None and not (isinstance(cursor, str) and _CURSOR.fullmatch(cursor)):
        raise ValueError("no cursor")
    if not isinstance(offset, int) or not isinstance(generation, int):
        raise ValueError("no place")
    return Place(cursor, offset, generation)


def _say_damaged(folder: StateFolder, what: str) -> None:
    file = folder.path / FILE_NAME
    _log.error(
        Event.CHECKPOINTS_DAMAGED, path=str(file), message=f"{file}: the journal's read position is damaged; {what}"
    )
