"""Open files are many but not endless: opens them, and closes idle ones when there are too many."""

from __future__ import annotations

import errno
import os
import resource

from logwatchd import journal
from logwatchd.ingest.followed import Followed, Place, Register
from logwatchd.ingest.rests import Rests
from logwatchd.journal import Event

WANTED_FILES = 65536
_SPARE_FILES = 128  # for everything else that the process opens
_DEAD = {errno.ESTALE, errno.ENOTCONN}  # a handle that a server has forgotten, or whose server is gone, does not revive

_log = journal.logger("tail")


def raise_limit() -> int:
    """Raise the soft limit of open files as far as it may go; returns how many the tailer may hold."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        except (OSError, ValueError):
            limit = soft  # then fewer files stay open at a time; none is lost
    return max(limit - _SPARE_FILES, limit // 2)


class Handles:
    """Owner: the tail thread."""

    def __init__(self, register: Register, cap: int) -> None:
        self._register = register
        self._cap = cap
        self._opened = 0
        self.rests = Rests()

    def ensure(self, file: Followed) -> bool:
        """Have it open. False if that cannot be done now: it is being unpacked, or `file.problem` says why, or that is
        None, where another file stands under its name by now."""
        reader = file.reader
        if reader.is_open:
            self.rests.done(file)
            self._opens(file)
            return True
        if reader.is_unpacking:
            return False
        if self._opened >= self._cap:
            self._opened = self._close_idle(self._cap)
        try:
            opened = self.rests.begin(file)
            if opened and file.start_at_end is not None:
                reader.seek_last_line(min(file.start_at_end, reader.size()))
                file.start_at_end = None
        except OSError as error:
            reader.close()
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._opened = self._close_idle(0)
            self.trouble(file, error)
            return False
        self._opened += opened
        if opened:
            self._opens(file)
        elif not reader.is_unpacking:
            file.problem = None
        return opened

    def trouble(self, file: Followed, error: OSError) -> None:
        """Note that a file cannot be read now: said once, tried again at every survey."""
        file.behind = file.suspect = False
        file.looks_left = 1
        file.read_fails = file.read_fails or file.reader.is_open
        if error.errno in _DEAD:
            file.reader.close()
        if error.errno == errno.ENOENT:  # gone since it was seen; the next look finds out what became of it
            file.problem = ""
            return
        reason = os.strerror(error.errno) if error.errno else str(error)
        if file.problem != reason:
            file.problem = reason
            _log.warning(
                Event.FILE_UNREADABLE,
                path=file.reader.path,
                reason=reason,
                message=f"{file.reader.path}: cannot be read: {reason}; it is tried again until it can",
            )

    @staticmethod
    def cut(file: Followed, damage: OSError) -> None:
        """Note that all of a damaged file was read that can be unpacked: said once for what that is."""
        path, read_bytes = file.reader.path, file.reader.offset
        problem = f"{damage}; of its content the lines in the first {read_bytes:,} bytes were read"
        if file.problem != problem:
            file.problem = problem
            _log.warning(
                Event.FILE_UNREADABLE,
                path=path,
                reason=str(damage),
                bytes=read_bytes,
                message=f"{path}: cannot be read to its end: {problem}; it is tried again when it changes",
            )

    def recovered(self, file: Followed) -> None:
        """Note that all was read of it that there was to read, or more than before."""
        if file.problem is None or file.reader.is_cut:
            return
        if file.problem:
            _log.info(Event.FILE_FOUND, path=file.reader.path, message=f"{file.reader.path}: can be read again")
        file.problem, file.read_fails = None, False

    def _opens(self, file: Followed) -> None:
        if not file.read_fails:
            self.recovered(file)

    def _close_idle(self, cap: int) -> int:
        """Close a tenth of those that are read to their end and can be found again by name: first those that were
        delivered to their end as well, the longest idle first."""
        opened = [file for file in self._register if file.reader.is_open]
        if len(opened) < cap:
            return len(opened)
        idle = [file for file in opened if not file.behind and file.place is not Place.NOWHERE and not file.suspect]
        idle.sort(key=lambda file: (bool(file.reader.partial), file.changed_at))
        surplus = idle[: max(1, len(opened) // 10)]
        for file in surplus:
            file.reader.close()
        return len(opened) - len(surplus)
