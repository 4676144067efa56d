"""Raw lines -> keys: what masks see of a line.

1. The shape of a line is the line without a terminal's colours, and with every digit as '0'. One operation makes the
   shapes of a megabyte; see `shapes`.
2. The skeleton of a line is its shape without what no mask looks at; see `skeletons`.
3. The key of a line is its skeleton, in which numbers that carry meaning are kept; see `slots`.

The pattern of a line is defined on its key, never on the raw line, so that caches by shape, by word and by skeleton are
exact by construction. `key_of` is the definition; it uses none of them.

    raw       2026-01-02 12:30:44 INFO web[4711] 10.0.0.7:53017 "GET /cart/17?x=1 HTTP/1.1" 503 took 128 ms
    shape     0000-00-00 00:00:00 INFO web[0000] 00.0.0.0:00000 "GET /cart/00?x=0 HTTP/0.0" 000 took 000 ms
    skeleton  0000-00-00 00:00:00 INFO web[0] 0.0.0.0:0 "GET / HTTP/0.0" 0 took 0 ms
    key       the skeleton with 503 in its slot, as control characters, which no mask takes for digits
    pattern   <TIME> INFO web[<N>] <IP> "GET <PATH>" 503 took <DURATION>

From bytes to a verdict: `Judge.ids_of` asks `Lexicon.ids_of`, whose caches go by shape, by word (`Skeletons`) and by
skeleton. Of a new skeleton `slots` finds the digits that carry meaning and `normalise.patterns_of` the pattern, by the
`rules` through `Masking`. Where a line has slots, `Digits` looks at its own digits. `Judge.undecided` says which
patterns need a vector, an embedder makes it, and `Judge.decide` asks the `Detector`.
"""

from __future__ import annotations

from logwatchd.parsing.colours import without_colours
from logwatchd.parsing.shapes import DIGITS, KEPT_DIGITS, MAX_JUDGED_BYTES, shapes
from logwatchd.parsing.skeletons import skeleton
from logwatchd.parsing.slots import MAX_KEPT, SAYS, Slot, Slots, kept, meaningful, places
from logwatchd.parsing.traces import shortened

KEPT = chr(KEPT_DIGITS[0])
_HIDE = bytes.maketrans(DIGITS, KEPT_DIGITS)
_ALIKE = bytes.maketrans(KEPT_DIGITS, KEPT_DIGITS[:1] * 10)
_NOT_KEPT = bytes(set(range(256)) - set(KEPT_DIGITS))
_SHOW = bytes.maketrans(KEPT_DIGITS, DIGITS)


def key_of(raw: bytes) -> bytes:
    """The key of one raw line, without any cache: the definition that the fast path has to match."""
    raw = shortened(without_colours(raw))
    shape = shapes(raw)[:MAX_JUDGED_BYTES]
    bare = skeleton(shape)
    slots = meaningful(bare)
    there = places(shape, bare, slots) if slots else ()
    return key(bare, slots, kept(raw, there)) if there else bare


def key(bare: bytes, slots: Slots, digits: bytes) -> bytes:
    """The key of the lines with this skeleton, these slots in it, and these digits, of `kept`, in the slots."""
    numbers = digits.split(b",")
    for slot, number in zip(slots[::-1], numbers[::-1], strict=True):
        if len(number) <= MAX_KEPT and number.isdigit() and int(number) in SAYS[slot[2]]:
            bare = keep(bare, slot, number)
    return bare


def keep(bare: bytes, slot: Slot, number: bytes) -> bytes:
    """A skeleton with the digits of a number in one of its slots."""
    return bare[: slot[0]] + number.translate(_HIDE) + bare[slot[1] :]


def template(bare: bytes, slots: Slots, there: Slots) -> bytes:
    """What `alike` makes of `key` where all digits are kept that may be. there: see `places`."""
    for (start, end, _), (begin, stop, _) in zip(slots[::-1], there[::-1], strict=True):
        if stop - begin <= MAX_KEPT:
            bare = bare[:start] + KEPT_DIGITS[:1] * (stop - begin) + bare[end:]
    return bare


def show_kept(text: bytes) -> bytes:
    """Put the kept digits of a key back into their place."""
    return text.translate(_SHOW)


def alike(line_key: bytes) -> tuple[bytes, str]:
    """A key with all its kept digits as one control character, KEPT; and the digits."""
    return line_key.translate(_ALIKE), line_key.translate(_SHOW, _NOT_KEPT).decode()
