"""`logwatchd notify-test`: a sample alert through each sink, and what became of it."""

from __future__ import annotations

import sys
from pathlib import Path

from logwatchd import clock, config, journal
from logwatchd.alerting import words
from logwatchd.alerting.message import Kind, Message, Story
from logwatchd.alerting.services import sinks_of
from logwatchd.alerting.sink import JournalSink, MessageRefusedError
from logwatchd.alerting.text import visible
from logwatchd.errors import Exit, PermanentError, RetryableError
from logwatchd.journal import Event
from logwatchd.records import Alert, FileId, Level, Severity

_LINE = "this is a test of logwatchd's alerts: nothing is wrong"


def run(config_path: Path) -> Exit:
    """Send the sample through every sink that is configured, whatever its route; one line on each.

    Returns:
        OK when all took it, else FAILED.
    """
    found = config.load(config_path)
    journal.configure("terminal", secrets=found.secrets.all())
    outcome = Exit.OK
    for sink in sinks_of(found):
        try:
            if isinstance(sink, JournalSink):  # which has only Claude's words to add to the entry of an incident
                journal.logger("incidents").warning(Event.ANOMALY, **words.raised(sample().alert, held=False))
            sink.deliver(sample())
        except (RetryableError, PermanentError, MessageRefusedError) as error:
            print(f"{sink.name}: {visible(str(error))}", file=sys.stderr)
            outcome = Exit.FAILED
        else:
            print(f"{sink.name}: taken")
    return outcome


def sample() -> Message:
    """An alert that says of itself that it is a test. Nobody was asked about it, so it has no analysis."""
    now = clock.utc_now()
    alert = Alert(
        id="000000000000",
        fingerprint="0000000000000000",
        service="logwatchd-test",
        path="/dev/null",
        line=_LINE,
        pattern=_LINE,
        level=Level.NOTICE,
        score=1.0,
        threshold=0.5,
        distance=1.0,
        centroid=None,
        nearest_examples=("a line as known from good days",),
        differs=("test",),
        context=(),
        severity=Severity.P4,
        read_at=now,
        file=FileId(0, 0, 0),
        offset=0,
    )
    return Message(Kind.ALERT, alert, None, Story(1, 1, now, now, ("/dev/null",)))
