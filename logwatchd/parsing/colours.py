"""A terminal's colours, which many programs write into files, too: they say nothing, and tear words apart."""

from __future__ import annotations

import re

_ESCAPE = "\x1b"
_COLOUR = re.compile(r"\x1b\[[\d;:]{0,32}[mK]")
_COLOUR_BYTES = re.compile(_COLOUR.pattern.encode())


def without_colours(data: bytes) -> bytes:
    """Whole lines without them."""
    # A single byte is found twenty times as fast as what it stands before, and most logs do not have it.
    return _COLOUR_BYTES.sub(b"", data) if _ESCAPE.encode() in data else data


def plain(line: str) -> str:
    """The same of one line of text."""
    return _COLOUR.sub("", line) if _ESCAPE in line else line
