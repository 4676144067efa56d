"""Whether the embedding service is there: decided from what requests came to."""

from __future__ import annotations

from logwatchd.errors import PermanentError, RetryableError
from logwatchd.scoring.pauses import pause_s

OPENS_AFTER = 4  # failed attempts in a row; fewer are the hiccups that any service has
OPENS_AFTER_S = 5.0  # or so long without an answer
_LONGEST_PAUSE_S = 4.0  # between two probes: they cost nothing, and what waits is scored the sooner
_PERMANENT_PAUSE_S = 60.0  # a refused key is tried again now and then: it may be mended without a restart


class Breaker:
    """Closed while requests succeed; open while the service is away, and then only a probe goes now and then.

    Owned by one thread.
    """

    def __init__(self) -> None:
        self.open = False
        self.reason: str | None = None
        self.failures = 0
        self.retry_at = 0.0
        self._failing_since: float | None = None
        self._failed_at = 0.0
        self._held = False
        self._wished_until = 0.0

    def sent(self, now: float) -> None:
        """A request leaves; while it is a probe, the next one waits a while."""
        self._held = False
        if self.open:
            self.retry_at = max(self.retry_at, now + _LONGEST_PAUSE_S)

    def failed(self, error: RetryableError | PermanentError, began_at: float, now: float) -> None:
        """A request that left at `began_at` failed."""
        if self._failing_since is None:
            self._failing_since = began_at
        if began_at >= self._failed_at:  # those that left together fail together, and count once
            self.failures += 1
            self._failed_at = now
        self.reason = str(error)
        if isinstance(error, PermanentError):
            self.open = True
            self.retry_at = now + _PERMANENT_PAUSE_S
            return
        self._wished_until = max(self._wished_until, now + (error.retry_after_s or 0.0))
        self.open |= self.failures >= OPENS_AFTER or now - self._failing_since >= OPENS_AFTER_S
        self.retry_at = max(
            self.retry_at, now + pause_s(self.failures - 1, error.retry_after_s, longest_s=_LONGEST_PAUSE_S)
        )

    def slow(self, began_at: float, now: float, patience_s: float) -> None:
        """A request that left at `began_at` is still not answered."""
        if not self.open and now - began_at >= patience_s:
            self.open = True
            self.reason = f"no answer for {patience_s:g} s"

    def hold(self, reason: str, until: float) -> None:
        """Send nothing for another reason, such as a budget that is used up."""
        self.open, self.reason, self.retry_at, self._held = True, reason, until, True

    def mended(self) -> None:
        """What was wrong may have been mended by a reload: try again at once."""
        self.retry_at = self._wished_until = 0.0

    def succeeded(self) -> None:
        """A request was answered as it should be."""
        self.failures, self._failing_since = 0, None
        if not self._held:  # what was on its way when the budget ended says nothing of the budget
            self.open, self.reason = False, None
            self.retry_at = min(self.retry_at, self._wished_until)  # also where another request was told to wait
