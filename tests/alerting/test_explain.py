from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.alerting.codec import alert_from_json, alert_to_json
from logwatchd.alerting.explain import (
    MAX_LINE_CHARS,
    alert_of,
    caveat,
    explanation,
    line_key,
    severity_of,
    shown_severity,
    urgency,
)
from logwatchd.alerting.message import Kind, Message, Story
from logwatchd.alerting.notices import AlertRaised
from logwatchd.alerting.opening import as_it_is
from logwatchd.alerting.payload import as_json, text_of
from logwatchd.alerting.render import plain
from logwatchd.alerting.slack_blocks import blocks_of
from logwatchd.alerting.words import raised
from logwatchd.records import Analysis, FileId, Level, Severity
from tests.alerting.builders import alert, anomaly


@pytest.mark.parametrize(
    ("level", "score", "severity"),
    [
        (Level.FATAL, 0.31, Severity.P1),
        (Level.CRITICAL, 0.99, Severity.P1),
        (Level.ERROR, 0.99, Severity.P2),
        (Level.WARNING, 0.4, Severity.P3),
        (Level.WARNING, 0.9, Severity.P2),
        (Level.UNKNOWN, 0.9, Severity.P2),
        (Level.INFO, 0.4, Severity.P4),
        (Level.INFO, 0.9, Severity.P3),
    ],
)
def test_the_local_estimate(level: Level, score: float, severity: Severity) -> None:
    assert severity_of(level, score, threshold=0.3) is severity


@given(st.sampled_from(Level), st.floats(0, 1), st.floats(0, 1))
def test_every_level_and_score_has_an_estimate(level: Level, score: float, threshold: float) -> None:
    assert severity_of(level, score, threshold) in Severity


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"late": True}, "Told late: it was read at 2026-"),
        ({"by_twin": True}, "Judged by the baseline's local twin"),
    ],
    ids=["late", "twin"],
)
def test_everybody_is_told_how_it_was_judged_while_the_embedding_service_was_away(
    how: dict[str, bool], says: str
) -> None:
    told = alert_of(replace(anomaly("disk full"), **how), 10, str)
    assert alert_from_json(alert_to_json(told)) == told
    about = Message(Kind.ALERT, told, None, Story(1, 1, told.read_at, told.read_at))
    blocks = " ".join(str(block.get("text", "")) for block in blocks_of(about)).replace("\\'", "'")
    shown = [text_of(about), json.loads(as_json(about))["caveat"], blocks, "\n".join(plain(AlertRaised(told)))]
    assert [says in text for text in shown] == [True] * 4
    fields = raised(told, held=False)
    assert {name for name in ("late", "by_twin") if fields[name]} == how.keys()
    assert caveat(alert()) == ""


@pytest.mark.parametrize(
    ("local", "said", "shown"),
    [
        (Severity.P1, Severity.P4, Severity.P2),
        (Severity.P3, Severity.P4, Severity.P4),
        (Severity.P4, Severity.P1, Severity.P1),
        (Severity.P2, Severity.P2, Severity.P2),
    ],
)
def test_an_analysis_quietens_an_alert_by_one_step_at_most(local: Severity, said: Severity, shown: Severity) -> None:
    told = replace(alert(), severity=local)
    assert shown_severity(told, Analysis("cause", said, "action", "claude")) is shown
    assert shown_severity(told, None) is local
    assert urgency(shown) <= urgency(local) + 1


def test_an_alert_carries_what_a_person_needs() -> None:
    made = alert_of(
        anomaly("database is locked", 77, context=tuple(f"line {i}" for i in range(50))),
        context_lines=10,
        redact=as_it_is,
    )
    assert made.context == tuple(f"line {i}" for i in range(40, 50))
    assert made.nearest_examples == ("user <N> logged in", "cache hit for <PATH>")
    assert made.differs == ("database", "is", "locked")
    assert (made.level, made.severity, made.distance, made.centroid) == (Level.ERROR, Severity.P2, 0.71, 3)
    assert alert_of(anomaly("x", context=("a", "b")), 0, as_it_is).context == ()


def test_what_is_redacted_in_a_line_is_not_named_as_its_difference() -> None:
    line = anomaly("login of anna failed", differs=("anna", "failed"))
    made = alert_of(line, 10, lambda text: text.replace("anna", "<user-3f2a91c0>"))
    assert made.differs == ("failed",)
    assert "anna" not in alert_to_json(made)


def test_an_id_names_one_line_and_a_fingerprint_its_kind() -> None:
    first, again = alert("job 1 died", 10, pattern="job <N> died"), alert("job 2 died", 90, pattern="job <N> died")
    assert first.id != again.id
    assert first.fingerprint == again.fingerprint
    assert alert("job 1 died", 10, pattern="job <N> died").id == first.id
    assert alert("job 1 died", 10, pattern="job <N> died", service="other").fingerprint != first.fingerprint


def test_a_line_has_one_key_wherever_it_is_read_again() -> None:
    file = FileId(1, 2, 3)
    assert line_key(file, 4, "text") == line_key(FileId(1, 2, 3), 4, "text")
    others = [line_key(file._replace(generation=4), 4, "text"), line_key(file, 5, "text"), line_key(file, 4, "texts")]
    assert line_key(file, 4, "text") not in others


def test_texts_in_an_alert_are_bounded() -> None:
    huge = "x" * 1_000_000
    made = alert(huge, context=(huge,) * 50, examples=(huge,) * 3)
    assert len(made.line) == MAX_LINE_CHARS
    assert sum(map(len, (*made.context, *made.nearest_examples))) < 10_000


def test_an_alert_explains_itself() -> None:
    assert explanation(alert("database is locked")) == (
        "The nearest known-good lines lie 0.71 away. They do not have: database, is, locked."
    )
    assert "Nothing like it" in explanation(alert(examples=()))
    same_words = alert("locked database", examples=("database locked",))
    assert "another order" in explanation(same_words)
