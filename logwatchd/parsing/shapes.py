"""Raw lines -> shapes, the cheapest fold: every digit as '0', for a megabyte of lines at once.

A few comparisons of whole arrays also find the UUIDs and digests in it, and fold them in place. What comes next is
`skeletons`, and `keys` says what it is all for.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from logwatchd.parsing.newlines import newlines
from logwatchd.parsing.sparse import true_places

MAX_JUDGED_BYTES = 16_384  # of an event; what lies beyond is cut off: long payloads carry no more meaning
ZERO = ord("0")  # to look for a number in bytes is ten times as fast as to look for a byte
DIGITS = b"0123456789"
KEPT_DIGITS = bytes(range(0x10, 0x1A))  # control characters that stand for kept digits inside a key: in no shape

_SHAPE = bytes.maketrans(DIGITS + KEPT_DIGITS + b"\t\r\0", b"0" * 10 + b"?" * 10 + b"   ")
_LARGE_BYTES = 1 << 13

Text = NDArray[np.uint8]
Places = NDArray[np.int64]
_NOWHERE: Places = np.empty(0, dtype=np.int64)

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
    if len(data) < _LARGE_BYTES or np.count_nonzero(text < ord(" ")) > len(newlines(data)):
        return data.translate(_SHAPE)
    # Where no control character is to be replaced, a few operations on whole arrays are quicker.
    values = text - np.uint8(ord("0"))
    values *= values < len(DIGITS)
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
    starts = true_places(dash[:-_NEXT_DASH] & dash[_NEXT_DASH:]) - _FIRST_DASH
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
    seen = _HEX.take(text[::_STEP])
    four = seen[:-3] & seen[1:-2] & seen[2:-1] & seen[3:]
    starts = true_places(four) * _STEP
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
    marks = true_places(text == ord("x"))
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
