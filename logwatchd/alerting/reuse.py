"""Analyses that serve again: for a later incident of the same service that is near in meaning, within a time."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace

from logwatchd.records import Analysis
from logwatchd.vectors import Vectors

NEAR = 0.9  # cosine from which two incidents have the same cause
_KEPT = 128


@dataclass(frozen=True, slots=True)
class _Made:
    at: float
    service: str
    vector: Vectors
    alert_id: str
    analysis: Analysis


class Analyses:
    """The latest ones. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: deque[_Made] = deque(maxlen=_KEPT)

    def remember(self, alert_id: str, where: tuple[str, Vectors] | None, analysis: Analysis, now: float) -> None:
        """where: the incident's service and unit vector (D,), if it is still open. Only what tells a cause is kept."""
        if where is not None and analysis.conclusive:
            with self._lock:
                self._made.append(_Made(now, *where, alert_id, analysis))

    def near(self, where: tuple[str, Vectors] | None, now: float, within_s: float) -> Analysis | None:
        """The analysis of the nearest incident, if one is near enough and was made lately."""
        if where is None:
            return None
        service, vector = where
        with self._lock:
            made = [
                (float(one.vector @ vector), one)
                for one in self._made
                if one.service == service and now - one.at <= within_s and one.vector.shape == vector.shape
            ]
        best = max(made, key=lambda item: item[0], default=None)
        if best is None or best[0] < NEAR:
            return None
        return replace(best[1].analysis, reused_from=best[1].alert_id)
