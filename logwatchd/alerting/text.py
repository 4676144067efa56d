"""Log lines are foreign text: here they become harmless for a terminal, a prompt or a message, and bounded."""

from __future__ import annotations

import unicodedata

# Control, format (bidirectional marks, zero-width and tag characters), surrogate, private and separator characters.
# None of them shows, and each can steer a terminal, turn text around or hide words from a reader.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


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
    """An event on one line: its first line and, of a stack trace, the last, which names the exception."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return visible(" ... ".join((lines[0], lines[-1])) if len(lines) > 1 else "".join(lines))


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
