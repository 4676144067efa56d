"""One daemon to a state folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from logwatchd.errors import InUseError, StateError, state_error
from logwatchd.ingest.state_folder import StateFolder

_NAME = "lock"


class _Held(NamedTuple):
    """The folder, and the open file in it that is locked."""

    folder: StateFolder
    lock: int


class StateLock:
    """Holds the state folder until `release` or the end of the process, however that ends.

    folder: the one that is locked.
    """

    def __init__(self, state_dir: Path) -> None:
        """Create the folder if it is missing, and lock it.

        Raises:
            StateError: another process holds it, or it cannot be written or locked.
        """
        self._path = state_dir / _NAME
        self._lock: int | None
        self.folder, self._lock = _locked(state_dir)

    def is_lost(self) -> bool:
        """Whether the folder was deleted, or another one stands in its place: another daemon may start on it then."""
        if self._lock is None:
            return False
        try:
            return not os.path.samestat(os.fstat(self._lock), self._path.stat(follow_symlinks=False))
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
        self.folder.become(held.folder)
        if self._lock is not None:
            os.close(self._lock)
        self._lock = held.lock

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
            self.folder.close()

    def __enter__(self) -> StateLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _locked(state_dir: Path) -> _Held:
    try:
        folder, lock = _opened(state_dir)
    except OSError as error:
        raise state_error(
            f"state_dir = {state_dir}: cannot be used: {error.strerror}",
            error,
            "make it a folder that this user can write",
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        os.close(lock)
        folder.close()
        if isinstance(error, BlockingIOError):
            raise InUseError(
                f"state_dir = {state_dir}: in use by another logwatchd (process {holder or 'unknown'}); "
                "stop it, or give this one a state_dir of its own"
            ) from None
        # Such as on NFS without its lock service.
        raise StateError(
            f"state_dir = {state_dir}: cannot be locked: {error.strerror}; make it a folder of a local disk"
        ) from None
    _note_holder(lock)
    return _Held(folder, lock)


def _opened(state_dir: Path) -> _Held:
    folder = StateFolder(state_dir)
    try:
        return _Held(folder, folder.open(_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW))
    except OSError:
        folder.close()
        raise


def _note_holder(handle: int) -> None:
    """Only to name the holder to whoever is refused: a full disk must not keep a daemon from starting."""
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    except OSError:
        pass
