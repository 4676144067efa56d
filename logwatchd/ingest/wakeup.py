"""Wakes the tailer through inotify. Nothing depends on it: polling finds everything, only later.

Each folder is armed for a single event, and armed again before it is looked at next. So a writer of thousands of lines
a second costs one event a look, the kernel's queue cannot overflow, and a watch that died (its folder was deleted,
moved or unmounted) is simply one that has to be armed. watchdog's binding to inotify is used below its observer, whose
thread per folder and 30 microseconds per event buy nothing here.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from logwatchd import journal
from logwatchd.errors import RetryableError, starved
from logwatchd.journal import Event

if TYPE_CHECKING:
    from watchdog.observers.inotify_c import InotifyEvent, InotifyFD, WatchDescriptor

RETRY_S = 60.0
JOIN_S = 2.0

FolderKey = tuple[int, int]  # device, inode

# What the kernel refuses with where a limit of this user's is reached, and which one that is.
_LIMITS = {errno.EMFILE: "fs.inotify.max_user_instances", errno.ENOSPC: "fs.inotify.max_user_watches"}

_log = journal.logger("tail")


class _Armed:
    """One folder's watch; called by watchdog's thread, so it only sets flags."""

    def __init__(self, key: FolderKey, on_event: Callable[[], None], on_overflow: Callable[[], None]) -> None:
        self.key = key
        self.spent = False
        self._on_event = on_event
        self._on_overflow = on_overflow

    def on_event(self, event: InotifyEvent) -> None:
        self.spent = True  # the kernel took the watch away with its one event
        self._on_event()

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        self.spent = True

    def on_queue_overflow(self) -> None:
        self._on_overflow()
        self._on_event()


class Wakeup:
    """Calls `on_event` from a thread of its own when something happens in one of the armed folders.

    Owner: the tail thread; only the counters are read by others.
    """

    def __init__(self, on_event: Callable[[], None]) -> None:
        self.overflows = 0
        self.deaths = 0
        self.polling_only = False
        self._on_event = on_event
        self._inotify: InotifyFD | None = None
        self._armed: dict[str, tuple[_Armed, WatchDescriptor, int]] = {}
        self._ids = itertools.count(1)
        self._retry_at = 0.0

    def arm(self, folders: Mapping[str, FolderKey], now: float) -> None:
        """Ask for one event from each of these folders. Call it before they are looked at. Never raises."""
        if now < self._retry_at:
            return
        try:
            inotify = self._ensure()
            for folder, key in folders.items():
                self._arm_one(inotify, folder, key)
            for folder in [folder for folder in self._armed if folder not in folders]:
                self._disarm(inotify, folder)
        except (OSError, ImportError, RetryableError) as error:
            self._retry_at = now + RETRY_S
            if not self.polling_only:
                self.polling_only = True
                reason = getattr(error, "strerror", None) or str(error)
                _log.warning(
                    Event.POLLING_ONLY,
                    reason=reason,
                    message=f"inotify cannot be used ({reason}); files are polled instead, which only takes longer"
                    f"{_mend(error)}",
                )
            self.close()
        else:
            self.polling_only = False

    def close(self) -> None:
        """End watchdog's thread and release its handle."""
        inotify, self._inotify = self._inotify, None
        self._armed.clear()
        if inotify is not None:
            inotify.stop()
            inotify.join(JOIN_S)

    def _ensure(self) -> InotifyFD:
        if self._inotify is not None:
            if self._inotify.is_alive():
                return self._inotify
            self.deaths += 1
            _log.warning(Event.WATCHER_DIED, message="the inotify thread died and is started again")
            self.close()
        from watchdog.observers.inotify_c import InotifyFD

        inotify = InotifyFD()
        inotify.daemon = True
        try:
            inotify.start()
        except (RuntimeError, MemoryError) as error:
            inotify._close_resources()  # `stop` leaves that to the thread
            raise starved("it", error) from None
        self._inotify = inotify
        return inotify

    def _arm_one(self, inotify: InotifyFD, folder: str, key: FolderKey) -> None:
        from watchdog.observers.inotify_c import CallbackId, InotifyConstants, Mask

        known = self._armed.get(folder)
        if known is not None:
            if not known[0].spent and known[0].key == key:
                return
            self._disarm(inotify, folder)
        if not os.access(folder, os.R_OK):  # watchdog takes the refusal for a watch
            return
        mask = Mask(
            InotifyConstants.IN_MODIFY
            | InotifyConstants.IN_CREATE
            | InotifyConstants.IN_MOVE
            | InotifyConstants.IN_DELETE
            | InotifyConstants.IN_ATTRIB
            | InotifyConstants.IN_DELETE_SELF
            | InotifyConstants.IN_MOVE_SELF
            | InotifyConstants.IN_ONLYDIR
            | InotifyConstants.IN_ONESHOT
        )
        armed = _Armed(key, self._on_event, self._count_overflow)
        ident = next(self._ids)
        try:
            wd = inotify.add_callback(os.fsencode(folder), mask, armed, CallbackId(ident))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG):
                return  # gone since it was seen; the next look finds out
            raise
        self._armed[folder] = (armed, wd, ident)

    def _disarm(self, inotify: InotifyFD, folder: str) -> None:
        from watchdog.observers.inotify_c import CallbackId

        armed, wd, ident = self._armed.pop(folder)
        if not armed.spent:
            inotify.remove_callbacks([(wd, CallbackId(ident))])

    def _count_overflow(self) -> None:
        self.overflows += 1


def _mend(error: Exception) -> str:
    limit = _LIMITS.get(getattr(error, "errno", None) or 0)
    if limit is None:
        return ""
    return f"; 'sysctl {limit}' tells how many this user may have: raise it, and inotify is used within {RETRY_S:.0f} s"
