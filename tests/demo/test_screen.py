"""What the reader of the demonstration sees, with and without a terminal."""

from __future__ import annotations

import io
import re

import pytest
from _demo.screen import Screen, open_console
from _demo.verdict import Failed, Finding, Verdict
from _demo.watcher import Words
from rich.console import Console

from logwatchd.records import Analysis, Severity
from tests.demo.alerts import told

TOLD = told("ERROR [x] failed \x1b[31mred", 5.0)
FOUND = Finding("locked", 3.5, (TOLD,), TOLD)
MISSED = Finding("gone", None, (), None)


def _show(screen: Screen) -> None:
    screen.headline()
    with screen.step("opening") as done:
        done("open")
    with screen.progress("customers", 100) as advance:
        for count in range(0, 101, 10):
            advance(count, f"{count} requests")
    screen.fault(1, 2, "locked", "somebody holds a lock")
    screen.incident(TOLD, 1.5)
    screen.incident(TOLD, None, false_alarm=True)
    screen.joined(["Traceback (most recent call last):", "  File x", "OperationalError: locked"])
    screen.words(TOLD, Words("id-5.0", Analysis("a lock", Severity.P1, "release it", "claude")))
    screen.missed("gone", 12)
    screen.summary(Verdict((FOUND, MISSED), (TOLD,), (), (Failed(1.0, "", 500, "GET /y"),)), 61.4)
    screen.error("over")


def test_plain_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    _show(Screen(open_console()))
    shown = capsys.readouterr().out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", shown)
    for text in (
        "ok  opening: open",
        "customers: 50%",
        "ok  customers: 100 requests",
        "logwatchd says, 1.5 s after the first bad line",
        "P2-High  shop  ERROR  score 0.81 over 0.25",
        "> ERROR [x] failed \\x1b[31mred",
        "normal: INFO a",
        "FALSE ALARM",
        "+ OperationalError: locked",
        "cause: a lock",
        "FAILED: 1 of 2 faults found, 1 false alarms, in 61 s",
        "gone: not found, and the shop logged nothing about it",
        "the shop failed although nothing was broken: GET /y",
    ):
        assert text in shown
    row = next(line for line in shown.splitlines() if "locked" in line and "yes" in line)
    assert row.split()[1:-1:2] == ["locked", "yes", "1.5", "0.81", "1"]


@pytest.mark.parametrize("no_color", [True, False])
def test_colours_on_a_terminal_unless_unwanted(monkeypatch: pytest.MonkeyPatch, no_color: bool) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    shown = io.StringIO()
    _show(Screen(Console(file=shown, force_terminal=True, width=100, highlight=False)))
    colours = re.findall(r"\x1b\[[\d;]*3[1-6][\d;]*m", shown.getvalue())
    assert bool(colours) is not no_color
    assert "[31mred" in shown.getvalue()
    assert "\x1b[31mred" not in shown.getvalue()
