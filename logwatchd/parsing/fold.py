"""Raw lines -> keys: the cheap half of normalising, done on a whole block at a time.

The shape of a line is the line with every digit as '0': one `bytes.translate` makes the shapes of a megabyte. Most
shapes are a line's key as they stand. Some hold numbers that carry meaning (an HTTP status, an exit code, an error
number, a signal is a word, not a measurement): where they stand depends on the shape alone, so it is found once a
shape, and the key is the shape with these digits kept.

The pattern of a line is defined on its key, never on the raw line, so that a cache of keys is exact by construction.
"""

from __future__ import annotations

import re
from itertools import chain

_DIGITS = b"0123456789"
_KEPT = bytes(range(0x10, 0x1A))  # control characters that stand for kept digits inside a key
_SHAPE = bytes.maketrans(_DIGITS + _KEPT + b"\t\r\0", b"0" * 10 + b"?" * 10 + b"   ")
_HIDE = bytes.maketrans(_DIGITS, _KEPT)
_SHOW = bytes.maketrans(_KEPT, _DIGITS)

Spans = tuple[tuple[int, int], ...]

# Only character classes of digits and fixed letters: what matches in a shape matches in each of its lines.
_MEANINGFUL = re.compile(
    rb'(?:" (?=000(?: |$))'  # an access log's status follows the quoted request
    rb"|\b[Ss]tatus(?:[ _-]?[Cc]ode)?[\"']?[=: ]{1,3}[\"']?"
    rb"|\bHTTP/0(?:\.0)?[\"']? (?=000\b)"
    rb"|\b[Ee]xit(?:ed|s)?(?: with)?[ _-]?(?:code|status|value)?[\"']?[=: ]{1,3}"
    rb"|\b(?:returned|rc|ret|errno|level|severity|[Cc]ode|[Ss]ignal|SIG|[Ee]rror)[\"']?[=: #\[(]{1,3}-?"
    rb")(0{1,4})(?![0A-Za-z.:/-])"
)


def shapes(data: bytes) -> bytes:
    """A block of lines with every digit as '0' and tabs as blanks; lengths and newlines stay as they are."""
    return data.translate(_SHAPE)


def meaningful(shape: bytes) -> Spans:
    """Where a line of this shape (without its newline) holds digits that carry meaning: (start, end) each."""
    return tuple(match.span(1) for match in _MEANINGFUL.finditer(shape))


def key(raw: bytes, shape: bytes, spans: Spans) -> bytes:
    """The key of a raw line: its shape, with the digits at `spans` kept."""
    if not spans:
        return shape
    bounds = [0, *chain.from_iterable(spans), len(shape)]
    pieces = [shape[a:b] for a, b in zip(bounds[::2], bounds[1::2], strict=True)]
    kept = [raw[a:b].translate(_HIDE) for a, b in spans]
    return b"".join(chain.from_iterable(zip(pieces, [*kept, b""], strict=True)))


def key_of(raw: bytes) -> bytes:
    """The key of one raw line, without any cache: the definition that the fast path has to match."""
    shape = shapes(raw)
    return key(raw, shape, meaningful(shape))


def show_kept(text: bytes) -> bytes:
    """Put the kept digits of a key back into their place."""
    return text.translate(_SHOW)
