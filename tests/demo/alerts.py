"""Alerts for the tests of what the demonstration makes of them, through logwatchd's own JSON output."""

from __future__ import annotations

import json
from typing import Any

from _demo.verdict import Told
from _demo.watcher import told_of

from logwatchd import clock
from logwatchd.journal import Event
from logwatchd.journal_output import Entry, as_json


def entry_of(event: Event, **details: Any) -> dict[str, Any]:
    """An entry of logwatchd's log as it is read again."""
    entry = Entry(clock.utc_now(), "warning", event.name, "incidents", event.value, "", details, "")
    read: dict[str, Any] = json.loads(as_json(entry))
    return read


def told(line: str, at: float, score: float = 0.81) -> Told:
    """An alert that quotes a line."""
    found = told_of(
        entry_of(
            Event.ANOMALY,
            alert_id=f"id-{at}",
            fingerprint="7c1e",
            service="shop",
            path="/logs/shop.log",
            pattern="ERROR <HEX> failed",
            level="ERROR",
            severity="P2-High",
            score=score,
            threshold=0.25,
            distance=0.85,
            centroid=3,
            nearest=["INFO a", "INFO b"],
            differs=["failed"],
            line=line,
        ),
        at,
    )
    assert found is not None
    return found
