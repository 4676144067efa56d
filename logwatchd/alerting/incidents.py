"""The incidents that are open, found by what an anomaly has in common with them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from logwatchd.alerting.grouping import Incident
from logwatchd.vectors import Vectors

MAX_PATTERNS = 64  # an incident: more would only cost memory
_FIRST_ROWS = 4
_MAX_BEGUN = 16  # that a service's next line is compared with


class _Rows:
    """Unit vectors of one length, each with its incident, in one matrix that is not built anew for each change."""

    def __init__(self, dimensions: int) -> None:
        self._matrix: Vectors = np.zeros((_FIRST_ROWS, dimensions), np.float32)
        self._incidents: list[Incident] = []
        self._row_of: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._incidents)

    def add(self, incident: Incident) -> None:
        row = len(self._incidents)
        if row == len(self._matrix):
            self._matrix = np.concatenate([self._matrix, np.zeros_like(self._matrix)])
        self._matrix[row] = incident.vector
        self._incidents.append(incident)
        self._row_of[incident.alert_id] = row

    def remove(self, incident: Incident) -> None:
        """The last row takes the place of the removed one."""
        row, last = self._row_of.pop(incident.alert_id), self._incidents.pop()
        if last is not incident:
            self._matrix[row] = last.vector
            self._incidents[row] = last
            self._row_of[last.alert_id] = row

    def nearest(self, vector: Vectors) -> tuple[Incident, float]:
        similarities = self._matrix[: len(self._incidents)] @ vector
        best = int(np.argmax(similarities))
        return self._incidents[best], float(similarities[best])


class OpenIncidents:
    """An index over incidents by alert id, pattern, beginning and meaning. Not thread-safe: the desk locks."""

    def __init__(self) -> None:
        self._by_id: dict[str, Incident] = {}
        self._by_pattern: dict[tuple[str, str], Incident] = {}
        self._begun: dict[str, deque[Incident]] = {}
        self._rows: dict[tuple[str, int], _Rows] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Incident]:
        return iter(list(self._by_id.values()))

    def get(self, alert_id: str) -> Incident | None:
        return self._by_id.get(alert_id)

    def add(self, incident: Incident) -> None:
        self._by_id[incident.alert_id] = incident
        for pattern in incident.patterns:
            self._by_pattern[incident.service, pattern] = incident
        self._begun.setdefault(incident.service, deque(maxlen=_MAX_BEGUN)).appendleft(incident)
        dimensions = len(incident.vector)
        self._rows.setdefault((incident.service, dimensions), _Rows(dimensions)).add(incident)

    def remove(self, incident: Incident) -> None:
        del self._by_id[incident.alert_id]
        for pattern in incident.patterns:
            if self._by_pattern.get((incident.service, pattern)) is incident:
                del self._by_pattern[incident.service, pattern]
        begun = self._begun.get(incident.service, ())
        if incident in begun:
            self._begun[incident.service].remove(incident)
        if incident.service in self._begun and not self._begun[incident.service]:
            del self._begun[incident.service]
        rows = self._rows[incident.service, len(incident.vector)]
        rows.remove(incident)
        if not rows:
            del self._rows[incident.service, len(incident.vector)]

    def learn(self, incident: Incident, pattern: str) -> bool:
        """Count a pattern as the incident's own from now on; False when it already was, or has enough of them."""
        if pattern in incident.patterns or len(incident.patterns) >= MAX_PATTERNS:
            return False
        incident.patterns.add(pattern)
        self._by_pattern[incident.service, pattern] = incident
        return True

    def with_pattern(self, service: str, pattern: str) -> Incident | None:
        return self._by_pattern.get((service, pattern))

    def begun_lately(self, service: str) -> tuple[Incident, ...]:
        """The service's newest incidents, newest first."""
        return tuple(self._begun.get(service, ()))

    def nearest(self, service: str, vector: Vectors) -> tuple[Incident, float] | None:
        """The service's incident with the highest cosine to a unit vector (D,); other dimensions do not count."""
        rows = self._rows.get((service, len(vector)))
        return rows.nearest(vector) if rows else None
