"""Messages that one sink refuses while it may take others.

Whose fault that is, the others show: when the sink takes one, those before it were refused for what they are, and it
never gets them. When it takes none, it is refused itself, and all of them wait in their order for somebody to mend it.
"""

from __future__ import annotations

from collections.abc import Mapping

from logwatchd.alerting.outbox import Pending
from logwatchd.errors import PermanentError

ALL_REFUSED = 5  # incidents in a row
_MAX_TRIED = 500  # messages: one incident may have many


class Aside:
    """Owned by the board, under its lock.

    dead: messages that the sink is not to get, by their seq, and why; until the outbox knows.
    """

    def __init__(self) -> None:
        self.dead: dict[int, str] = {}
        self._tried: dict[int, tuple[str, str]] = {}  # seq -> incident and reason

    def __len__(self) -> int:
        return len(self._tried) + len(self.dead)

    @property
    def seqs(self) -> list[int]:
        """Those that are passed over."""
        return [*self._tried, *self.dead]

    def put(self, pending: Pending, error: Exception) -> PermanentError | None:
        """The sink refuses this one; returns what is wrong with the sink, if that is what it comes to."""
        self._tried[pending.seq] = (pending.key, str(error))
        incidents = {key for key, _ in self._tried.values()}
        if len(incidents) < ALL_REFUSED and len(self._tried) < _MAX_TRIED:
            return None
        count = len(self._tried)
        self._tried.clear()
        return PermanentError(
            f"{error}, and so it was with {count} in a row: mend [[sink]] or the service, then reload"
        )

    def taken(self) -> None:
        """The sink takes others."""
        self.dead |= {seq: reason for seq, (_, reason) in self._tried.items()}
        self._tried.clear()

    def renew(self) -> None:
        """The configuration was mended, perhaps: all that may still be delivered is tried again."""
        self._tried.clear()


def total(asides: Mapping[str, Aside]) -> int:
    """How many messages are passed over."""
    return sum(map(len, asides.values()))
