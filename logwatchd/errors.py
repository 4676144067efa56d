"""What can go wrong, as one small tree. Every message is one line that names the thing, its value and the mend."""

from __future__ import annotations

from enum import IntEnum


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
    """A baseline is missing, damaged, or made for another embedder or normaliser."""

    exit_code = Exit.CONFIG


class StateError(LogwatchdError):
    """The state folder cannot be used: not writable, or in use by another daemon."""

    exit_code = Exit.CONFIG


class RetryableError(LogwatchdError):
    """A service did not answer this time; the same call may succeed later.

    `retry_after_s` is what the service asked for, or None.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PermanentError(LogwatchdError):
    """A service refuses, and will refuse again until somebody mends the configuration."""
