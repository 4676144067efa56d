"""What the journal is told of incidents, as fields; `message` is what people read."""

from __future__ import annotations

from datetime import datetime

from logwatchd.alerting.explain import fingerprint_of
from logwatchd.alerting.grouping import Incident, Reason
from logwatchd.alerting.text import clip, gist, span, visible
from logwatchd.records import Alert, Anomaly

_MAX_MESSAGE_CHARS = 500


def raised(alert: Alert, *, held: bool) -> dict[str, object]:
    """Of a new incident. held: only a digest will tell of it elsewhere."""
    return {
        "message": f"{alert.severity.value} {visible(alert.service)} score {alert.score:.2f} over"
        f" {alert.threshold:.2f}: {clip(gist(alert.line), _MAX_MESSAGE_CHARS)}",
        "alert_id": alert.id,
        "fingerprint": alert.fingerprint,
        "service": alert.service,
        "path": alert.path,
        "source": alert.path,
        "line_level": alert.level,
        "severity": alert.severity,
        "score": round(alert.score, 4),
        "novelty": round(alert.novelty, 4),
        "threshold": round(alert.threshold, 4),
        "distance": round(alert.distance, 4),
        "centroid": alert.centroid,
        "radius": round(alert.radius, 4),
        "nearest": alert.nearest_examples,
        "differs": alert.differs,
        "pattern": alert.pattern,
        "line": alert.line,
        "held": held or None,
        "late": alert.late or None,
        "by_twin": alert.by_twin or None,
    }


def grew(incident: Incident, reason: Reason, anomaly: Anomaly, line: str) -> dict[str, object]:
    """Of a kind of line that joined an incident. line: the anomaly's, redacted."""
    return {
        "alert_id": incident.alert_id,
        "fingerprint": fingerprint_of(anomaly.service, anomaly.verdict.pattern),
        "reason": reason,
        "service": anomaly.service,
        "line": clip(gist(line), _MAX_MESSAGE_CHARS),
    }


def muted(name: str, alert: Alert) -> dict[str, object]:
    """Of a line that a mute covers. alert: what it would have been."""
    return {
        "message": f"{visible(name)} covers {visible(alert.service)}: {clip(gist(alert.line), _MAX_MESSAGE_CHARS)}",
        "mute": name,
        "fingerprint": alert.fingerprint,
        "service": alert.service,
        "path": alert.path,
        "severity": alert.severity,
        "line": alert.line,
    }


def summary(incident: Incident) -> dict[str, object]:
    """Of an incident as a whole."""
    return {
        "alert_id": incident.alert_id,
        "service": incident.service,
        "lines": incident.lines,
        "patterns": incident.kinds,
        "sources": incident.sources,
        "hosts": incident.hosts or None,
        "first_seen": incident.first_seen.isoformat(timespec="seconds"),
        "last_seen": incident.last_seen.isoformat(timespec="seconds"),
    }


def came_back(was_over: datetime | None, now: datetime) -> str:
    """That an incident of the same kind was over before; '' where there was none."""
    if was_over is None:
        return ""
    return f"it came back {span((now - was_over).total_seconds())} after it was over"
