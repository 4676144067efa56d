"""Shapes -> skeletons: the shape without what no mask looks at.

That is how many digits a count, a port or an address has, which digits and letters an id has in base 16, and what no
person reads: encoded data and bytes that are no text. It is found word by word, and nearly all words are old
acquaintances, whatever the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from logwatchd.parsing.shapes import ZERO

BINARY, BLOB = b"<BINARY>", b"<BLOB>"

_LONG = 256  # bytes; longer words hardly come again
_ENTRY_BYTES = 100  # what a word takes in a dictionary beside its text

# What no mask looks at, behind what is no letter or digit. Words stand between blanks here.
_VARYING = re.compile(
    rb"""
    (?P<before>[^0A-Za-z]) (?=-?0|[A-Za-z]++:?0)  # is soon seen
    (?: (?<=\ )(?P<bare>0+)(?=\ )
      | (?: (?<=\ )|(?<=\ [(\[{"']) )(?P<alone>0+)(?=[)\]}"',;:.]?\ )
      | (?P<uuid> 00000000-0000-0000-0000-000000000000 )
      | (?P<address> (?<![\w.])0{1,3}(?:\.0{1,3}){3}(?P<port>[:/]0+)?(?![\w.]\w) )
      | (?P<dotted> (?<![\w.])0+(?:\.0+){3}(?![\w.]\w) )
      | (?P<time> (?<=[\ ,0][-+])0000(?![0A-Za-z]|:0)  # its digits are counted by the masks
                | (?:0000[-/.]00[-/.]00|00/00/00)(?!0)(?:[T_-]00[:.]00[:.]00(?!0))?
                | 0{8}-00?:00?:00? | 00[:.]00[:.]00(?!0) )
      | (?P<joined> (?<=_)-?0+(?![0A-Za-z:]) )
      | (?P<number> (?: (?<!:) | (?<=[^0a-fA-F:]:) ) 0+
                    (?= (?:[kKMGTP]i?[bB]?|[mnu]?s|secs?|h|m|mins?|bytes)\b | [^0A-Za-z:] | :[^0a-fA-F:] ) )
      | (?P<based> (?<!_)0x[0a-fA-F]+\b )
      | (?P<hex> (?<![_<])(?=0{0,64}[a-fA-F])(?=[a-fA-F]{0,64}0)(?:[0a-f]{7,128}|[0A-F]{7,128})(?![\w>]) )
      | (?P<named> (?P<name>[A-Za-z]{0,32}[g-zG-Z][A-Za-z]{0,32}:?)0+(?![0A-Za-z]|:0|-0000-) ) )
    """,
    re.VERBOSE,
)
_SHORT: dict[str | None, bytes] = {
    "number": b"0",
    "joined": b"00",
    "address": b"0.0.0.0",
    "dotted": b"0000.0.0.0",  # more digits than an address has
    "based": b"0x0",
    "hex": b"a0000000",
}
# A number that is a word of its own may be a year, or half of a stamp: by its length.
_BARE_LENGTHS = {4: b"0000", 6: b"000000", 8: b"00000000"}
_YEAR_DIGITS = 4

_BETWEEN_FIELDS, _APART = b',"', b', \0"'  # of JSON, which may have no blanks; and no shape has a NUL

# Which page of a site: the masks take it for <PATH>, whatever it is.
_TARGET = re.compile(rb'("[A-Z]{3,7} /)[^ "]+')
_PAGE = re.compile(rb"""(://[^/\s"'<>)\]}]+/)[^\s"'<>)\]}]+""")

# Encoded data: in base 64 two of five characters are capitals, as many are small letters, and one of six is a digit. In
# paths, names and sentences they are not, slashes are many, and what has slashes has dashes as well.
_RUN_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0+/_-"
_RUN = re.compile(
    rb"([^A-Za-z0+/_-])((?:[A-Za-z0_-]{32,}(?![A-Za-z0+/_-])|[A-Za-z0+/]{32,}(?![A-Za-z0+/_-]))={0,2})",
)
_RUN_CLASS = bytes.maketrans(_RUN_BYTES, b"a" * len(_RUN_BYTES))
_SHORTEST_RUN = b"a" * 32
_CAPITALS, _SMALL = bytes(range(ord("A"), ord("Z") + 1)), bytes(range(ord("a"), ord("z") + 1))

# Control characters but those of a terminal's colours and an event's inner newline. In what is UTF-8 all of them are a
# protocol's or a terminal's.
_CONTROL = bytes((*range(0x01, 0x09), 0x0E, 0x0F, 0x1A, *range(0x1C, 0x20), 0x7F))
_NO_CONTROL = bytes(set(range(256)) - set(_CONTROL))
_STRINGS = re.compile(rb"[ -~]{12,}")  # as strings(1) finds them in a program; in random bytes they are rare


def skeleton(shape: bytes) -> bytes:
    """The skeleton of one shape, without any cache."""
    return _whole(b" ".join(_words(_taken_apart(_text(shape)))))


class Skeletons:
    """What `skeleton` says of many shapes at once, asked only of words that are new. Owned by one thread."""

    def __init__(self, max_bytes: int) -> None:
        """max_bytes: of words that are remembered; when they are more, they are forgotten, being cheap to find."""
        self._words: dict[bytes, bytes] = {}
        self._bytes = 0
        self._max_bytes = max_bytes

    def of(self, shapes: Sequence[bytes]) -> list[bytes]:
        """The skeleton of each shape."""
        if not shapes:
            return []
        block = b" \n ".join(shapes)
        if block.translate(None, _NO_CONTROL):
            block = b" \n ".join(map(_text, shapes))
        words = _taken_apart(block)
        new = {each for each in words if ZERO in each}.difference(self._words)
        if new:
            self._words.update(zip(new, _words(new), strict=True))
        found = _whole(b" ".join(map(self._words.get, words, words))).split(b" \n ")
        self._forget(new)
        return found

    def _forget(self, new: set[bytes]) -> None:
        """Words that hardly come again; when there are too many, all."""
        for each in [each for each in new if len(each) > _LONG]:
            del self._words[each]
            new.remove(each)
        self._bytes += sum(map(len, new)) + _ENTRY_BYTES * len(new)
        if self._bytes > self._max_bytes:
            self._words.clear()
            self._bytes = 0


def _text(shape: bytes) -> bytes:
    """The shape, or what there is to read in bytes that are no text: broken as UTF-8, and with control characters."""
    if not shape.translate(None, _NO_CONTROL):
        return shape
    try:
        shape.decode()
    except UnicodeDecodeError:
        return b" ".join([BINARY, *b" ".join(_STRINGS.findall(shape)).split()])
    return shape


def _taken_apart(block: bytes) -> list[bytes]:
    """The words of shapes, without what is behind the first slash of a request's target or of an address in the web."""
    if b"://" in block:
        block = _PAGE.sub(_first, block)
    if b" /" in block:
        block = _TARGET.sub(_first, block)
    return block.replace(_BETWEEN_FIELDS, _APART).split(b" ")


def _whole(block: bytes) -> bytes:
    """What was taken apart, with its fields together."""
    return block.replace(_APART, _BETWEEN_FIELDS)


def _first(match: re.Match[bytes]) -> bytes:
    return match[1]


def _words(shapes: Iterable[bytes]) -> list[bytes]:
    """The skeletons of words."""
    block = b" %b " % b" ".join(shapes)
    if _SHORTEST_RUN in block.translate(_RUN_CLASS):
        block = _RUN.sub(_encoded, block)
    return _VARYING.sub(_shortened, block)[1:-1].split(b" ")


def _shortened(match: re.Match[bytes]) -> bytes:
    kind, before = match.lastgroup, match[1]
    if kind == "named":
        return before + match["name"] + b"0"
    if kind == "bare":
        return before + _BARE_LENGTHS.get(len(match["bare"]), b"0")
    if kind == "alone":
        return before + (b"0000" if len(match["alone"]) == _YEAR_DIGITS else b"0")
    if kind == "address" and match["port"]:
        return before + b"0.0.0.0" + match["port"][:1] + b"0"
    short = _SHORT.get(kind)
    return match[0] if short is None else before + short


def _encoded(match: re.Match[bytes]) -> bytes:
    run = match[2]
    size = len(run)
    capitals, small = size - len(run.translate(None, _CAPITALS)), size - len(run.translate(None, _SMALL))
    blob = 5 * min(capitals, small) >= size and 20 * run.count(b"0") >= size >= 16 * run.count(b"/")
    return match[1] + BLOB if blob else match[0]
