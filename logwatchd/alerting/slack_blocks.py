"""An alert as Slack blocks: within Slack's limits whatever the line holds.

Limits (Slack's Block Kit reference): 150 characters a header, 3,000 a section, 2,000 a context element; counted here as
UTF-16 units of the escaped text, the strictest reading. Only & < > are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from logwatchd.alerting.explain import explanation, shown_severity
from logwatchd.alerting.sink import Message
from logwatchd.alerting.text import visible
from logwatchd.records import Severity

HEADER_UNITS = 150
SECTION_UNITS = 3000
FALLBACK_UNITS = 1000
_CODE_UNITS = 600

_FENCE = "```\n", "\n```"
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_SIGNS = {Severity.P1: "🔴", Severity.P2: "🟠", Severity.P3: "🟡", Severity.P4: "⚪"}
_CUT = "…"
_TICKS = re.compile(r"`(?=`)")
_BREAK = "\N{ZERO WIDTH SPACE}"

Block = dict[str, Any]


def blocks_of(message: Message) -> list[Block]:
    """The message's blocks."""
    alert, analysis = message.alert, message.analysis
    severity = shown_severity(alert, analysis)
    count = "1 line" if message.lines == 1 else f"{message.lines} lines so far"
    facts = (
        f"*Score* {alert.score:.2f} (threshold {alert.threshold:.2f})  *Level* {alert.level.name}  *Count* {count}"
        f"\n*Service* {_code(alert.service)}  *File* {_code(alert.path)}"
    )
    found: list[Block] = [
        {"type": "header", "text": _plain_text(f"{_SIGNS[severity]} {severity.value}: {visible(alert.service)}")},
        _section(fenced([alert.line], SECTION_UNITS)),
        _section(facts),
    ]
    if analysis is not None:
        found += [
            _labelled("*Likely cause*\n", analysis.likely_cause),
            _labelled("*Do first*\n", analysis.suggested_action),
        ]
    else:
        found.append(_labelled("", explanation(alert)))
    if alert.nearest_examples:
        label = "*Nearest normal lines*\n"
        found.append(_section(label + fenced(alert.nearest_examples, SECTION_UNITS - len(label))))
    source = f"words of {_code(analysis.model)}" if analysis else "no analysis: compared with the known-good lines"
    when = alert.read_at.isoformat(timespec="seconds")
    footer = f"alert {alert.id} · {when} · local estimate {alert.severity.value} · {source}"
    found.append({"type": "context", "elements": [_mrkdwn(footer)]})
    return found


def fallback_of(message: Message) -> str:
    """The message as one text: for notifications, and where blocks are refused."""
    alert, analysis = message.alert, message.analysis
    words = f" {analysis.likely_cause}" if analysis else ""
    text = f"{shown_severity(alert, analysis).value} {alert.service}: {alert.line}{words}"
    return fit(visible(text), FALLBACK_UNITS, _escape) or "-"


def fenced(lines: Iterable[str], units: int) -> str:
    """Lines in a code fence that none of them can close; each gets an even share of the room."""
    shown = [_TICKS.sub("`" + _BREAK, visible(line, keep="\t")) or " " for line in lines]
    room = units - sum(map(len, _FENCE)) - (len(shown) - 1)
    share = room // len(shown)
    return _FENCE[0] + "\n".join(fit(line, share, _escape) for line in shown) + _FENCE[1]


def fit(text: str, units: int, write: Callable[[str], str]) -> str:
    """As much of the text as has room when each of its characters is written by `write`; a cut ends in an ellipsis."""
    pieces, used = [], 0
    for index, char in enumerate(text):
        piece = write(char)
        size = _units(piece)
        left = 0 if index == len(text) - 1 else len(_CUT)
        if used + size + left > units:
            pieces.append(_CUT)
            break
        pieces.append(piece)
        used += size
    return "".join(pieces)


def _labelled(label: str, text: str) -> Block:
    return _section(label + fit(_TICKS.sub("`" + _BREAK, visible(text)), SECTION_UNITS - len(label), _escape))


def _code(text: str) -> str:
    """A short piece of foreign text in a sentence of ours: nothing in it formats or links."""
    return "`" + fit(visible(text).replace("`", "'"), _CODE_UNITS, _escape) + "`"


def _escape(char: str) -> str:
    return _ESCAPES.get(char, char)


def _keep(char: str) -> str:
    return char


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> Block:
    # verbatim: Slack makes no links and no mentions of what only looks like some.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain_text(text: str) -> Block:
    return {"type": "plain_text", "text": fit(text, HEADER_UNITS, _keep), "emoji": True}
