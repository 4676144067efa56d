"""The incidents that are open, found by what an anomaly has in common with them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from logwatchd.alerting.grouping import Incident
from logwatchd.records import Vectors

MAX_PATTERNS = 64  # an incident: more would only cost memory
_MAX_BEGUN = 16  # that a service's next line is compared with


class OpenIncidents:
    """An index over incidents by alert id, pattern, beginning and meaning. Not thread-safe: the desk locks."""

    def __init__(self) -> None:
        self._by_id: dict[str, Incident] = {}
        self._by_pattern: dict[tuple[str, str], Incident] = {}
        self._begun: dict[str, deque[Incident]] = {}
        self._by_service: dict[str, dict[str, Incident]] = {}
        self._matrices: dict[tuple[str, int], tuple[list[Incident], Vectors]] = {}

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
        self._by_service.setdefault(incident.service, {})[incident.alert_id] = incident
        self._matrices.pop((incident.service, len(incident.vector)), None)

    def remove(self, incident: Incident) -> None:
        del self._by_id[incident.alert_id]
        for pattern in incident.patterns:
            if self._by_pattern.get((incident.service, pattern)) is incident:
                del self._by_pattern[incident.service, pattern]
        service = self._by_service[incident.service]
        del service[incident.alert_id]
        if incident in self._begun[incident.service]:
            self._begun[incident.service].remove(incident)
        if not service:
            del self._by_service[incident.service], self._begun[incident.service]
        self._matrices.pop((incident.service, len(incident.vector)), None)

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
        key = (service, len(vector))
        if key not in self._matrices:
            members = [i for i in self._by_service.get(service, {}).values() if len(i.vector) == len(vector)]
            if not members:
                return None
            self._matrices[key] = members, np.stack([incident.vector for incident in members])
        members, matrix = self._matrices[key]
        similarities = matrix @ vector
        best = int(np.argmax(similarities))
        return members[best], float(similarities[best])
