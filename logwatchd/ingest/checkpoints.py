"""How far every known file has been dealt with: kept in memory, written to the state folder, thread-safe.

Written without waiting for the disk: a killed process loses nothing, a power cut the last seconds at most, and what is
lost is read again. A full disk stops nothing: what could not be written is kept and tried again.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import replace

from logwatchd import clock, journal
from logwatchd.ingest.checkpoint_log import CheckpointLog, Record, encode
from logwatchd.ingest.identity import FileKey, Position, Print, Role
from logwatchd.ingest.state_folder import StateFolder
from logwatchd.journal import Event
from logwatchd.records import FileId

EXPIRE_S = 7 * 86400  # a file that has been gone for so long does not come back
SETTLE_S = 3600.0  # nothing expires sooner after a start: its filesystem may still have to be mounted
COMPACT_BYTES = 1 << 20
COMPACT_FACTOR = 4
SYNC_S = 5.0
RETRY_S = 1.0
COMPACT_AGAIN_S = 60.0  # after it could not be done; until then what happens is appended as before

_log = journal.logger("tail")


class Checkpoints:
    """Positions by file, and which patterns have ever been started. `folder` None keeps them in memory only."""

    def __init__(self, folder: StateFolder | None) -> None:
        """Load what is there. Damage is said in one loud line and never ends in an error.

        Raises:
            StateError: the folder cannot be used.
        """
        self._lock = threading.Lock()
        self._positions: dict[FileKey, Position] = {}
        self._seen: dict[FileKey, int] = {}
        self._begun: dict[str, None] = {}
        self._unwritten: dict[FileKey | str, Record] = {}
        self._failing = False
        self._log = CheckpointLog(folder) if folder is not None else None
        self._started = clock.monotonic()
        self._compacted_bytes = 0
        self._retry_at = self._sync_at = self._expire_at = self._compact_at = 0.0
        self._unsynced = False
        if self._log is not None:
            self._restore(self._log)

    def get(self, key: FileKey) -> Position | None:
        with self._lock:
            return self._positions.get(key)

    def positions(self) -> list[Position]:
        """All of them, the one that was committed last at the end."""
        with self._lock:
            return list(self._positions.values())

    def has_begun(self, pattern: str) -> bool:
        """Whether a pattern was followed before, by this or an earlier process."""
        with self._lock:
            return pattern in self._begun

    def begin(self, pattern: str) -> None:
        """Note that the files a pattern names at its first start have been recorded."""
        with self._lock:
            if pattern not in self._begun:
                self._begun[pattern] = None
                self._write(pattern, {"kind": "pattern", "pattern": pattern})

    def record(self, position: Position) -> None:
        """Remember a position in place of the file's earlier one; one small write, which may fail quietly."""
        with self._lock:
            self._record(position)

    def relabel(self, key: FileKey, path: str, live: bool) -> None:
        """The file has another name by now."""
        with self._lock:
            position = self._positions.get(key)
            if position is not None and (position.path, position.live) != (path, live):
                self._record(replace(position, path=path, live=live))

    def tend(self, now: float, present: Collection[FileKey]) -> None:
        """Retry what could not be written, compact, sync, and forget files that are gone for good. Never raises.

        now: monotonic. present: the files that exist.
        """
        if self._log is None:
            return
        if now >= self._sync_at:
            self._sync_at = now + SYNC_S
            self._sync(self._log)
        with self._lock:
            expired = now >= self._expire_at and self._expire(now, present)
            if now < self._retry_at:
                return
            grown = self._log.size_bytes > max(COMPACT_BYTES, COMPACT_FACTOR * self._compacted_bytes)
            if not self._log.can_append or ((expired or grown) and now >= self._compact_at):
                self._compact(self._log, now)
            if self._unwritten and self._log.can_append:
                self._retry(self._log, now)

    def close(self) -> None:
        """Write what could not be written so far, if that is possible now, and let go of the file."""
        with self._lock:
            if self._log is None:
                return
            if not self._log.is_in_place():
                self._log.close()  # somebody removed it
            if not self._log.can_append:
                self._compact(self._log, clock.monotonic())
            elif self._unwritten:
                self._retry(self._log, clock.monotonic())
        self._sync(self._log)
        with self._lock:
            self._log.close()

    def _restore(self, log: CheckpointLog) -> None:
        now = _wall_s()
        for record in log.records:
            try:
                if record["kind"] == "pattern":
                    self._begun[str(record["pattern"])] = None
                elif record["kind"] == "file":
                    position = _position_of(record)
                    self._positions.pop(position.key, None)
                    self._positions[position.key] = position
                    self._seen[position.key] = min(now, int(record["seen"]))
            except (KeyError, TypeError, ValueError):
                log.damage = log.damage or "has records that make no sense"
        log.records = []
        if log.damage is not None:
            found = f"{len(self._positions)} positions could be saved" if self._positions else "nothing could be saved"
            _log.error(
                Event.CHECKPOINTS_DAMAGED,
                damage=log.damage,
                positions=len(self._positions),
                message=f"the record of read positions {log.damage}; from it and the one before {found}; "
                "some lines may be read again",
            )
        with self._lock:
            if log.damage is not None or not log.can_append:
                self._compact(log, clock.monotonic())

    def _record(self, position: Position) -> None:
        # Taken out first, so that the order of the dictionary is the order of the commits.
        self._positions.pop(position.key, None)
        self._positions[position.key] = position
        seen = self._seen[position.key] = _wall_s()
        self._write(position.key, _record_of(position, seen))

    def _write(self, subject: FileKey | str, record: Record) -> None:
        if self._log is None:
            return
        if self._failing or not self._log.can_append:
            self._unwritten[subject] = record
            return
        try:
            self._log.append(encode(record))
            self._unsynced = True
        except OSError as error:
            self._unwritten[subject] = record
            self._fail(error, clock.monotonic())

    def _retry(self, log: CheckpointLog, now: float) -> None:
        try:
            log.append(b"".join(map(encode, self._unwritten.values())))
        except OSError as error:
            self._fail(error, now)
        else:
            self._unsynced = True
            self._recover()

    def _compact(self, log: CheckpointLog, now: float) -> None:
        records: list[Record] = [{"kind": "pattern", "pattern": pattern} for pattern in self._begun]
        records += [_record_of(position, self._seen[key]) for key, position in self._positions.items()]
        try:
            log.rewrite(records)
        except OSError as error:
            self._compact_at = now + COMPACT_AGAIN_S
            if not log.can_append:
                self._fail(error, now)
        else:
            self._compacted_bytes = log.size_bytes
            self._recover()

    def _expire(self, now: float, present: Collection[FileKey]) -> bool:
        """Forget what is gone and aged; both, for an unmounted file is gone as well."""
        self._expire_at = now + SETTLE_S
        wall_s = _wall_s()
        for key in present:
            if key in self._seen:
                self._seen[key] = wall_s
        if now - self._started < SETTLE_S:
            return False
        old = [key for key, seen in self._seen.items() if key not in present and wall_s - seen > EXPIRE_S]
        for key in old:
            del self._positions[key], self._seen[key]
            self._unwritten.pop(key, None)
        return True

    def _sync(self, log: CheckpointLog) -> None:
        """Outside the lock: a slow disk must not hold up a commit."""
        if not self._unsynced:
            return
        self._unsynced = False
        with self._lock:
            if not log.is_in_place():
                log.close()  # somebody removed it; `tend` writes it anew
        try:
            log.sync()
        except OSError as error:
            with self._lock:
                self._fail(error, clock.monotonic())

    def _fail(self, error: OSError, now: float) -> None:
        self._retry_at = now + RETRY_S
        if not self._failing:
            self._failing = True
            _log.error(
                Event.CHECKPOINTS_UNWRITABLE,
                reason=error.strerror,
                message=f"read positions cannot be written ({error.strerror}); reading goes on, and if logwatchd dies "
                "before this is mended, lines will be read again",
            )

    def _recover(self) -> None:
        self._unwritten.clear()
        if self._failing:
            self._failing = False
            _log.info(Event.CHECKPOINTS_WRITABLE, message="read positions can be written again")


def _wall_s() -> int:
    return int(clock.utc_now().timestamp())


def _record_of(position: Position, seen: int) -> Record:
    return {
        "kind": "file",
        "file": list(position.file),
        "path": position.path,
        "offset": position.offset,
        "head": list(position.head),
        "mark": list(position.mark),
        "skipping": position.skipping,
        "live": position.live,
        "role": position.role.value,
        "seen": seen,
    }


def _position_of(record: Record) -> Position:
    """Raises KeyError, TypeError or ValueError if the record is not one of ours."""
    device, inode, generation = map(int, record["file"])
    (head_length, head), (mark_length, mark) = record["head"], record["mark"]
    return Position(
        file=FileId(device, inode, generation),
        path=str(record["path"]),
        offset=int(record["offset"]),
        head=Print(int(head_length), str(head)),
        mark=Print(int(mark_length), str(mark)),
        skipping=bool(record["skipping"]),
        live=bool(record["live"]),
        role=Role(record["role"]),
    )
