"""A message as JSON for programs, and as plain text for people."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from enum import Enum
from typing import Any

from logwatchd.alerting.explain import caveat, explanation, shown_severity
from logwatchd.alerting.message import Digest, Kind, Message
from logwatchd.alerting.text import clip, gist, visible

VERSION = 1
_MAX_SUBJECT_CHARS = 200
_MAX_MUTED = 16  # kinds: more of them are better muted by their service


def as_json(message: Message | Digest) -> bytes:
    """One JSON object with `version`, `kind` and either `digest` or all that is known of the incident."""
    return json.dumps(as_object(message), default=plain, ensure_ascii=False).encode("utf-8", "backslashreplace")


def as_object(message: Message | Digest) -> dict[str, Any]:
    """The same, not written out yet."""
    if isinstance(message, Digest):
        return {"version": VERSION, "kind": Kind.DIGEST, "key": message.id, "digest": asdict(message)}
    alert, analysis = message.alert, message.analysis
    shown = asdict(alert) | {"level": alert.level.name}
    for name in ("file", "end", "centroid", "radius"):
        shown.pop(name, None)
    return {
        "version": VERSION,
        "kind": message.kind,
        "key": alert.id,
        "severity": shown_severity(alert, analysis).name,
        "summary": subject_of(message),
        "why": message.why,
        "explanation": explanation(alert),
        "caveat": caveat(alert),
        "alert": shown,
        "incident": asdict(message.story),
        "analysis": asdict(analysis) if analysis else None,
    }


def subject_of(message: Message | Digest) -> str:
    """One line; nothing in it can steer a terminal or end a mail's header."""
    if isinstance(message, Digest):
        return f"{message.incidents} more incidents were held back, {message.lines} lines"
    alert = message.alert
    over = "over: " if message.kind is Kind.RESOLVED else ""
    severity = shown_severity(alert, message.analysis).name
    return clip(f"{over}{severity} {visible(alert.service)}: {gist(alert.line)}", _MAX_SUBJECT_CHARS)


def text_of(message: Message | Digest) -> str:
    """Everything a person needs, as plain text."""
    if isinstance(message, Digest):
        rows = [f"{count:6}  {severity}  {visible(service)}" for service, severity, count in message.groups]
        rows += [f"{message.others:6}  of other services"] if message.others else []
        return "\n".join([subject_of(message), "", *rows, "", *(visible(line) for line in message.samples)]) + "\n"
    alert, analysis, story = message.alert, message.analysis, message.story
    lines = [*(visible(line) for line in alert.line.splitlines()[:40]), ""]
    lines += [line for note in (visible(message.why), caveat(alert)) if note for line in (note, "")]
    if analysis:
        label = f"Likely cause (confidence: {analysis.confidence})" if analysis.conclusive else "Inconclusive"
        lines += [f"{label}: {visible(analysis.likely_cause)}", f"Do first: {visible(analysis.suggested_action)}"]
        lines += [f"Check also: {visible(item)}" for item in analysis.check_also]
    else:
        lines.append(visible(explanation(alert)))
    lines += [f"Normal: {visible(example)}" for example in alert.nearest_examples]
    lines += [f"With it: {visible(sample)}" for sample in story.samples]
    lines += [
        "",
        f"{story.lines} {'line' if story.lines == 1 else 'lines'} from {story.first_seen:%Y-%m-%d %H:%M:%S} to"
        f" {story.last_seen:%H:%M:%S} UTC in {', '.join(map(visible, story.sources or (alert.path,)))}"
        + (f" on {', '.join(map(visible, story.hosts))}" if story.hosts else ""),
        f"alert {alert.id}, score {alert.score:.2f} over {alert.threshold:.2f}",
        f"to mute: [[mute]] with {as_mute(message)} in logwatchd.toml, then: systemctl reload logwatchd",
    ]
    return "\n".join(lines) + "\n"


def as_mute(message: Message) -> str:
    """What a `[[mute]]` has to name, so that nobody is told of such lines again."""
    named = message.story.fingerprints[:_MAX_MUTED] or (message.alert.fingerprint,)
    return f"fingerprints = {json.dumps(named)}"


def plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return str(value.value)
    raise TypeError(f"{type(value).__name__} has no place in a message")
