"""Messages as they may leave the machine. Lines were redacted before they were stored; names of files and of services
were needed as they are, to group and to route by, and may name a person as well: /home/anna/app.log."""

from __future__ import annotations

from dataclasses import replace

from logwatchd.alerting.message import Digest, Story
from logwatchd.alerting.opening import Redact
from logwatchd.records import Alert


def safe_alert(alert: Alert, redact: Redact) -> Alert:
    return replace(alert, path=redact(alert.path), service=redact(alert.service))


def safe_story(story: Story, redact: Redact) -> Story:
    return replace(story, sources=tuple(map(redact, story.sources)), hosts=tuple(map(redact, story.hosts)))


def safe_digest(digest: Digest, redact: Redact) -> Digest:
    groups = tuple((redact(service), severity, count) for service, severity, count in digest.groups)
    return replace(digest, groups=groups)
