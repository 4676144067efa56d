"""How an anomaly becomes an incident: what its kind is known by, and what is kept of its first line."""

from __future__ import annotations

import re
from collections.abc import Callable

from logwatchd.alerting.explain import fingerprint_of
from logwatchd.alerting.grouping import GroupBy, Incident
from logwatchd.alerting.ties import host_of, is_failed_request, ties_of
from logwatchd.records import Alert, Anomaly, Severity

Redact = Callable[[str], str]

_TIMES = re.compile(
    r"\d{4}[-/]\d\d[-/]\d\d[T ]?|\d{1,2}/[A-Z][a-z]{2}/\d{4}:|\b[A-Z][a-z]{2} [ \d]\d (?=\d\d:)"
    r"|\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
)


def as_it_is(text: str) -> str:
    """What redacts nothing."""
    return text


def kind_of(anomaly: Anomaly, group_by: GroupBy) -> str:
    """What lines of the same kind share: service and pattern, or all of the text but its times with 'none'."""
    text = _TIMES.sub("", anomaly.line) if group_by == "none" else anomaly.verdict.pattern
    return fingerprint_of(anomaly.service, text)


def begin(anomaly: Anomaly, alert: Alert, key: str, severity: Severity, now: float) -> Incident:
    """The incident that a first line opens."""
    host = host_of(anomaly.line)
    return Incident(
        alert_id=alert.id,
        fingerprint=alert.fingerprint,
        service=anomaly.service,
        path=anomaly.path,
        inode=anomaly.file[:2],
        offset=anomaly.offset,
        severity=severity,
        vector=anomaly.details.vector(),
        first_at=now,
        last_at=now,
        began=anomaly.details.timestamp(),
        written=anomaly.details.timestamp(),
        first_seen=anomaly.read_at,
        last_seen=anomaly.read_at,
        keys={key},
        sources=[anomaly.path],
        hosts=[host] if host else [],
        ties=set(ties_of(anomaly.line)),
        bare=is_failed_request(anomaly.line),
    )
