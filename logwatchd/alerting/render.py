"""How alerts read on a terminal, in colour through rich or as plain lines: short and clear at 3 a.m."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from logwatchd.alerting.explain import caveat, explanation, shown_severity
from logwatchd.alerting.notices import AlertAnalysed, AlertRaised, IncidentEnded, IncidentGrew, Notice
from logwatchd.alerting.text import MAX_EVENT_LINES, clip, excerpt, visible
from logwatchd.records import Alert, Severity

if TYPE_CHECKING:
    from rich.text import Text

_MAX_LINE_CHARS = 600
_MAX_EXAMPLE_CHARS = 200
STYLES = {
    Severity.P1: "bold white on red",
    Severity.P2: "bold red",
    Severity.P3: "bold yellow",
    Severity.P4: "bold cyan",
}
_QUIET = "dim"

Span = tuple[str, str]  # text, rich style
Line = tuple[Span, ...]


def plain(notice: Notice) -> list[str]:
    """The notice as lines without any styling; nothing in them can steer a terminal."""
    return ["".join(text for text, _ in line).rstrip() for line in _lines(notice)]


def rich_text(notice: Notice) -> Text:
    """The notice for `rich.console.Console.print`; foreign text is never read as rich's markup."""
    from rich.text import Text

    return Text("\n").join(Text.assemble(*line) for line in _lines(notice))


def _lines(notice: Notice) -> Iterator[Line]:
    match notice:
        case AlertRaised(alert):
            yield from _raised(alert)
        case AlertAnalysed():
            yield from _analysed(notice)
        case IncidentGrew():
            yield from _grew(notice)
        case IncidentEnded():
            yield from _ended(notice)


def _raised(alert: Alert) -> Iterator[Line]:
    yield (
        *_head(alert.severity, alert.service),
        (f"  {alert.level.name}", ""),
        (f"  score {alert.score:.2f} over {alert.threshold:.2f}", ""),
        (f"  {alert.read_at.astimezone():%H:%M:%S}  {alert.id}", _QUIET),
    )
    yield from _quoted(alert.line)
    yield ("  ", ""), (visible(explanation(alert)), "")
    if caveat(alert):
        yield ("  ", ""), (caveat(alert), _QUIET)
    for example in alert.nearest_examples:
        yield ("  normal: ", _QUIET), (visible(clip(example, _MAX_EXAMPLE_CHARS)), _QUIET)


def _quoted(event: str) -> Iterator[Line]:
    for index, line in enumerate(excerpt(event, MAX_EVENT_LINES)):
        yield ("    " if index else "  > ", "bold"), (visible(clip(line, _MAX_LINE_CHARS)), "bold" if not index else "")


def _analysed(notice: AlertAnalysed) -> Iterator[Line]:
    alert, analysis = notice.alert, notice.analysis
    yield (
        *_head(shown_severity(alert, analysis), alert.service),
        (f"  {visible(analysis.model)} on {alert.id}", _QUIET),
    )
    yield ("  cause: ", "bold"), (visible(analysis.likely_cause), "")
    yield ("  first: ", "bold"), (visible(analysis.suggested_action), "")


def _grew(notice: IncidentGrew) -> Iterator[Line]:
    yield (
        ("joins", "bold magenta"),
        (f"  {visible(clip(notice.service, 60))}", "bold"),
        (f"  {notice.why}", ""),
        (f"  {notice.read_at.astimezone():%H:%M:%S}  {notice.alert_id}", _QUIET),
    )
    yield from _quoted(notice.line)


def _ended(notice: IncidentEnded) -> Iterator[Line]:
    count = "1 line" if notice.lines == 1 else f"{notice.lines} lines"
    since = f"{notice.first_seen.astimezone():%H:%M:%S} to {notice.last_seen.astimezone():%H:%M:%S}"
    yield (
        ("over", "bold green"),
        (f"  {visible(notice.service)}  {count}, {since}", ""),
        (f"  {notice.alert_id}", _QUIET),
    )


def _head(severity: Severity, service: str) -> tuple[Span, Span]:
    return (severity.value, STYLES[severity]), (f"  {visible(clip(service, 60))}", "bold")
