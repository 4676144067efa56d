from __future__ import annotations

import io
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from logwatchd.alerting.notices import AlertAnalysed, AlertRaised, IncidentEnded, IncidentGrew, Notice
from logwatchd.alerting.render import plain, rich_text
from logwatchd.records import Analysis, Severity
from tests.alerting.builders import NOON, alert, steers_nothing

ANY = st.text(st.characters(exclude_categories=()))
WORDS = Analysis("The disk is full.", Severity.P1, "Look at `df -h`.", "claude-opus-4-6")


def test_an_alert_reads_at_a_glance() -> None:
    made = alert()
    assert plain(AlertRaised(made)) == [
        f"P2-High  shop  ERROR  score 0.90 over 0.30  {NOON.astimezone():%H:%M:%S}  {made.id}",
        "  > database is locked",
        "  The nearest known-good lines lie 0.71 away. They do not have: database, is, locked.",
        "  normal: user <N> logged in",
        "  normal: cache hit for <PATH>",
    ]


def test_claudes_words_and_the_end_of_an_incident() -> None:
    assert plain(AlertAnalysed(alert(), WORDS)) == [
        f"P1-Critical  shop  claude-opus-4-6 on {alert().id}",
        "  cause: The disk is full.",
        "  first: Look at `df -h`.",
    ]
    until = NOON + timedelta(minutes=5)
    (line,) = plain(IncidentEnded("a1b2", "shop", 700, NOON, until))
    assert line == f"over  shop  700 lines, {NOON.astimezone():%H:%M:%S} to {until.astimezone():%H:%M:%S}  a1b2"


def test_what_joins_an_incident_says_why() -> None:
    assert plain(IncidentGrew("a1b2", "shop", "near in meaning", "at db.connect", NOON)) == [
        f"joins  shop  near in meaning  {NOON.astimezone():%H:%M:%S}  a1b2",
        "  > at db.connect",
    ]


@given(line=ANY, service=ANY, example=ANY, cause=ANY)
def test_no_line_steers_a_terminal(line: str, service: str, example: str, cause: str) -> None:
    made = alert(line, service=service, examples=(example,))
    for notice in (
        AlertRaised(made),
        AlertAnalysed(made, Analysis(cause, Severity.P3, cause, "m")),
        IncidentGrew("a", service, "near in meaning", line, NOON),
        IncidentEnded("a", service, 1, NOON, NOON),
    ):
        for text in [*plain(notice), *rich_text(notice).plain.split("\n")]:
            assert steers_nothing(text)


def shown(notice: Notice, **options: object) -> str:
    out = io.StringIO()
    Console(file=out, force_terminal=True, width=200, **options).print(rich_text(notice))  # type: ignore[arg-type]
    return out.getvalue()


def test_rich_shows_the_same_words_in_colour() -> None:
    notice = AlertRaised(alert("[bold]no markup[/bold] :fire:"))
    coloured = shown(notice, color_system="standard")
    assert "\x1b[" in coloured
    bare = shown(notice, no_color=True, color_system=None)
    assert [line.rstrip() for line in bare.splitlines()] == plain(notice)
    assert "[bold]no markup[/bold] :fire:" in bare


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    Console(file=out, force_terminal=True, width=200).print(rich_text(AlertRaised(alert())))
    assert "\x1b[3" not in out.getvalue()
