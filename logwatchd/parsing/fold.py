"""Raw lines -> keys: the cheap half of normalising.

1. The shape of a line is the line with every digit as '0'. One `bytes.translate` makes the shapes of a megabyte, and a
   few comparisons of whole arrays find the UUIDs and digests in it and fold them in place.
2. The skeleton of a line is its shape without what no mask looks at: how many digits a count, a port or an address has,
   and which digits and letters an id has in base 16. It is found word by word, and nearly all words are old
   acquaintances, whatever the line.
3. The key of a line is its skeleton. Where numbers carry meaning (an HTTP status, an exit code, an error number: words,
   not measurements) they are kept in it. Where they stand depends on the shape alone.

The pattern of a line is defined on its key, never on the raw line, so that caches by shape, by word and by skeleton are
exact by construction. `key_of` is the definition; it uses none of them.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import reduce
from http import HTTPStatus
from itertools import accumulate, groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_LINE_BYTES = 16_384  # what lies beyond is cut off: long payloads carry no more meaning

_DIGITS = b"0123456789"
ZERO = ord("0")  # to look for a number in bytes is ten times as fast as to look for a byte
_KEPT = bytes(range(0x10, 0x1A))  # control characters that stand for kept digits inside a key
_SHAPE = bytes.maketrans(_DIGITS + _KEPT + b"\t\r\0", b"0" * 10 + b"?" * 10 + b"   ")
_HIDE = bytes.maketrans(_DIGITS, _KEPT)
_ALIKE = bytes.maketrans(_KEPT, _KEPT[:1] * 10)
_NOT_KEPT = bytes(set(range(256)) - set(_KEPT))
_SHOW = bytes.maketrans(_KEPT, _DIGITS)


_LARGE_BYTES = 1 << 13
KEPT = chr(_KEPT[0])


class Slot(NamedTuple):
    """Where digits that carry meaning stand: data[start:end]. kind: of `SAYS`."""

    start: int
    end: int
    kind: str


Slots = tuple[Slot, ...]
Text = NDArray[np.uint8]
Places = NDArray[np.int64]
_NOWHERE: Places = np.empty(0, dtype=np.int64)

_TAIL = r"(?![0A-Za-z.:/-])"
_MEANINGFUL = re.compile(
    rf"""
    (?=["CcEeHlrSs])  # is soon seen
    (?: (?: "[ ](?=0+(?:[ ]|$))  # an access log's status follows the quoted request
      | \bHTTP/0(?:\.0)?["']?[ ](?=0+\b) ) (?P<http>0+){_TAIL}
  | \b[Ss]tatus(?:[ _-]?[Cc]ode)?["']?[=: ]{{1,3}}["']? (?P<status>0+){_TAIL}
  | (?: \b[Ee]xit(?:ed|s)?(?:[ ]with)?[ _-]?(?:code|status|value)?["']?[=: ]{{1,3}}
      | \b(?:returned|rc|ret)["']?[=: #\[(]{{1,3}}-? ) (?P<exit>0+){_TAIL}
  | \b(?:[Ss]ignal|SIG)["']?[=: #\[(]{{1,3}} (?P<signal>0+){_TAIL}
  | \b(?:errno|level|severity|[Cc]ode|[Ee]rror)["']?[=: #\[(]{{1,3}}-? (?P<code>0+){_TAIL} )
    """.encode(),
    re.VERBOSE,
)
# Whatever it finds is a number soon after one of these. Read backwards, from the number's first digit on, that is seen
# in a fraction of the time: numbers are rarer than letters.
_ENDINGS = "tatus|ode|alue|with|xit|xited|xits|returned|rc|ret|ignal|SIG|errno|level|severity|rror"
_NUMBERED = re.compile(
    rf"""0 (?: [ ]" | [ ]["']?(?:0\.)?0/PTTH | [^0A-Za-z]{{1,6}}+(?:{_ENDINGS[::-1]}) )""".encode(), re.VERBOSE
)
_REACH = 32  # bytes; in what it finds no more stand before the number
_HTTP = frozenset({*HTTPStatus, 444, *range(494, 500), *range(520, 531)})  # nginx's and Cloudflare's as well
# Which numbers are words of a kind; others at its place are measurements: a status of 4675 is no status.
SAYS: dict[str, Collection[int]] = {
    "http": _HTTP,
    "status": _HTTP | frozenset(range(100)),
    "exit": range(256),
    "signal": range(65),
    "code": range(10_000),
}
MAX_KEPT = 4  # digits; in all of these

_ZERO_UUID = b"00000000-0000-0000-0000-000000000000"
_FIRST_DASH, _NEXT_DASH, _THIRD_DASH = 8, 5, 18  # the first in a UUID, the next after it, the third
_ZERO_DIGEST = b"0" * 32
_STEP = 8  # every eighth byte, or bit, is looked at for digests; four of them lie in each
_BASED_DIGITS = 16

_IN_WORD = np.array([chr(byte).isalnum() and byte < 0x80 for byte in range(256)])
_HEX = np.array([chr(byte) in "0123456789abcdef" for byte in range(256)])
_ANY_HEX = np.array([chr(byte) in "0123456789abcdefABCDEF" for byte in range(256)])
# Classes of bytes as bytes again, for `bytes.translate`: quicker than an index into an array.
_UUID_CLASS = bytes(_ANY_HEX + 2 * (np.arange(256) == ord("-")).astype(np.uint8))
_DIGEST_CLASS = bytes(_HEX)
_A_UUID = _ZERO_UUID.translate(_UUID_CLASS)
_A_DIGEST = _ZERO_DIGEST.translate(_DIGEST_CLASS)
_ALL_DIGITS = np.frombuffer(_A_DIGEST, dtype="<u8", count=1)

# What no mask looks at, within a part of a word.
_VARIES = rb"""
    (?P<uuid> 00000000-0000-0000-0000-000000000000 )
  | (?P<address> (?<![\w.])0{1,3}(?:\.0{1,3}){3}(?P<port>[:/]0+)?(?![\w.]\w) )
  | (?P<dotted> (?<![\w.])0+(?:\.0+){3}(?![\w.]\w) )
  | (?P<time> (?:0000[-/.]00[-/.]00|00/00/00)(?!0)(?:[T_-]00[:.]00[:.]00(?!0))?  # its digits are counted by the masks
              | 0{8}-00?:00?:00?  | 00[:.]00[:.]00(?!0) | (?<![^0])[+-]0000(?![0A-Za-z]|:0) )
  | (?P<based> \b0x[0a-fA-F]+\b )
  | (?P<hex> (?<![\w<])(?=0{0,64}[a-fA-F])(?=[a-fA-F]{0,64}0)(?:[0a-f]{7,128}|[0A-F]{7,128})(?![\w>]) )
  | (?P<named> (?<![0A-Za-z])(?P<name>[A-Za-z]{0,32}[g-zG-Z][A-Za-z]{0,32}:?)0+(?![0A-Za-z]|:0|-0000-) )
  | (?P<joined> (?<=_)-?0+(?![0A-Za-z:]) )
  | (?P<number> (?: (?<![0A-Za-z:]) | (?<=[^0a-fA-F:]:) ) 0+
                (?= (?:[kKMGTP]i?[bB]?|[mnu]?s|secs?|h|m|mins?|bytes)\b | [^0A-Za-z:] | :(?:[^0a-fA-F:]|$) | $ ) )
    """
# Where any of it does begin; elsewhere it need not be tried. Within a word, only what has no look behind.
_BEGINS = rb"(?=[-+0]|(?<![0A-Za-z])[A-Za-z]++:?0)(?:(?<![0A-Za-z])|(?=00[0:/.]|[-+]0000))"
_VARYING = re.compile(rb"(?:%b)(?:%b)" % (_BEGINS, _VARIES), re.VERBOSE)
_SHORT: dict[str | None, bytes] = {
    "number": b"0",
    "joined": b"00",
    "address": b"0.0.0.0",
    "dotted": b"0000.0.0.0",  # more digits than an address has
    "based": b"0x0",
    "hex": b"a0000000",
}
# A number that is a word of its own may be a year, or half of a stamp: by its length.
_ALONE = re.compile(rb"([(\[{\"']?)(0+)([)\]}\"',;:.]?)")
_LENGTHS = {4: b"0000", 6: b"000000", 8: b"00000000"}
_RUNS = re.compile(rb"0+")


def shapes(data: bytes) -> bytes:
    """A block of lines with digits as '0', tabs as blanks; lengths and newlines stay as they are.

    Digits are also all those of UUIDs, of words that are 32 of them in base 16, and the first 16 after '0x': what is
    new in each line must not make each line new.
    """
    return without_ids(with_ids(data))


def with_ids(data: bytes) -> bytes:
    """The shapes but for the digits of UUIDs and other ids, which stay as they are: the quicker half of `shapes`.

    What comes of a line without ids is its shape.
    """
    text = np.frombuffer(data, dtype=np.uint8)
    if len(data) < _LARGE_BYTES or np.count_nonzero(text < ord(" ")) > np.count_nonzero(text == ord("\n")):
        return data.translate(_SHAPE)
    # Where no control character is to be replaced, a few operations on whole arrays are quicker.
    values = text - np.uint8(ord("0"))
    values *= values < len(_DIGITS)
    return (text - values).tobytes()


def without_ids(block: bytes) -> bytes:
    """The shapes of what `with_ids` returned. A shape stays as it is."""
    text = np.frombuffer(block, dtype=np.uint8)
    uuids, digests, based = _uuids(text), _digests(text), _based(text)
    if not (len(uuids) or len(digests) or len(based)):
        return block
    folded = text.copy()
    for starts, zeros in ((uuids, _ZERO_UUID), (digests, _ZERO_DIGEST)):
        if len(starts):
            _windows(folded, len(zeros))[starts] = np.void(zeros)
    folded[based] = ord("0")
    return folded.tobytes()


def _uuids(text: Text) -> Places:
    """Where UUIDs begin: `(?<!W)[0a-fA-F]{8}-(?:[0a-fA-F]{4}-){3}[0a-fA-F]{12}(?!W)`, W being `[0A-Za-z]`."""
    size = len(_ZERO_UUID)
    if len(text) < size:
        return _NOWHERE
    dash = text == ord("-")
    starts = np.flatnonzero(dash[:-_NEXT_DASH] & dash[_NEXT_DASH:]) - _FIRST_DASH
    if not len(starts):
        return starts
    starts = starts[(starts >= 0) & (starts <= len(text) - size)]
    starts = starts[dash[starts + _THIRD_DASH]]
    return _words(text, starts, _UUID_CLASS, _A_UUID)


def _digests(text: Text) -> Places:
    """Where words of 32 digits in base 16 begin: `(?<!W)[0a-f]{32}(?!W)`."""
    size = len(_ZERO_DIGEST)
    if len(text) < size:
        return _NOWHERE
    seen = _HEX[text[::_STEP]]
    four = seen[:-3] & seen[1:-2] & seen[2:-1] & seen[3:]
    starts = np.flatnonzero(four) * _STEP
    for between in range(_STEP // 2, 3 * _STEP, _STEP):  # most are none; it is cheap to see that early
        starts = starts[_HEX[text[starts + between]]]
    run = _run_before(text, starts)
    starts = (starts - run)[run < _STEP]  # where there are as many, one of those before it is asked about
    starts = starts[starts <= len(text) - size]
    return _words(text, starts, _DIGEST_CLASS, _A_DIGEST)


def _run_before(text: Text, starts: Places) -> Places:
    """How many of the _STEP bytes before each start, a multiple of _STEP, are digits of digests and end there."""
    padded = np.concatenate([np.zeros(_STEP, dtype=np.uint8), text[: len(text) // _STEP * _STEP]])
    before = padded.view("<u8")[starts // _STEP].tobytes().translate(_DIGEST_CLASS)
    # In a word the last of the bytes is the highest. Of a number with one bit a byte a float keeps the highest.
    others = (np.frombuffer(before, dtype="<u8") ^ _ALL_DIGITS).astype(np.float64)
    run: Places = _STEP - 1 - (np.frexp(others)[1].astype(np.int64) - 1) // _STEP
    return run


def _based(text: Text) -> Places:
    """The digits of `(?<!W)0x[0a-fA-F]{1,16}`, each."""
    marks = np.flatnonzero(text == ord("x"))
    marks = marks[(marks > 0) & (text[marks - 1] == ord("0"))]
    marks = marks[(marks == 1) | ~_IN_WORD[text[marks - 2]]] + 1
    found = []
    for _ in range(_BASED_DIGITS):
        marks = marks[marks < len(text)]
        marks = marks[_ANY_HEX[text[marks]]]
        if not len(marks):
            break
        found.append(marks)
        marks = marks + 1
    return np.concatenate(found) if found else _NOWHERE


def _words(text: Text, starts: Places, classes: bytes, wanted: bytes) -> Places:
    """Those of the places where all bytes have the wanted classes, and which are no part of a longer word."""
    size = len(wanted)
    found = np.frombuffer(_windows(text, size)[starts].tobytes().translate(classes), dtype=np.uint32)
    same = found.reshape(-1, size // 4) == np.frombuffer(wanted, dtype=np.uint32)
    starts = starts[reduce(np.bitwise_and, same.T)]
    inside = (starts > 0) & _IN_WORD[text[starts - 1]]
    ends = starts + size
    inside |= (ends < len(text)) & _IN_WORD[text[np.minimum(ends, len(text) - 1)]]
    apart: Places = starts[~inside]
    return apart


def _windows(text: Text, size: int) -> NDArray[np.void]:
    """(len(text) - size + 1,): each run of `size` bytes, without a copy."""
    return np.ndarray((len(text) - size + 1,), f"V{size}", text, strides=(1,))


def skeleton(shape: bytes) -> bytes:
    """What the masks see of a shape: digits and ids in the fewest characters."""
    return b" ".join(map(word, shape.split(b" ")))


def word(shape: bytes) -> bytes:
    """The skeleton of a word, which is what stands between two blanks."""
    if ZERO not in shape:
        return shape
    alone = _ALONE.fullmatch(shape)
    if alone:
        bare = len(alone[2]) == len(shape)
        return alone[1] + (_LENGTHS.get(len(alone[2]), b"0") if bare or len(alone[2]) == 4 else b"0") + alone[3]
    return b",".join(map(part, shape.split(b",")))


def part(shape: bytes) -> bytes:
    """The skeleton of a part of a word, which is what stands between two commas (JSON has no blanks)."""
    return _VARYING.sub(_shortened, shape) if ZERO in shape else shape


def _shortened(match: re.Match[bytes]) -> bytes:
    kind = match.lastgroup
    if kind == "named":
        name: bytes = match["name"]
        return name + b"0"
    if kind == "address" and match["port"]:
        return b"0.0.0.0" + match["port"][:1] + b"0"
    return _SHORT.get(kind, match[0])


def meaningful(text: bytes) -> Slots:
    """Where a shape or a skeleton (without its newline) holds digits that carry meaning."""
    return next(meaningful_in([text]), (0, ()))[1]


def meaningful_in(texts: Sequence[bytes]) -> Iterator[tuple[int, Slots]]:
    """The same of several, by their numbers; those without any are left out."""
    block = b"\n".join(texts)
    begins = [len(block) - 1 - found.start() for found in _NUMBERED.finditer(block[::-1])]
    if not begins:
        return
    ends = [*accumulate(len(text) + 1 for text in texts)]
    for number, some in groupby(reversed(begins), lambda begin: bisect(ends, begin)):
        slots = _slots(texts[number], [begin - (ends[number] - len(texts[number]) - 1) for begin in some])
        if slots:
            yield number, slots


def _slots(text: bytes, begins: Iterable[int]) -> Slots:
    """begins: of numbers, among them all that carry meaning."""
    slots: list[Slot] = []
    after = 0
    for begin in begins:
        end = _ends(text, begin)
        # Nothing behind the byte that follows the number is looked at.
        found = _MEANINGFUL.search(text, max(after, begin - _REACH), end + 1)
        if found and found.lastgroup:
            slots.append(Slot(*found.span(found.lastgroup), found.lastgroup))
            after = found.end()
    return tuple(slots)


def _ends(text: bytes, begin: int) -> int:
    """Where the digits end that begin there."""
    run = _RUNS.match(text, begin)
    return run.end() if run else begin


def places(shape: bytes, bare: bytes, slots: Slots) -> Slots:
    """Where the slots of a shape's skeleton `bare` stand in the shape itself; none where that cannot be told."""
    found: list[Slot] = []
    words = shape.split(b" ", bare.count(b" ", 0, slots[-1].start) + 1) if slots else []
    last = index = at = 0
    for slot in slots:
        passed = bare.count(b" ", last, slot.start)
        at += sum(map(len, words[index : index + passed])) + passed
        last, index = slot.start, index + passed
        begins = bare.rfind(b" ", 0, slot.start) + 1
        lead = bare[begins : slot.start]
        if ZERO in lead or not words[index].startswith(lead):
            again = meaningful(shape)
            return again if [slot.kind for slot in again] == [slot.kind for slot in slots] else ()
        start = at + len(lead)
        end = _ends(shape, start)
        if end == start:
            return ()
        found.append(Slot(start, end, slot.kind))
    return tuple(found)


def kept(data: bytes, slots: Slots, line: int = 0) -> bytes:
    """The digits at these slots of the line that begins at data[line], with a comma between."""
    if len(slots) == 1:
        start, end, _ = slots[0]
        return data[line + start : line + end]
    return b",".join([data[line + start : line + end] for start, end, _ in slots])


def key(bare: bytes, slots: Slots, digits: bytes) -> bytes:
    """The key of the lines with this skeleton, these slots in it, and these digits, of `kept`, in the slots."""
    pieces: list[bytes] = []
    at = 0
    for (start, end, kind), number in zip(slots, digits.split(b","), strict=True):
        if len(number) <= MAX_KEPT and number.isdigit() and int(number) in SAYS[kind]:
            pieces += (bare[at:start], number.translate(_HIDE))
            at = end
    return b"".join([*pieces, bare[at:]]) if pieces else bare


def key_of(raw: bytes) -> bytes:
    """The key of one raw line, without any cache: the definition that the fast path has to match."""
    shape = shapes(raw)[:MAX_LINE_BYTES]
    bare = skeleton(shape)
    slots = meaningful(bare)
    there = places(shape, bare, slots) if slots else ()
    return key(bare, slots, kept(raw, there)) if there else bare


def template(bare: bytes, slots: Slots, there: Slots) -> bytes:
    """What `alike` makes of `key` where all digits are kept that may be. there: see `places`."""
    pieces: list[bytes] = []
    at = 0
    for (start, end, _), (begin, stop, _) in zip(slots, there, strict=True):
        if stop - begin <= MAX_KEPT:
            pieces += (bare[at:start], _KEPT[:1] * (stop - begin))
            at = end
    return b"".join([*pieces, bare[at:]])


def show_kept(text: bytes) -> bytes:
    """Put the kept digits of a key back into their place."""
    return text.translate(_SHOW)


def alike(line_key: bytes) -> tuple[bytes, str]:
    """A key with all its kept digits as one control character, KEPT; and the digits."""
    return line_key.translate(_ALIKE), line_key.translate(_SHOW, _NOT_KEPT).decode()
