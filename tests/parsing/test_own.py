"""No feedback: logwatchd's own lines are known by their header, and only by that."""

from __future__ import annotations

import json

import pytest

from logwatchd import clock
from logwatchd.journal import Event
from logwatchd.journal_output import Entry, as_json
from logwatchd.parsing import own

OWN = [
    "Jan  2 05:00:00 web1 logwatchd[4711]: new incident: P2-High shop",
    "Jan  2 05:00:00 web1 logwatchd: new incident",
    "Jan  2 05:00:00.123456 web1 logwatchd[4711]: ready",
    "Jan  2 2026 05:00:00 web1 logwatchd[4711]: ready",
    "<29>Jan  2 05:00:00 web1 logwatchd[4711]: ready",
    "2026-01-02T05:00:00.123456+01:00 web1 logwatchd[4711]: ready",
    "2026-01-02T05:00:00+0000 web1 logwatchd[1]: ready",
    "Jan  2 05:00:00 logwatchd[4711]: a syslog without host names",
    "<29>1 2026-01-02T05:00:00.123456+01:00 web1 logwatchd 4711 - - ready",
    '<29>1 2026-01-02T05:00:00Z web1 logwatchd - ID47 [meta sequenceId="1"] ready',
    "Jan  2 05:00:00 web1 logwatchd[4711]:",
    "Jan  2 05:00:00 web1 systemd[1]: Starting logwatchd.service - Tells about log lines...",
    "2026-01-02T05:00:00.123456+00:00 web1 systemd[1]: Started logwatchd.service - Tells about log lines.",
    "<30>Jan  2 05:00:00 web1 systemd[1]: Reloading logwatchd.service...",
    "<30>1 2026-01-02T05:00:00Z web1 systemd 1 - - Stopping logwatchd.service",
    "Jan  2 05:00:00 web1 systemd[1]: logwatchd.service: Deactivated successfully.",
    "Jan  2 05:00:00 web1 systemd[1]: logwatchd.service: Consumed 1.7s CPU time.",
    "Jan  2 05:00:00 web1 (ogwatchd)[77]: Apparently, service previously had DynamicUser= turned off.",
]
OTHERS = [
    "Jan  2 05:00:00 web1 systemd[1]: logwatchd.service: Main process exited, code=killed, status=9/KILL",
    "Jan  2 05:00:00 web1 systemd[1]: logwatchd.service: Watchdog timeout (limit 1min)!",
    "Jan  2 05:00:00 web1 systemd[1]: Failed to start logwatchd.service - Tells about log lines.",
    "Jan  2 05:00:00 web1 systemd[1]: Started my-logwatchd.service - another one.",
    "Jan  2 05:00:00 web1 sudo[12]: root : COMMAND=/usr/bin/systemctl restart logwatchd: done",
    "Jan  2 05:00:00 web1 logwatchdog[3]: barks",
    "Jan  2 05:00:00 web1 my-logwatchd[3]: another program",
    "2026-01-02T05:00:00Z ERROR logwatchd: said an application of its own accord",
    "logwatchd[4711]: no header at all",
    "<29>1 2026-01-02T05:00:00Z logwatchd sshd 77 - - a host of that name",
    "",
]


def said(event: Event) -> str:
    """The line that logwatchd writes of an event, made as it makes it."""
    return as_json(Entry(clock.utc_now(), "warning", event.name, "tail", event.value, 'with "quotes"', {"n": 1}, ""))


@pytest.mark.parametrize("event", Event)
def test_its_own_json_is_known_also_as_container_engines_wrap_it(event: Event) -> None:
    line = said(event)
    assert own.is_own(line)
    assert own.is_own(json.dumps({"log": line + "\n", "stream": "stdout", "time": "2026-01-02T05:00:00Z"}))
    assert own.is_own(f"2026-01-02T05:00:00.123456789Z stdout F {line}")


def test_another_programs_json_of_the_same_form_is_not_its_own() -> None:
    line = said(Event.ANOMALY)
    assert not own.is_own(line.replace('"ANOMALY"', '"DATABASE_DOWN"'))
    assert not own.is_own(line.replace('"level"', '"severity"'))
    assert not own.is_own('{"event": "ANOMALY", "timestamp": "2026-01-02T05:00:00Z", "level": "error"}')


@pytest.mark.parametrize("line", OWN)
def test_its_own_lines_are_known(line: str) -> None:
    assert own.is_own(line)


@pytest.mark.parametrize("line", OTHERS)
def test_lines_of_others_are_not_taken_for_its_own(line: str) -> None:
    assert not own.is_own(line)
