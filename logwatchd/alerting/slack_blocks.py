"""A message as Slack blocks: within Slack's limits whatever its texts hold, see `slack_text`."""

from __future__ import annotations

from logwatchd.alerting.explain import caveat, explanation, shown_severity
from logwatchd.alerting.message import Digest, Kind, Message
from logwatchd.alerting.payload import as_mute
from logwatchd.alerting.slack_text import (
    SECTION_UNITS,
    Block,
    code,
    context,
    escape,
    fenced,
    fit,
    header,
    labelled,
    section,
)
from logwatchd.alerting.text import MAX_EVENT_LINES, counted, excerpt, gist, visible
from logwatchd.records import Alert, Analysis, Severity

FALLBACK_UNITS = 1000
_SIGNS = {Severity.P1: "🔴", Severity.P2: "🟠", Severity.P3: "🟡", Severity.P4: "⚪"}
_COLOURS = {Severity.P1: "#b3261e", Severity.P2: "#e8710a", Severity.P3: "#f2c037", Severity.P4: "#9aa0a6"}
_OVER = "#2e7d32"
_MAX_NAMES = 8


def parts_of(message: Message | Digest) -> dict[str, list[Block]]:
    """The message's blocks, and as an attachment what stands below them, beside a bar in the severity's colour."""
    *blocks, footer = blocks_of(message)
    return {"blocks": blocks, "attachments": [{"color": colour_of(message), "blocks": [footer], "fallback": " "}]}


def blocks_of(message: Message | Digest) -> list[Block]:
    """All of the message's blocks; the last one is its footer."""
    if isinstance(message, Digest):
        return _digest(message)
    match message.kind:
        case Kind.ALERT:
            return _alert(message)
        case Kind.ANALYSIS:
            return _words(message)
        case _:
            return _update(message)


def colour_of(message: Message | Digest) -> str:
    """The bar beside the message: its severity, or green where it is over."""
    if isinstance(message, Digest):
        return _COLOURS[Severity.P2]
    return _OVER if message.kind is Kind.RESOLVED else _COLOURS[shown_severity(message.alert, message.analysis)]


def fallback_of(message: Message | Digest) -> str:
    """The message as one text: for notifications, and where blocks are refused."""
    if isinstance(message, Digest):
        return fit(f"{message.incidents} more incidents were held back, {message.lines} lines", FALLBACK_UNITS, escape)
    alert, analysis = message.alert, message.analysis
    words = f" {analysis.likely_cause}" if analysis else ""
    why = f" ({message.why})" if message.why else ""
    text = f"{shown_severity(alert, analysis).value} {alert.service}{why}: {gist(alert.line)}{words}"
    return fit(visible(text), FALLBACK_UNITS, escape) or "-"


def _alert(message: Message) -> list[Block]:
    alert, analysis = message.alert, message.analysis
    severity = shown_severity(alert, analysis)
    found = [
        header(f"{_SIGNS[severity]} {severity.value}: {visible(alert.service)}"),
        section(fenced(excerpt(alert.line, MAX_EVENT_LINES), SECTION_UNITS)),
        section(_facts(message)),
    ]
    if message.why:
        found.append(labelled("*Again* ", message.why))
    if caveat(alert):
        found.append(labelled("*Note* ", caveat(alert)))
    found += _analysis(alert, analysis) if analysis else [labelled("", explanation(alert))]
    if message.story.samples:
        label = f"*With it* ({counted(message.story.kinds, 'kind')} of lines)\n"
        found.append(section(label + fenced(message.story.samples, SECTION_UNITS - len(label))))
    if alert.nearest_examples:
        label = "*Nearest normal lines*\n"
        found.append(section(label + fenced(alert.nearest_examples, SECTION_UNITS - len(label))))
    source = f"words of {code(analysis.model)}" if analysis else "no analysis: compared with the known-good lines"
    when = alert.read_at.isoformat(timespec="seconds")
    found.append(
        context(f"alert {alert.id} · {when} · local estimate {alert.severity.value} · {source}\n{_mute(message)}")
    )
    return found


def _words(message: Message) -> list[Block]:
    alert, analysis = message.alert, message.analysis
    assert analysis is not None  # it is what the message is for
    severity = shown_severity(alert, analysis)
    return [
        section(f"{_SIGNS[severity]} *{severity.value}: analysis of* {code(gist(alert.line), 300)}"),
        *_analysis(alert, analysis),
        context(f"alert {alert.id} · service {code(alert.service, 200)} · words of {code(analysis.model)}"),
    ]


def _update(message: Message) -> list[Block]:
    alert = message.alert
    over = message.kind is Kind.RESOLVED
    sign = "🟢" if over else _SIGNS[shown_severity(alert, message.analysis)]
    head = "Over" if over else "Still open"
    found = [
        section(f"{sign} *{head}: {fit(visible(message.why), 300, escape)}*\n{code(gist(alert.line), 300)}"),
        section(_facts(message)),
    ]
    if message.story.samples and not over:
        found.append(section(fenced(message.story.samples, SECTION_UNITS)))
    return [*found, context(f"alert {alert.id} · service {code(alert.service, 200)}")]


def _digest(digest: Digest) -> list[Block]:
    rows = [f"{count:5}  {severity}  {service}" for service, severity, count in digest.groups]
    if digest.others:
        rows.append(f"{digest.others:5}  of other services")
    since, until = (at.isoformat(timespec="seconds") for at in (digest.began, digest.ended))
    found = [
        header(f"📋 {counted(digest.incidents, 'more incident')} held back"),
        section(
            f"There were more than `max_alerts_per_hour` allows: {counted(digest.incidents, 'incident')} with"
            f" {counted(digest.lines, 'line')} between {since} and {until} got no message of their own."
        ),
        section(fenced(rows, SECTION_UNITS)),
    ]
    if digest.samples:
        label = "*Among them*\n"
        found.append(section(label + fenced(digest.samples, SECTION_UNITS - len(label))))
    look = f"`journalctl LOGWATCHD_EVENT=ANOMALY --since '{digest.began:%Y-%m-%d %H:%M:%S} UTC'` shows each of them"
    return [*found, context(f"digest {digest.id} · {look}")]


def _facts(message: Message) -> str:
    alert, story = message.alert, message.story
    count = "1 line" if story.lines == 1 else f"{story.lines} lines so far"
    text = (
        f"*Score* {alert.score:.2f} (threshold {alert.threshold:.2f})  *Level* {alert.level.name}  *Count* {count}"
        f"\n*Service* {code(alert.service)}  *File* {_names(story.sources or (alert.path,))}"
    )
    return text + (f"  *Host* {_names(story.hosts)}" if story.hosts else "")


def _names(names: tuple[str, ...]) -> str:
    shown = [code(name, 120) for name in names[:_MAX_NAMES]]
    return ", ".join(shown) + (f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else "")


def _analysis(alert: Alert, analysis: Analysis) -> list[Block]:
    label = f"*Likely cause* (confidence: {analysis.confidence})\n" if analysis.conclusive else "*Inconclusive*\n"
    found = [labelled(label, analysis.likely_cause), labelled("*Do first*\n", analysis.suggested_action)]
    if analysis.check_also:
        found.append(labelled("*Check also*\n", " · ".join(analysis.check_also)))
    if analysis.evidence:
        label = "*It rests on*\n"
        found.append(section(label + fenced(analysis.evidence, SECTION_UNITS - len(label))))
    return found


def _mute(message: Message) -> str:
    """How to hear no more of lines like these."""
    return (
        f"to mute: `[[mute]]` with `{as_mute(message)}` in logwatchd.toml, then `systemctl reload logwatchd`; if it is"
        " normal, build the baseline again from logs that hold it"
    )
