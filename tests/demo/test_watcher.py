"""How the demonstration reads logwatchd's log: entries as logwatchd itself writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from _demo.children import ChildError
from _demo.watcher import Watcher, Words, joined_of, last_word, learn, told_of, words_of

from logwatchd import clock
from logwatchd.journal import Event
from logwatchd.journal_output import Entry, as_json
from logwatchd.records import Analysis, Level, Severity
from tests.demo.alerts import entry_of, told


def test_an_alert() -> None:
    one = told("ERROR c failed", at=5.0)
    alert = one.alert
    assert (one.at, alert.id, alert.service, alert.score, alert.threshold) == (5.0, "id-5.0", "shop", 0.81, 0.25)
    assert (alert.line, alert.nearest_examples, alert.differs) == ("ERROR c failed", ("INFO a", "INFO b"), ("failed",))
    assert (alert.level, alert.severity) == (Level.ERROR, Severity.P2)


def test_an_analysis() -> None:
    entry = entry_of(
        Event.ANALYSIS, alert_id="3f2a", likely_cause="x", severity="P1-Critical", suggested_action="y", model="m"
    )
    assert words_of(entry) == Words("3f2a", Analysis("x", Severity.P1, "y", "m"))


def test_a_line_that_joins() -> None:
    joined = joined_of(entry_of(Event.INCIDENT_GREW, alert_id="3f2a", line="Traceback", reason="burst", service="shop"))
    assert joined is not None
    assert (joined.alert_id, joined.line) == ("3f2a", "Traceback")


@pytest.mark.parametrize("read", [joined_of, words_of, lambda entry: told_of(entry, 0.0)])
def test_other_entries_are_none_of_these(read: Any) -> None:
    assert read(entry_of(Event.READY, files=2)) is None
    assert read({}) is None


def test_a_configuration_that_cannot_be_used_ends_it_at_once(tmp_path: Path) -> None:
    config = tmp_path / "logwatchd.toml"
    config.write_text("nonsense = 1\n")
    with pytest.raises(ChildError, match="nonsense"), Watcher(config):
        pass
    with pytest.raises(ChildError, match=r"baseline build' failed with status 78"):
        learn(tmp_path / "baseline", config, [config])


def test_last_words_are_those_that_explain_an_end() -> None:
    died = Entry(
        clock.utc_now(), "critical", "STAGE_DIED", "daemon", "a stage died", "", {}, "Traceback\n  x\nKeyError: 3"
    )
    assert last_word("not JSON", {}) == "not JSON"
    assert last_word(as_json(died), json.loads(as_json(died))) == "critical: a stage died (KeyError: 3)"
    assert last_word("{}", entry_of(Event.ANOMALY)) == ""
