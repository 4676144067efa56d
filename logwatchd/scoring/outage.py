"""What becomes of lines while the embedding service is away: kept on the disk for later, or judged by a twin."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Literal

from logwatchd.errors import RetryableError
from logwatchd.journal import Event, logger
from logwatchd.scoring.backlog import Backlog
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.excerpts import Excerpt
from logwatchd.scoring.ids import PatternId
from logwatchd.scoring.judge import Judge
from logwatchd.scoring.local import LocalEmbedder

_PROBES = 50  # texts that are sent all the same while a twin judges: how else would anybody learn that they can be

Way = Literal["ask", "keep", "twin"]
_Doing = Literal["keep", "take", "settle"]


class Outage:
    """Owned by the score stage's thread, apart from `twin`, which the stage replaces when it takes a new detector."""

    def __init__(
        self,
        backlog: Backlog,
        away: Callable[[], bool],
        keep_only: Callable[[Collection[str]], None],
        idle: Callable[[], bool],
    ) -> None:
        """away: whether the service is. keep_only: withdraws all texts but these. idle: whether nothing was asked."""
        self.backlog = backlog
        self.keep_only = keep_only
        self.twin: Detector | None = None
        self._away = away
        self._idle = idle
        self._embedder = LocalEmbedder()
        self._taken = 0  # the last excerpt that is in memory
        self._done: list[int] = []
        self._failing: set[_Doing] = set()
        self.twin_used = False

    def way(self) -> Way:
        """What to do with a line that has a new text.

        "keep" also while older lines are still kept: new texts get their verdicts in the order in which they came.
        """
        if self._away():
            return "twin" if self.twin else "keep"
        return "keep" if self.backlog.lines else "ask"

    def keep(self, excerpts: Sequence[Excerpt]) -> bool:
        """Whether they are kept now; they are not where there is no room, or the disk fails, which is said once."""
        try:
            kept = self.backlog.put(excerpts)
        except RetryableError as error:
            self._say(error, "keep")
            return False
        self._failing.discard("keep")
        return kept

    def stand_in(self, judge: Judge, pattern_ids: Sequence[PatternId]) -> list[str]:
        """Have the twin judge these; returns texts to ask for all the same, to learn whether the service is back."""
        assert self.twin is not None
        judge.settle(pattern_ids, self._embedder.embed, self.twin)
        self.twin_used = True
        return [judge.pattern(i) for i in pattern_ids[:_PROBES]] if self._idle() else []

    def back(self) -> bool:
        """Whether the service is back and a twin has judged: once."""
        if not self.twin_used or self._away():
            return False
        self.twin_used = False
        return True

    def take(self) -> list[tuple[int, Excerpt]]:
        """The next kept lines; call it when those before are done."""
        try:
            found = self.backlog.take(self._taken)
        except RetryableError as error:
            self._say(error, "take")
            return []
        self._failing.discard("take")
        if found:
            self._taken = found[-1][0]
        return found

    def done(self, number: int) -> None:
        """This excerpt has its verdicts; see `settle`."""
        self._done.append(number)

    def settle(self) -> None:
        """Take off the disk what is done; tried again the next time where the disk fails."""
        if not self._done:
            return
        try:
            self.backlog.done(self._done)
        except RetryableError as error:
            self._say(error, "settle")
            return
        self._failing.discard("settle")
        self._done.clear()

    def _say(self, error: RetryableError, doing: _Doing) -> None:
        """Once until the same works again: that lines can be written says nothing of reading them."""
        if doing not in self._failing:
            logger("score").error(Event.BACKLOG_FAILS, reason=str(error))
        self._failing.add(doing)
