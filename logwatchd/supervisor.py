"""What systemd is told about the daemon: sd_notify, through the sdnotify package. Without systemd nothing happens."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from sdnotify import SystemdNotifier

from logwatchd import clock

_PATIENCE_S = 0.5
_EXTEND_S = 30.0  # granted at a time, and asked for three times as often
_EXTEND_AT_MOST_S = 900.0  # what takes longer hangs
_MAX_STATUS_CHARS = 400
# Programs that we start are not to speak for us: a newer journalctl would say that it is ready.
_OURS_ALONE = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Supervisor:
    """The service manager that started us, if there is one. Thread-safe: every message is one datagram."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        """environ: $WATCHDOG_USEC and $WATCHDOG_PID are read from it; sdnotify itself reads $NOTIFY_SOCKET."""
        self._notifier = SystemdNotifier() if os.environ.get("NOTIFY_SOCKET") else None
        if self._notifier is not None and self._notifier.socket is not None:
            self._notifier.socket.settimeout(_PATIENCE_S)  # a stuck manager must not stop the pipeline
        self.watchdog_interval_s = _watchdog_interval_s(environ)
        """How often `alive` is due, in seconds: half of what systemd allows; None when it does not watch us."""
        for name in _OURS_ALONE:
            os.environ.pop(name, None)

    def ready(self) -> None:
        """Everything runs: after the start, and after a reload however it ended."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """A reload begins; `ready` ends it."""
        # Type=notify-reload (253+) takes no reload for begun without the time.
        self._tell("RELOADING=1", f"MONOTONIC_USEC={int(clock.monotonic() * 1e6)}")

    def stopping(self) -> None:
        """The shutdown begins."""
        self._tell("STOPPING=1")

    def status(self, text: str) -> None:
        """The line that `systemctl status` shows; what is not ASCII becomes '?': sdnotify would drop the message."""
        line = "".join(char if " " <= char <= "~" else "?" for char in " ".join(text.split()))
        self._tell(f"STATUS={line[:_MAX_STATUS_CHARS]}")

    def alive(self) -> None:
        """Every stage made progress; to be said each `watchdog_interval_s`."""
        self._tell("WATCHDOG=1")

    @contextmanager
    def patience(self, alive: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Have the manager wait while something takes long that this thread does: a start, a reload or a stop.

        Args:
            alive: called every few seconds, from another thread: the calling one cannot tell that all is well.
        """
        if self._notifier is None:
            yield
            return
        done = threading.Event()
        every_s = min(_EXTEND_S / 3, self.watchdog_interval_s or _EXTEND_S)
        deadline = clock.monotonic() + _EXTEND_AT_MOST_S

        def ask() -> None:
            while not done.is_set() and clock.monotonic() < deadline:
                self._tell(f"EXTEND_TIMEOUT_USEC={int(_EXTEND_S * 1e6)}")
                alive()
                done.wait(every_s)

        asking = threading.Thread(target=ask, name="patience", daemon=True)
        with suppress(RuntimeError):  # no thread can be started: mostly it ends in time all the same
            asking.start()
        try:
            yield
        finally:
            done.set()
            if asking.ident is not None:
                asking.join(_PATIENCE_S * 3)

    def _tell(self, *assignments: str) -> None:
        if self._notifier is not None:
            self._notifier.notify("\n".join(assignments))


def _watchdog_interval_s(environ: Mapping[str, str]) -> float | None:
    """Half of $WATCHDOG_USEC, unless it is meant for another process."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        period_us = int(environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return period_us / 2e6 if period_us > 0 else None
