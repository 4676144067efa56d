"""Paths and folders that cannot be looked at: each is told of when that begins, and not with every survey."""

from __future__ import annotations

from logwatchd.journal import Event, logger

_log = logger("tail")


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

    def found(self, path: str, what: str, event: Event) -> None:
        """Say what the last survey did not have."""
        if self._before.get(path) != what and self._now.get(path) != what:
            _say(event, path, what)
        self._now[path] = what

    def say_once(self, path: str, what: str) -> None:
        """Say what is no trouble, but no use either."""
        if (path, what) not in self._said:
            self._said.add((path, what))
            _say(Event.FILE_IGNORED, path, what)


def _say(event: Event, path: str, what: str) -> None:
    _log.warning(event, path=path, reason=what, message=f"{path}: {what}")
