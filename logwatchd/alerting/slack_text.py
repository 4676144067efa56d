"""Foreign text in Slack's mrkdwn: within its limits, escaped, and unable to format, link or steer anything.

Limits (Slack's Block Kit reference): 150 characters a header, 3,000 a section, 2,000 a context element; counted here as
UTF-16 units of the escaped text, the strictest reading. Only & < > are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from logwatchd.alerting.text import visible

HEADER_UNITS = 150
SECTION_UNITS = 3000
CONTEXT_UNITS = 2000
_CODE_UNITS = 600

_FENCE = "```\n", "\n```"
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_CUT = "…"
_TICKS = re.compile(r"`(?=`)")
_BREAK = "\N{ZERO WIDTH SPACE}"

Block = dict[str, Any]


def fenced(lines: Iterable[str], units: int) -> str:
    """Lines in a code fence that none of them can close; each gets an even share of what shorter ones leave."""
    shown = [_TICKS.sub("`" + _BREAK, visible(line, keep="\t")) or " " for line in lines]
    room = units - sum(map(len, _FENCE)) - (len(shown) - 1)
    fitted: dict[int, str] = {}
    for index in sorted(range(len(shown)), key=lambda at: len(shown[at])):
        fitted[index] = fit(shown[index], room // (len(shown) - len(fitted)), escape)
        room -= _units(fitted[index])
    return _FENCE[0] + "\n".join(fitted[index] for index in range(len(shown))) + _FENCE[1]


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


def prose(text: str, units: int) -> str:
    """Foreign sentences; no code fence can begin in them."""
    return fit(_TICKS.sub("`" + _BREAK, visible(text)), units, escape)


def code(text: str, units: int = _CODE_UNITS) -> str:
    """A short piece of foreign text in a sentence of ours: nothing in it formats or links."""
    return "`" + fit(visible(text).replace("`", "'"), units, escape) + "`"


def escape(char: str) -> str:
    return _ESCAPES.get(char, char)


def header(text: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": fit(text, HEADER_UNITS, _keep), "emoji": True}}


def section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text)}


def labelled(label: str, text: str) -> Block:
    """A section of foreign sentences under a label of ours."""
    return section(label + prose(text, SECTION_UNITS - len(label)))


def context(text: str) -> Block:
    return {"type": "context", "elements": [_mrkdwn(fit(text, CONTEXT_UNITS, _keep))]}


def _mrkdwn(text: str) -> Block:
    # verbatim: Slack makes no links and no mentions of what only looks like some.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _keep(char: str) -> str:
    return char


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
