"""Whether logwatchd did its work: pure functions from what it said and what the shop logged to a verdict.

Nothing here knows how logwatchd decides. An alert is a fault's if the line that it quotes is one that the shop wrote
because of that fault: of a request that failed while the fault lasted, or one that carries the fault's own error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from _demo.logbook import LogEvent, physical_lines
from _demo.traffic import Failed
from logwatchd.records import Alert

_MAX_REASONS = 5
_CLOCK_GRAIN_S = 1.0  # the access log's times are whole seconds


@dataclass(frozen=True, slots=True)
class Told:
    """An alert as logwatchd gave it. at: when it arrived, wall clock in seconds."""

    at: float
    alert: Alert


@dataclass(frozen=True, slots=True)
class Window:
    """When a fault was made, and until when an alert counts as found; wall clock in seconds."""

    fault: str
    evidence: re.Pattern[str]
    began: float
    closed: float


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one fault.

    first_bad_at: None when the shop did not even notice it. told: all alerts about it. proof: the first one
    that quotes a line which no other fault has; without it the fault is not found.
    """

    fault: str
    first_bad_at: float | None
    told: tuple[Told, ...]
    proof: Told | None

    @property
    def found(self) -> bool:
        return self.proof is not None

    @property
    def delay_s(self) -> float | None:
        """Seconds from the first bad line to the proof."""
        return max(0.0, self.proof.at - self.first_bad_at) if self.proof and self.first_bad_at is not None else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """false_alarms: about lines that no fault explains. late: a fault's, but after its window.

    unasked: requests that failed while nothing was broken.
    """

    findings: tuple[Finding, ...]
    false_alarms: tuple[Told, ...]
    late: tuple[Told, ...]
    unasked: tuple[Failed, ...]

    @property
    def passed(self) -> bool:
        return all(finding.found for finding in self.findings) and not self.false_alarms and not self.unasked

    def reasons(self) -> list[str]:
        """Why it did not pass, one line each, a few of each kind; empty when it did."""
        return [
            *(
                f"{finding.fault}: not found"
                + ("" if finding.first_bad_at is not None else ", and the shop logged nothing about it")
                for finding in self.findings
                if not finding.found
            ),
            *(f"false alarm: {told.alert.line}" for told in self.false_alarms[:_MAX_REASONS]),
            *(f"the shop failed although nothing was broken: {failed.what}" for failed in self.unasked[:_MAX_REASONS]),
        ]


def bad_events(window: Window, events: Sequence[LogEvent], failed: Sequence[Failed]) -> list[LogEvent]:
    """What the shop wrote because of the fault, in the order of its times."""
    requests = {failure.request for failure in failed if window.began <= failure.at < window.closed}
    found = [
        event
        for event in events
        if window.began - _CLOCK_GRAIN_S <= event.at < window.closed
        and (event.request in requests - {""} or window.evidence.search(event.text))
    ]
    return sorted(found, key=lambda event: event.at)


def judge(
    windows: Sequence[Window], events: Sequence[LogEvent], failed: Sequence[Failed], alerts: Sequence[Told]
) -> Verdict:
    """Put every alert to the fault that explains it.

    The same line can stem from several faults ("Traceback ..."): then it is the last one's that had begun, and proves
    nothing.
    """
    bad = [bad_events(window, events, failed) for window in windows]
    lines = [physical_lines(found) for found in bad]
    told: list[list[Told]] = [[] for _ in windows]
    proofs: list[Told | None] = [None for _ in windows]
    false_alarms: list[Told] = []
    late: list[Told] = []
    for one in sorted(alerts, key=lambda told: told.at):
        explained = [
            number
            for number, window in enumerate(windows)
            if window.began <= one.at and _quotes(one.alert.line, lines[number])
        ]
        if not explained:
            false_alarms.append(one)
        elif one.at >= windows[explained[-1]].closed:
            late.append(one)
        else:
            told[explained[-1]].append(one)
            if len(explained) == 1:
                proofs[explained[-1]] = proofs[explained[-1]] or one
    return Verdict(
        findings=tuple(
            Finding(window.fault, _first_at(found), tuple(mine), proof)
            for window, found, mine, proof in zip(windows, bad, told, proofs, strict=True)
        ),
        false_alarms=tuple(false_alarms),
        late=tuple(late),
        unasked=tuple(
            failure for failure in failed if not any(window.began <= failure.at < window.closed for window in windows)
        ),
    )


def _quotes(line: str, lines: set[str]) -> bool:
    """Whether an alert's line (its first, should it quote several) is one of these."""
    return line.strip().split("\n")[0].strip() in lines


def _first_at(found: Sequence[LogEvent]) -> float | None:
    """When the first bad line was written; the access log tells whole seconds only, so shop.log goes first."""
    exact = [event.at for event in found if event.at % 1]
    return min(exact, default=found[0].at if found else None)
