"""The state of one service that alerts depend on: Claude, or a sink. When it fails, it rests; when it refuses, it stays
off. The pause belongs to the service and not to an alert, so the order of alerts is kept."""

from __future__ import annotations

from dataclasses import dataclass

from logwatchd.errors import PermanentError
from logwatchd.journal import Event, logger

_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 300.0
_LONGEST_ASKED_S = 3600.0
_DOWN_AFTER = 3


def pause_s(failures: int, asked_s: float | None) -> float:
    """How long to rest after this many failures in a row: doubled each time, and never less than was asked for."""
    grown = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures - 1, 10))
    return max(grown, min(asked_s or 0.0, _LONGEST_ASKED_S))


@dataclass(slots=True)
class Lane:
    """Owned by the board, under its lock. resting_until: monotonic seconds. refused: why it is off for good."""

    part: str
    fails: Event
    refuses: Event
    recovers: Event
    busy: bool = False
    resting_until: float = 0.0
    failures: int = 0
    refused: str | None = None

    def open(self, now: float) -> bool:
        """Whether a job may begin."""
        return not self.busy and self.refused is None and now >= self.resting_until

    def down(self, now: float) -> bool:
        """Whether waiting for it makes no sense for now."""
        return self.refused is not None or (self.failures >= _DOWN_AFTER and now < self.resting_until)

    def succeed(self, now: float, pace_s: float = 0.0) -> None:
        if self.failures:
            logger(self.part).info(self.recovers, after_failures=self.failures)
        self.failures = 0
        self.resting_until = now + pace_s

    def fail(self, error: Exception, now: float) -> None:
        """One failure; said once, however many follow."""
        if isinstance(error, PermanentError):
            if self.refused is None:
                logger(self.part).error(self.refuses, reason=str(error))
            self.refused = str(error)
            return
        self.failures += 1
        self.resting_until = now + pause_s(self.failures, getattr(error, "retry_after_s", None))
        if self.failures == 1:
            logger(self.part).warning(self.fails, reason=str(error))

    def renew(self) -> None:
        """The configuration was mended, perhaps: begin without a memory of failures."""
        self.failures, self.resting_until, self.refused = 0, 0.0, None

    def state(self, now: float) -> str:
        """One word for status lines."""
        return (
            "refused" if self.refused is not None else "resting" if self.failures and now < self.resting_until else "ok"
        )
