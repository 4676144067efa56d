"""What can go wrong, as one small tree. Every message is one line that names the thing, its value and the mend."""

from __future__ import annotations

import errno
from enum import IntEnum

_HOMES = ("/root", "/home")  # ProtectHome=yes: no right helps there
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO}
_SQLITE_DISK = {10, 13}  # SQLITE_IOERR and SQLITE_FULL, without loading SQLite for a command's help


class Exit(IntEnum):
    """Exit codes of the command line (the same for every verb)."""

    OK = 0
    ANOMALY = 1
    USAGE = 2
    NOT_RUNNING = 3
    FAILED = 70  # EX_SOFTWARE: a stage died, and systemd restarts it; or a command could not do its work
    CONFIG = 78  # EX_CONFIG: systemd does not restart it


class LogwatchdError(Exception):
    """Base of all errors that end in one clear line instead of a traceback."""

    exit_code: Exit = Exit.FAILED


class UsageError(LogwatchdError):
    """The command line asks for something that is not there."""

    exit_code = Exit.USAGE


class UnpackError(UsageError):
    """A file's compression is damaged, or none that is known here; what was read before this was raised is good."""


class NotRunningError(LogwatchdError):
    """A command needs a running daemon and there is none."""

    exit_code = Exit.NOT_RUNNING


class ConfigError(LogwatchdError):
    """One or more configuration mistakes.

    `problems` holds one line each, naming key, value, file and mend.
    """

    exit_code = Exit.CONFIG

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class BaselineError(LogwatchdError):
    """A baseline is missing, damaged, or made for another embedder."""

    exit_code = Exit.CONFIG


class BaselineDiskError(BaselineError):
    """A baseline's disk is full or fails: neither configuration nor baseline is wrong."""

    exit_code = Exit.FAILED


class StateError(LogwatchdError):
    """The state folder cannot be used: not writable, or in use by another daemon."""

    exit_code = Exit.CONFIG


class InUseError(StateError):
    """Another logwatchd holds the state folder."""


class DiskError(StateError):
    """The state folder's disk is full or fails. No configuration mends that: systemd is to start us again."""

    exit_code = Exit.FAILED


def state_error(what: str, cause: BaseException | None, mend: str) -> StateError:
    """What an OSError or a SQLite error in the state folder comes to.

    Args:
        what: the file and its trouble.
        mend: what to do where it is not the disk.
    """
    if is_of_disk(cause):
        return DiskError(f"{what}; make room on its disk, or mend that")
    return StateError(f"{what}; {mend}")


def is_of_disk(error: BaseException | None) -> bool:
    """Whether an OSError or a SQLite error says that a disk is full or fails."""
    return getattr(error, "errno", None) in _DISK or getattr(error, "sqlite_errorcode", 0) & 0xFF in _SQLITE_DISK


def no_access(error: OSError) -> str:
    """Why a file cannot be looked at or read, and the mend, for the end of a message."""
    mend = "mend its path, or its disk"
    if isinstance(error, PermissionError):
        mend = "let this user read it and enter each folder above it"
        if str(error.filename).startswith(_HOMES):
            mend += f", or move it: the systemd unit sees nothing in {' and '.join(_HOMES)}"
    return f"{error.strerror or error}; {mend}"


def os_message(error: OSError) -> str:
    """One line for an error that nobody has words of their own for."""
    return f"{error.filename}: {error.strerror}; mend its path or permissions" if error.filename else str(error)


class RetryableError(LogwatchdError):
    """A service did not answer this time; the same call may succeed later.

    `retry_after_s` is what the service asked for, or None.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


def starved(what: str, error: BaseException) -> RetryableError:
    """What it comes to that the machine has no thread or no memory left for something: that passes.

    Args:
        what: is not done for it.
    """
    if isinstance(error, MemoryError):
        return RetryableError(f"no memory for {what}: raise MemoryMax= of the unit, or end what else fills the machine")
    return RetryableError(f"no thread for {what} ({error}): raise TasksMax= of the unit, or the machine's own limit")


class PermanentError(LogwatchdError):
    """A service refuses, and will refuse again until somebody mends the configuration."""
