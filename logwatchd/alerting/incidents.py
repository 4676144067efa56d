"""The incidents that are open, found by what an anomaly has in common with them."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from datetime import datetime

import numpy as np

from logwatchd.alerting.grouping import Around, Incident, Rules, seconds_apart
from logwatchd.records import Anomaly
from logwatchd.vectors import Vectors

MAX_KEYS = 64  # an incident: more would only cost memory
MAX_REACH = 16  # sources and hosts that are named
MAX_SAMPLES = 5
_FIRST_ROWS = 4
_MAX_BEGUN = 16  # that the next line is compared with
_MAX_SERVICES = 1000  # whose beginnings are remembered


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
    """An index over incidents by alert id, kind, beginning and meaning. Not thread-safe: the desk locks."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._by_id: dict[str, Incident] = {}
        self._by_key: dict[str, Incident] = {}
        self._begun: dict[str, deque[Incident]] = {}
        self._latest: deque[Incident] = deque(maxlen=_MAX_BEGUN)
        self._openings: OrderedDict[str, deque[tuple[float, datetime | None]]] = OrderedDict()
        self._rows: dict[tuple[str, int], _Rows] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Incident]:
        return iter(list(self._by_id.values()))

    def get(self, alert_id: str) -> Incident | None:
        return self._by_id.get(alert_id)

    def add(self, incident: Incident) -> None:
        self._by_id[incident.alert_id] = incident
        for key in incident.keys:
            self._by_key[key] = incident
        self._begun.setdefault(incident.service, deque(maxlen=_MAX_BEGUN)).appendleft(incident)
        self._latest.appendleft(incident)
        dimensions = len(incident.vector)
        rows = self._rows.get((incident.service, dimensions))
        if rows is None:
            rows = self._rows[incident.service, dimensions] = _Rows(dimensions)
        rows.add(incident)

    def remove(self, incident: Incident) -> None:
        del self._by_id[incident.alert_id]
        for key in incident.keys:
            if self._by_key.get(key) is incident:
                del self._by_key[key]
        begun = self._begun.get(incident.service, ())
        if incident in begun:
            self._begun[incident.service].remove(incident)
        if incident.service in self._begun and not self._begun[incident.service]:
            del self._begun[incident.service]
        if incident in self._latest:
            self._latest.remove(incident)
        rows = self._rows[incident.service, len(incident.vector)]
        rows.remove(incident)
        if not rows:
            del self._rows[incident.service, len(incident.vector)]

    def withdraw(self, incident: Incident) -> None:
        """One that was added and opened last has not begun after all: it will be tried again, and is no storm then."""
        self.remove(incident)
        times = self._openings.get(incident.service)
        if times:
            times.pop()

    def opened(self, incident: Incident, now: float) -> None:
        """Remember that an incident began, to tell a storm; the next ones of its service join one that began in it."""
        times = self._openings.pop(incident.service, None) or deque(maxlen=self._rules.storm_incidents)
        full = len(times) == self._rules.storm_incidents
        incident.storm = full and all(self._close(now, incident.began, *time) for time in times)
        times.append((now, incident.began))
        self._openings[incident.service] = times
        if len(self._openings) > _MAX_SERVICES:
            self._openings.popitem(last=False)

    def learn(self, incident: Incident, key: str) -> bool:
        """Count a kind as the incident's own from now on; False when it already was, or has enough of them."""
        if key in incident.keys or len(incident.keys) >= MAX_KEYS:
            return False
        incident.keys.add(key)
        self._by_key[key] = incident
        return True

    def around(self, anomaly: Anomaly, key: str, now: float) -> Around:
        """What is open around an anomaly of this kind."""
        same = self._by_key.get(key)
        if same is not None or self._rules.group_by != "meaning":
            return Around(same)
        service, vector = anomaly.service, anomaly.details.vector()
        rows = self._rows.get((service, len(vector)))
        begun = tuple(self._begun.get(service, ()))
        return Around(
            begun=begun,
            elsewhere=tuple(self._latest),
            nearest=rows.nearest(vector) if rows else None,
            storm=tuple(
                one
                for one in begun
                if one.storm and self._close(now, anomaly.details.timestamp(), one.last_at, one.written)
            ),
        )

    def _close(self, now: float, written: datetime | None, at: float, began: datetime | None) -> bool:
        """Whether two lines belong into one storm: by their arrival, and by their own times where they have some."""
        return now - at <= self._rules.storm_s and (seconds_apart(written, began) or 0.0) <= self._rules.storm_s
