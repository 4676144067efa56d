"""One daemon to a state folder."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from logwatchd.errors import InUseError, StateError, state_error

_NAME = "lock"


class _Held(NamedTuple):
    """Open handles: of the folder, whatever has its name by now, and of the lock in it."""

    folder: int
    lock: int

    def close(self) -> None:
        os.close(self.lock)
        os.close(self.folder)


class StateLock:
    """Holds the state folder until `release` or the end of the process, however that ends."""

    def __init__(self, state_dir: Path) -> None:
        """Create the folder if it is missing, and lock it.

        Raises:
            StateError: another process holds it, or it cannot be written or locked.
        """
        self._path = state_dir / _NAME
        self._held: _Held | None = _locked(state_dir)

    @property
    def folder(self) -> int:
        """The folder that is locked, open: what is written by it goes into no other that has got its name.

        Raises:
            OSError: it was released.
        """
        if self._held is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._held.folder

    def is_lost(self) -> bool:
        """Whether the folder was deleted, or another one stands in its place: another daemon may start on it then."""
        if self._held is None:
            return False
        try:
            return not os.path.samestat(os.fstat(self._held.lock), self._path.stat(follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:  # it cannot be told now
            return False

    def renew(self) -> None:
        """Lock the folder that has the name now; make it if there is none.

        Raises:
            InUseError: another daemon does. StateError: it cannot be made or locked.
        """
        held = _locked(self._path.parent)
        self.release()
        self._held = held

    def release(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None

    def __enter__(self) -> StateLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _locked(state_dir: Path) -> _Held:
    try:
        state_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
        held = _opened(state_dir)
    except OSError as error:
        raise state_error(
            f"state_dir = {state_dir}: cannot be used: {error.strerror}",
            error,
            "make it a folder that this user can write",
        ) from None
    try:
        fcntl.flock(held.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(held.lock, 20, 0).decode("ascii", "replace").strip()
        held.close()
        raise InUseError(
            f"state_dir = {state_dir}: in use by another logwatchd (process {holder or 'unknown'}); "
            "stop it, or give this one a state_dir of its own"
        ) from None
    except OSError as error:  # such as on NFS without its lock service
        held.close()
        raise StateError(
            f"state_dir = {state_dir}: cannot be locked: {error.strerror}; make it a folder of a local disk"
        ) from None
    _note_holder(held.lock)
    return held


def _opened(state_dir: Path) -> _Held:
    folder = os.open(state_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        lock = os.open(_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640, dir_fd=folder)
    except OSError:
        os.close(folder)
        raise
    return _Held(folder, lock)


def _note_holder(handle: int) -> None:
    """Only to name the holder to whoever is refused: a full disk must not keep a daemon from starting."""
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    except OSError:
        pass
