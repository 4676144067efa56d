"""Paths and folders that cannot be looked at: each is told of when that begins, and not with every survey."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping

from logwatchd.ingest.targets import Target
from logwatchd.journal import Event, logger

_NOTHING_THERE = {errno.ENOENT, errno.ENOTDIR}

_log = logger("tail")


def says_where(error: OSError) -> bool:
    """Whether a refused look tells that nothing is there, or another thing; else it tells nothing."""
    return error.errno in _NOTHING_THERE or error.errno in (errno.ELOOP, errno.ENAMETOOLONG)


class Troubles:
    """Owned by the roster."""

    def __init__(self) -> None:
        self._before: dict[str, str] = {}  # what was wrong with a path at the last survey
        self._now: dict[str, str] = {}
        self._said: set[tuple[str, str]] = set()

    def __len__(self) -> int:
        """How many paths there are at present."""
        return len(self._now)

    def begin(self) -> None:
        """Another survey."""
        self._before, self._now = self._now, {}

    def cannot_look(self, path: str, error: OSError) -> None:
        """A path that is configured cannot be looked at, and not because there is nothing."""
        if error.errno not in _NOTHING_THERE:
            what = f"cannot be looked at: {error.strerror}; it is tried again until it can"
            self._found(path, what, Event.FILE_IGNORED)

    def hidden(self, targets: Iterable[Target], refused: Mapping[str, OSError]) -> None:
        """A file that a glob would name in a folder that may not be listed is nowhere missed."""
        for target in targets if refused else ():
            for folder in target.glob.folders if target.glob else ():
                error = refused.get(folder)
                if error is not None:
                    what = f"cannot be listed: {error.strerror}; no new file is found in it until it can"
                    self._found(folder, what, Event.FILE_UNREADABLE)

    def say_once(self, path: str, what: str) -> None:
        """Say what is no trouble, but no use either."""
        if (path, what) not in self._said:
            self._said.add((path, what))
            _say(Event.FILE_IGNORED, path, what)

    def _found(self, path: str, what: str, event: Event) -> None:
        """Say what the last survey did not have."""
        if self._before.get(path) != what and self._now.get(path) != what:
            _say(event, path, what)
        self._now[path] = what


def _say(event: Event, path: str, what: str) -> None:
    _log.warning(event, path=path, reason=what, message=f"{path}: {what}")
