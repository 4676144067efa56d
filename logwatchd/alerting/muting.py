"""What people asked not to be told of: lines of a kind, of a service or a file, or that an expression matches."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from logwatchd.alerting.explain import fingerprint_of
from logwatchd.alerting.sink import matches_any
from logwatchd.records import Anomaly


@dataclass(frozen=True, slots=True)
class Mute:
    """One `[[mute]]`: covers what all of its conditions hold for, until its time is over.

    name: for people. fingerprints: of kinds of lines; none: all. pattern: is searched in the line. services, sources:
    globs; none: all.
    """

    name: str
    fingerprints: frozenset[str] = frozenset()
    pattern: re.Pattern[str] | None = None
    services: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    until: datetime | None = None

    def covers(self, anomaly: Anomaly, now: datetime) -> bool:
        return (
            (self.until is None or now < self.until)
            and matches_any(anomaly.service, self.services)
            and matches_any(anomaly.path, self.sources)
            and (not self.fingerprints or fingerprint_of(anomaly.service, anomaly.verdict.pattern) in self.fingerprints)
            and (self.pattern is None or self.pattern.search(anomaly.line) is not None)
        )


def split(
    anomalies: Sequence[Anomaly], mutes: Sequence[Mute], now: datetime
) -> tuple[list[Anomaly], list[tuple[Mute, Anomaly]]]:
    """Those to tell, and the others, each with the first mute that covers it; both in their order."""
    told: list[Anomaly] = []
    muted: list[tuple[Mute, Anomaly]] = []
    for anomaly in anomalies:
        mute = next((one for one in mutes if one.covers(anomaly, now)), None)
        if mute is None:
            told.append(anomaly)
        else:
            muted.append((mute, anomaly))
    return told, muted
