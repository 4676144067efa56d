"""The shop's log files, read as events: a line with a time, and what belongs below it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

_SHOP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z ")
_ACCESS = re.compile(r'\S+ - \S+ \[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000)\] "')
_REQUEST = re.compile(r"\[([0-9a-f]{8})[ \]]|([0-9a-f]{8})$")


@dataclass(frozen=True, slots=True)
class LogEvent:
    """at: when it was written, wall clock in seconds (whole seconds in the access log). request: its id, or ''."""

    at: float
    request: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def read_events(text: str) -> list[LogEvent]:
    """The events in a log of the shop, of either kind. Lines without a time belong to the event above them."""
    events: list[LogEvent] = []
    for line in text.splitlines():
        at = _time_of(line)
        if at is not None:
            request = _REQUEST.search(line)
            events.append(LogEvent(at, (request[1] or request[2]) if request else "", (line,)))
        elif events:
            last = events[-1]
            events[-1] = LogEvent(last.at, last.request, (*last.lines, line))
    return events


def _time_of(line: str) -> float | None:
    if match := _SHOP.match(line):
        return datetime.strptime(match[1], "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC).timestamp()
    if match := _ACCESS.match(line):
        return datetime.strptime(match[1], "%d/%b/%Y:%H:%M:%S %z").timestamp()
    return None


def physical_lines(events: Iterable[LogEvent]) -> set[str]:
    """Every line of the events, as logwatchd would quote it."""
    return {line.strip() for event in events for line in event.lines if line.strip()}
