"""A block on its way through the score stage: what is missing yet, and how far it has been told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from logwatchd.records import Anomaly, Block, Lane
from logwatchd.scoring.excerpts import Excerpt
from logwatchd.scoring.ids import Ids
from logwatchd.scoring.judge import Judge


@dataclass(slots=True)
class Waiting:
    """A block whose verdicts are not all there yet, or whose anomalies are not all stored. ids belong to `judge`.

    own: lines that logwatchd wrote itself. told: how many events are dealt with, as far as the anomalies among them are
    stored. telling: the anomalies behind those, once all are decided. unasked: patterns whose vectors are to be asked
    for yet, the next ones at the end. asked: whether some were.
    at: the event that is being told. one_by_one: whether that stumbled once, over the next anomaly or one behind it.
    kept: events that are kept for later, and none of this block's any more. stood_in: whether a twin judged what
    waited. late, number: of lines that were kept, which are these and where in the backlog.
    """

    block: Block
    judge: Judge
    ids: Ids
    undecided: set[int]
    unasked: list[int]
    read_at: datetime
    own: int = 0
    told: int = 0
    telling: Iterator[tuple[int, Anomaly]] | None = None
    asked: bool = False
    at: int = -1
    one_by_one: bool = False
    kept: frozenset[int] = frozenset()
    stood_in: bool = False
    late: Excerpt | None = None
    number: int = 0

    @property
    def lane(self) -> Lane | None:
        """What is handed on in order: the lines of a file, and all that were kept."""
        return None if self.late else self.block.lane

    def judged(self) -> Ids:
        """The patterns of the events that this is about, the told ones as well."""
        if self.late:
            return self.ids[list(self.late.waiting)]
        return np.delete(self.ids, list(self.kept)) if self.kept else self.ids

    def untold(self) -> Ids:
        """The patterns of those events that are not dealt with yet."""
        if not (self.late or self.kept):
            return self.ids[self.told :]
        events = self.late.waiting if self.late else range(len(self.ids))
        return self.ids[[event for event in events if event >= self.told and event not in self.kept]]
