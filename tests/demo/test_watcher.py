"""How the demonstration reads logwatchd's log: entries as logwatchd itself writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from _demo.children import ChildError
from _demo.watcher import Watcher, joined_of, learn, told_of, words_of

from logwatchd import clock
from logwatchd.journal import Event
from logwatchd.journal_output import Entry, as_json


def _entry(event: Event, **details: Any) -> dict[str, Any]:
    """An entry after its way through logwatchd's own JSON output."""
    entry = Entry(clock.utc_now(), "warning", event.name, "incidents", event.value, "", details, "")
    read: dict[str, Any] = json.loads(as_json(entry))
    return read


ANOMALY = _entry(
    Event.ANOMALY,
    alert="3f2a",
    service="shop",
    severity="P2-High",
    score=0.81,
    threshold=0.25,
    nearest=["INFO a", "INFO b"],
    differs=["failed"],
    line="ERROR c failed",
)


def test_an_alert() -> None:
    told = told_of(ANOMALY, at=5.0)
    assert told is not None
    assert (told.at, told.alert_id, told.service, told.score, told.threshold) == (5.0, "3f2a", "shop", 0.81, 0.25)
    assert (told.line, told.nearest, told.differs) == ("ERROR c failed", ("INFO a", "INFO b"), ("failed",))


def test_an_analysis() -> None:
    entry = _entry(Event.ANALYSIS, alert="3f2a", likely_cause="x", severity="P1-Critical", suggested_action="y")
    words = words_of(entry)
    assert words is not None
    assert (words.alert_id, words.likely_cause, words.severity, words.suggested_action) == (
        "3f2a",
        "x",
        "P1-Critical",
        "y",
    )


def test_a_line_that_joins() -> None:
    joined = joined_of(_entry(Event.INCIDENT_GREW, alert="3f2a", line="Traceback", reason="burst", service="shop"))
    assert joined is not None
    assert (joined.alert_id, joined.line) == ("3f2a", "Traceback")


@pytest.mark.parametrize("read", [joined_of, words_of, lambda entry: told_of(entry, 0.0)])
def test_other_entries_are_none_of_these(read: Any) -> None:
    assert read(_entry(Event.READY, files=2)) is None
    assert read({}) is None


def test_a_configuration_that_cannot_be_used_ends_it_at_once(tmp_path: Path) -> None:
    config = tmp_path / "logwatchd.toml"
    config.write_text("nonsense = 1\n")
    with pytest.raises(ChildError, match="nonsense"), Watcher(config):
        pass
    with pytest.raises(ChildError, match=r"baseline build' failed with status 78"):
        learn(tmp_path / "baseline", config, [config])
