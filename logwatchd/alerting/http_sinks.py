"""Sinks that are told by HTTP: a signed JSON webhook, Prometheus' Alertmanager (API v2), PagerDuty (Events v2)."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from logwatchd import clock
from logwatchd.alerting.exchange import exchange
from logwatchd.alerting.explain import caveat, shown_severity
from logwatchd.alerting.message import Digest, Kind, Message
from logwatchd.alerting.payload import as_json, as_object, subject_of
from logwatchd.alerting.sink import MessageRefusedError
from logwatchd.alerting.text import clip
from logwatchd.errors import PermanentError, RetryableError
from logwatchd.records import Severity

PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
TIMEOUT_S = 10.0  # for a whole answer
_MAX_ANSWER_BYTES = 1 << 16  # its status says it all
_LATER = frozenset({408, 425, 429})
_NOT_OURS = frozenset({401, 403, 404, 405, 407, 410})  # the address or the secret, whatever is sent
_FIRES_FOR = timedelta(hours=24)  # Alertmanager takes what it hears no more of for over
_PAGERDUTY = {Severity.P1: "critical", Severity.P2: "error", Severity.P3: "warning", Severity.P4: "info"}
_MAX_SUMMARY_CHARS = 1000
_MAX_DETAIL_CHARS = 4000


def post(sink: str, url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Send JSON; when this returns it was accepted.

    Raises:
        RetryableError: no answer in time, busy, or the service's own trouble.
        PermanentError: it refuses whatever is sent.
        MessageRefusedError: it refuses this.
    """
    own = {"Content-Type": "application/json", "User-Agent": "logwatchd"}
    try:
        request = urllib.request.Request(url, body, {**own, **headers})
        answer = exchange(request, TIMEOUT_S, _MAX_ANSWER_BYTES)
    except (UnicodeEncodeError, http.client.InvalidURL, ValueError):
        raise PermanentError(f"{sink}: its url or secret holds what cannot be sent; mend it, then reload") from None
    except (OSError, http.client.HTTPException) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        raise RetryableError(f"no answer from {sink} ({type(cause).__name__})") from None
    status = answer.status
    if 200 <= status < 300:
        return
    if status in _LATER or status >= 500:
        raise RetryableError(f"{sink} says {status}", _seconds(answer.headers.get("Retry-After")))
    if status >= 400 and status not in _NOT_OURS:
        raise MessageRefusedError(f"{sink} says {status} to this message")
    raise PermanentError(f"{sink} says {status}: mend its url or secret in [[sink]], then reload")


class WebhookSink:
    """POSTs `payload.as_json`, signed: X-Logwatchd-Signature is 'sha256=' and the HMAC of timestamp, '.' and body."""

    pace_s = 0.0

    def __init__(self, name: str, url: str, secret: SecretStr) -> None:
        self.name = name
        self._url = url
        self._secret = secret

    def wants(self, kind: Kind) -> bool:
        return True

    def deliver(self, message: Message | Digest) -> None:
        body = as_json(message)
        stamp = str(int(clock.utc_now().timestamp()))
        signed = hmac.new(self._secret.get_secret_value().encode(), stamp.encode() + b"." + body, hashlib.sha256)
        headers = {"X-Logwatchd-Timestamp": stamp, "X-Logwatchd-Signature": f"sha256={signed.hexdigest()}"}
        post(self.name, self._url, body, headers)


class AlertmanagerSink:
    """Alerts for Alertmanager to group, silence and route; an incident that is over is resolved there."""

    pace_s = 0.0

    def __init__(self, name: str, url: str, secret: SecretStr | None) -> None:
        """url: of the server, without /api. secret: a bearer token, where one is wanted."""
        self.name = name
        self._url = url.rstrip("/") + "/api/v2/alerts"
        self._headers = {"Authorization": f"Bearer {secret.get_secret_value()}"} if secret else {}

    def wants(self, kind: Kind) -> bool:
        return True

    def deliver(self, message: Message | Digest) -> None:
        post(self.name, self._url, json.dumps([_firing(message)]).encode(), self._headers)


class PagerDutySink:
    """Events with the alert's id as their key: what follows belongs to the same incident there."""

    pace_s = 0.0

    def __init__(self, name: str, url: str | None, routing_key: SecretStr) -> None:
        self.name = name
        self._url = url or PAGERDUTY_URL
        self._routing_key = routing_key

    def wants(self, kind: Kind) -> bool:
        return True

    def deliver(self, message: Message | Digest) -> None:
        event = {
            "routing_key": self._routing_key.get_secret_value(),
            "event_action": "resolve" if _over(message) else "trigger",
            "dedup_key": message.id if isinstance(message, Digest) else message.alert.id,
            "client": "logwatchd",
            "payload": _page(message),
        }
        post(self.name, self._url, json.dumps(event).encode(), {})


def _over(message: Message | Digest) -> bool:
    return isinstance(message, Message) and message.kind is Kind.RESOLVED


def _firing(message: Message | Digest) -> dict[str, Any]:
    now = clock.utc_now()
    if isinstance(message, Digest):
        return {
            "labels": {"alertname": "LogAnomalyDigest", "digest": message.id, "severity": "P2"},
            "annotations": {"summary": subject_of(message)},
            "startsAt": message.began.isoformat(),
            "endsAt": (now + _FIRES_FOR).isoformat(),
        }
    alert, analysis, story = message.alert, message.analysis, message.story
    labels = {
        "alertname": "LogAnomaly",
        "service": alert.service,
        "severity": alert.severity.name,  # the local estimate: labels are an alert's identity, and words may come later
        "fingerprint": alert.fingerprint,
        "alert_id": alert.id,
    }
    notes = {"summary": subject_of(message), "line": clip(alert.line, _MAX_DETAIL_CHARS), "lines": str(story.lines)}
    if caveat(alert):
        notes["caveat"] = caveat(alert)
    if analysis:
        notes |= {"likely_cause": analysis.likely_cause, "suggested_action": analysis.suggested_action}
    return {
        "labels": labels,
        "annotations": notes,
        "startsAt": story.first_seen.isoformat(),
        "endsAt": (story.last_seen if _over(message) else now + _FIRES_FOR).isoformat(),
    }


def _page(message: Message | Digest) -> dict[str, Any]:
    page: dict[str, Any] = {"summary": clip(subject_of(message), _MAX_SUMMARY_CHARS)}
    if isinstance(message, Digest):
        return page | {"source": "logwatchd", "severity": "error"}
    alert, shown = message.alert, as_object(message)
    return page | {
        "source": (message.story.hosts or (alert.path,))[0],
        "severity": _PAGERDUTY[shown_severity(alert, message.analysis)],
        "timestamp": alert.read_at.isoformat(),
        "component": alert.service,
        "class": alert.fingerprint,
        "custom_details": {
            "line": clip(alert.line, _MAX_DETAIL_CHARS),
            "explanation": shown["explanation"],
            "caveat": shown["caveat"],
            "lines": message.story.lines,
            "why": message.why,
            "likely_cause": message.analysis.likely_cause if message.analysis else None,
            "suggested_action": message.analysis.suggested_action if message.analysis else None,
        },
    }


def _seconds(header: str | None) -> float | None:
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None
