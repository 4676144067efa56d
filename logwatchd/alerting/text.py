"""Log lines are foreign text: here they become harmless for a terminal, a prompt or a message, and bounded."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

# Control, format (bidirectional marks, zero-width and tag characters), surrogate, private and separator characters.
# None of them shows, and each can steer a terminal, turn text around or hide words from a reader.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})

MAX_EVENT_LINES = 8  # of an event that people are shown
_MOST_TRIED = 200


def visible(text: str, keep: str = "") -> str:
    """The text with every hidden character written out as \\xNN, \\uNNNN or \\UNNNNNNNN, but for those in `keep`."""
    if text.isprintable():
        return text
    return "".join(
        char if char in keep or unicodedata.category(char) not in _HIDDEN else _written_out(ord(char)) for char in text
    )


def _written_out(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def gist(text: str) -> str:
    """An event on one line: its first line and, of a stack trace, the last that names an exception."""
    first, *rest = [line for line in text.splitlines() if line.strip()] or [""]
    named = [line for line in rest if not line[0].isspace()] or [
        line for line in rest if not line.lstrip().startswith(("at ", "..."))
    ]
    return visible(" ... ".join(line.strip() for line in (first, *named[-1:])))


def excerpt(text: str, most: int) -> list[str]:
    """An event's lines, at most `most` (6 or more) of them with the marks of what is left out.

    Of a long trace these are its beginning, its end, and what stands at the margin, as exceptions and causes do.
    """
    lines = text.splitlines() or [""]
    if len(lines) <= most:
        return lines
    kept = {0, 1}
    at_margin = [index for index, line in enumerate(lines) if line[:1].strip()]
    for index in (*reversed(at_margin[-_MOST_TRIED:]), *range(len(lines) - 1, 0, -1)[:_MOST_TRIED]):
        if _rows(kept | {index}, len(lines)) <= most:
            kept.add(index)
    shown, last = [], -1
    for index in (*sorted(kept), len(lines)):
        if index - last > 1:
            shown.append(f"... {index - last - 1} {'line' if index - last == 2 else 'lines'} ...")
        shown.extend(lines[index : index + 1])
        last = index
    return shown


def _rows(kept: set[int], count: int) -> int:
    """How many rows these lines of `count` take, with a mark in each gap."""
    ordered = [*sorted(kept), count]
    return len(kept) + sum(after - before > 1 for before, after in pairwise(ordered))


def clip(text: str, limit: int) -> str:
    """At most `limit` characters; a cut text says by how many characters it is short."""
    if len(text) <= limit:
        return text
    mark = f"... [{len(text) - limit} more]"
    mark = f"... [{len(text) - limit + len(mark)} more]"
    return (text[: max(0, limit - len(mark))] + mark)[:limit]


def span(seconds: float) -> str:
    """A length of time in the largest unit that serves."""
    for unit, size_s in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size_s:
            return f"{seconds / size_s:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def counted(count: float, noun: str, nouns: str | None = None) -> str:
    """'1 line', '2,000 lines'; nouns: where it is no added 's'. count: a whole number."""
    return f"{count:,.0f} {noun if count == 1 else nouns or noun + 's'}"
