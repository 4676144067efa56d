"""One daemon to a state folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from logwatchd.errors import InUseError, StateError, state_error

_NAME = "lock"


class StateLock:
    """Holds the state folder until `release` or the end of the process, however that ends."""

    def __init__(self, state_dir: Path) -> None:
        """Create the folder if it is missing, and lock it.

        Raises:
            StateError: another process holds it, or it cannot be written or locked.
        """
        self._path = state_dir / _NAME
        self._handle: int | None = _locked(self._path)

    def is_lost(self) -> bool:
        """Whether the folder was deleted, or another one stands in its place: another daemon may start on it then."""
        if self._handle is None:
            return False
        try:
            return not os.path.samestat(os.fstat(self._handle), self._path.stat(follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:  # it cannot be told now
            return False

    def renew(self) -> None:
        """Lock the folder that has the name now; make it if there is none.

        Raises:
            InUseError: another daemon does. StateError: it cannot be made or locked.
        """
        handle = _locked(self._path)
        self.release()
        self._handle = handle

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> StateLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _locked(file: Path) -> int:
    state_dir = file.parent
    try:
        state_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    except OSError as error:
        raise state_error(
            f"state_dir = {state_dir}: cannot be used: {error.strerror}",
            error,
            "make it a folder that this user can write",
        ) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
        os.close(handle)
        raise InUseError(
            f"state_dir = {state_dir}: in use by another logwatchd (process {holder or 'unknown'}); "
            "stop it, or give this one a state_dir of its own"
        ) from None
    except OSError as error:  # such as on NFS without its lock service
        os.close(handle)
        raise StateError(
            f"state_dir = {state_dir}: cannot be locked: {error.strerror}; make it a folder of a local disk"
        ) from None
    _note_holder(handle)
    return handle


def _note_holder(handle: int) -> None:
    """Only to name the holder to whoever is refused: a full disk must not keep a daemon from starting."""
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    except OSError:
        pass
