"""The index against plain search over a list."""

from __future__ import annotations

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from logwatchd.alerting.grouping import Incident, Rules
from logwatchd.alerting.incidents import MAX_KEYS, OpenIncidents
from tests.alerting.builders import anomaly, direction
from tests.alerting.builders import incident as opened

SERVICES = st.sampled_from(["shop", "mail"])
DIMENSIONS = st.sampled_from([8, 16])


class IndexModel(RuleBasedStateMachine):
    """Whatever is added, learned and removed: it finds what a search over a list finds."""

    def __init__(self) -> None:
        super().__init__()
        self.index = OpenIncidents(Rules())
        self.plain: list[Incident] = []
        self.made = 0

    @rule(service=SERVICES, dimensions=DIMENSIONS)
    def add(self, service: str, dimensions: int) -> None:
        self.made += 1
        name = f"{self.made}"
        vector = direction(name, dimensions)
        made = opened(anomaly(name, service=service, vector=vector), alert_id=name, keys={name})
        self.index.add(made)
        self.plain.append(made)

    @precondition(lambda self: self.plain)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        incident = data.draw(st.sampled_from(self.plain))
        self.index.remove(incident)
        self.plain.remove(incident)

    @precondition(lambda self: self.plain)
    @rule(data=st.data(), pattern=st.text("ab", min_size=1, max_size=2))
    def learn(self, data: st.DataObject, pattern: str) -> None:
        incident = data.draw(st.sampled_from(self.plain))
        if self.index.around(anomaly(pattern), pattern, 0.0).same is None:
            assert self.index.learn(incident, pattern)
        assert not self.index.learn(incident, incident.alert_id)
        assert len(incident.keys) <= MAX_KEYS

    @invariant()
    def finds_what_is_there(self) -> None:
        assert len(self.index) == len(self.plain)
        assert list(self.index) == self.plain
        for incident in self.plain:
            assert self.index.get(incident.alert_id) is incident
            for key in incident.keys:
                assert self.index.around(anomaly("x"), key, 0.0).same is incident

    @invariant()
    def finds_the_nearest(self) -> None:
        for service in ("shop", "mail"):
            for dimensions in (8, 16):
                wanted = direction("wanted", dimensions)
                alike = [i for i in self.plain if i.service == service and len(i.vector) == dimensions]
                found = self.index.around(anomaly("x", service=service, vector=wanted), "none", 0.0).nearest
                if not alike:
                    assert found is None
                    continue
                best = max(alike, key=lambda i: float(i.vector @ wanted))
                assert found is not None
                assert found[0] is best
                assert np.isclose(found[1], float(best.vector @ wanted), atol=1e-6)

    @invariant()
    def knows_the_newest(self) -> None:
        for service in ("shop", "mail"):
            newest = [i for i in reversed(self.plain) if i.service == service]
            begun = self.index.around(anomaly("x", service=service), "none", 0.0).begun
            assert all(incident in newest for incident in begun)
            assert list(begun[:1]) == newest[:1] or len(newest) > 16


TestIndexModel = IndexModel.TestCase
TestIndexModel.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
