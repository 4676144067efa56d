"""Lines whose own digits decide: those with an HTTP status, an exit code and the like.

What the cache of shapes has of such a line is a code: a negative number that says which digits to look at. Those of all
such lines of a block are cut out at once, and looked up together with the number of their skeleton.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress, repeat
from operator import eq
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from logwatchd.parsing.keys import keep, key
from logwatchd.parsing.newlines import newlines
from logwatchd.parsing.shapes import MAX_JUDGED_BYTES
from logwatchd.parsing.slots import MAX_KEPT, SAYS, Slots, kept, places
from logwatchd.scoring.ids import Code, Ids, PatternId

# A code is -1 - (number of the skeleton, where its digits begin, of which kind and how many they are).
_KINDS = tuple(SAYS)
_LENGTH_BITS, _KIND_BITS = MAX_KEPT.bit_length(), (len(_KINDS) - 1).bit_length()
_START_BITS = (MAX_JUDGED_BYTES - 1).bit_length()
_SEVERAL = 0  # as a length: digits stand in several places, and the number is that of the places
_DIGIT_BITS = 8 * MAX_KEPT
_ENTRY_BYTES = 120  # what a number takes in a dictionary
_PLACES_BYTES = 200  # what places take in a dictionary
PLACE_BYTES = 130  # what one place takes beside it: a tuple and its numbers
_FIRST_BYTES = np.array([(1 << 8 * length) - 1 for length in range(MAX_KEPT + 1)], dtype=np.uint32)
_TENS = np.array([10**place for place in range(MAX_KEPT, -1, -1)])  # of the first digit, by how many do not follow
_ZEROS = int.from_bytes(b"0" * MAX_KEPT, "little")
_HIGH_HALVES, _LOW_HALF = 0xF0F0F0F0, 0x0F  # of bytes: what all digits share, and a digit's value


def _saying() -> NDArray[np.bool_]:
    """(kinds, 10**MAX_KEPT): which numbers are words of a kind."""
    table = np.zeros((len(_KINDS), 10**MAX_KEPT), dtype=bool)
    for row, kind in zip(table, _KINDS, strict=True):
        row[list(SAYS[kind])] = True
    return table


_SAYING = _saying()

_Asked = TypeVar("_Asked")
IdsOfKeys = Callable[[Sequence[bytes]], list[PatternId]]
_UNKNOWN: PatternId = -1


class Digits:
    """Codes -> patterns. Owned by one thread."""

    def __init__(self, ids_of_keys: IdsOfKeys, max_bytes: int) -> None:
        """max_bytes: of a cache that is emptied when it is full, what it held is cheap to find; and see `full`."""
        self._ids_of_keys = ids_of_keys
        self._learned: list[tuple[bytes, Slots]] = []  # skeletons and their slots
        self._several: list[tuple[Slots, int]] = []  # slots in a shape, and the number of its skeleton
        self._several_known: dict[tuple[Slots, int], int] = {}  # where in that list
        self._several_bytes = 0
        self._max_bytes = max_bytes
        self._plain: dict[int, PatternId] = {}
        self._by_key: dict[bytes, PatternId] = {}
        self._known: dict[int, PatternId] = {}  # a skeleton's number and up to MAX_KEPT digits -> id
        self._known_several: dict[tuple[int, bytes], PatternId] = {}  # a skeleton's number and digits, of `kept` -> id
        self._most_known = max_bytes // _ENTRY_BYTES

    def learn(self, bare: bytes, slots: Slots) -> int:
        """The number by which a new skeleton with these slots is known from now on."""
        self._learned.append((bare, slots))
        return len(self._learned) - 1

    def places(self, number: int, shape: bytes) -> Slots:
        """Where a skeleton's digits stand in a shape; none where that cannot be told, or where none would be kept."""
        bare, slots = self._learned[number]
        there = places(shape, bare, slots)
        for start, end, _ in there:
            if end - start <= MAX_KEPT:
                return there
        return ()

    def plain(self, number: int) -> PatternId:
        """The pattern of lines with this skeleton in which no digits are kept."""
        if number not in self._plain:
            self._plain[number] = self._ids_of_keys([self._learned[number][0]])[0]
        return self._plain[number]

    def code(self, number: int, there: Slots) -> Code:
        """What to keep of a shape. there: of `places`, at least one."""
        if len(there) == 1:
            start, end, kind = there[0]
            return _code(number, start, _KINDS.index(kind), end - start)
        there = tuple((start, min(end, start + MAX_KEPT + 1), kind) for start, end, kind in there)  # more say no more
        where = self._several_known.setdefault((there, number), len(self._several))
        if where == len(self._several):
            self._several.append((there, number))
            self._several_bytes += _PLACES_BYTES + PLACE_BYTES * len(there)
        return _code(where, 0, 0, _SEVERAL)

    def full(self) -> bool:
        """Whether there are so many codes with digits in several places that `forget_codes` should be called."""
        return self._several_bytes > self._max_bytes

    def forget_codes(self) -> None:
        """Codes that were given before are not to be asked any more."""
        self._several.clear()
        self._several_known.clear()
        self._several_bytes = 0

    def ids(self, data: bytes, lines: Ids, codes: Ids) -> Ids:
        """The patterns of some lines of a block.

        Args:
            data: whole lines, each ended by a newline.
            lines: (N,), which of them.
            codes: (N,), of their shapes.
        """
        numbers, begins, kinds, lengths = _parts(codes)
        text = np.frombuffer(data + bytes(MAX_KEPT), dtype=np.uint8)
        starts = np.where(lines > 0, newlines(data)[lines - 1] + 1, 0)
        there = np.ndarray((len(data) + 1,), f"<u{MAX_KEPT}", text, strides=(1,))[starts + begins]
        asked = numbers << _DIGIT_BITS | _telling(there & _FIRST_BYTES[lengths], kinds, lengths)
        one = lengths != _SEVERAL
        found = np.empty(len(lines), dtype=np.int64)
        found[one] = self._of_one(asked[one].tolist())
        several = []
        for number, start in zip(numbers[~one].tolist(), starts[~one].tolist(), strict=True):
            stand, skeleton = self._several[number]
            several.append((skeleton, kept(data, stand, start)))
        found[~one] = self._of_several(several)
        return found

    def _of_one(self, asked: list[int]) -> list[PatternId]:
        """The patterns of lines with digits in one place: of numbers as in `_known`."""
        return self._looked_up(asked, self._known, self._most_known, self._key_of_one)

    def _of_several(self, asked: list[tuple[int, bytes]]) -> list[PatternId]:
        """The patterns of lines with digits in several places: of pairs as in `_known_several`."""
        return self._looked_up(asked, self._known_several, self._most_known // 4, self._key_of_several)

    def _looked_up(
        self, asked: list[_Asked], known: dict[_Asked, PatternId], most_known: int, key_of: Callable[[_Asked], bytes]
    ) -> list[PatternId]:
        """What is known of each or now found out by its key; `known` is emptied when it would be too much."""
        found = [*map(known.get, asked, repeat(_UNKNOWN))]
        missing = list(dict.fromkeys(compress(asked, map(eq, found, repeat(_UNKNOWN)))))
        if not missing:
            return found
        if len(known) + len(missing) > most_known:
            known.clear()
            missing = list(dict.fromkeys(asked))
        known.update(zip(missing, self._of_keys([*map(key_of, missing)]), strict=True))
        return [*map(known.__getitem__, asked)]

    def _key_of_one(self, asked: int) -> bytes:
        digits = (asked & (1 << _DIGIT_BITS) - 1).to_bytes(MAX_KEPT, "little").rstrip(b"\0")
        bare, (slot,) = self._learned[asked >> _DIGIT_BITS]
        return keep(bare, slot, digits) if digits else bare

    def _key_of_several(self, asked: tuple[int, bytes]) -> bytes:
        skeleton, digits = asked
        return key(*self._learned[skeleton], digits)

    def _of_keys(self, keys: list[bytes]) -> list[PatternId]:
        new = [each for each in dict.fromkeys(keys) if each not in self._by_key]
        self._by_key.update(zip(new, self._ids_of_keys(new), strict=True))
        return [*map(self._by_key.__getitem__, keys)]


def _telling(digits: NDArray[np.uint32], kinds: Ids, lengths: Ids) -> Ids:
    """The same digits where they are a number that is a word of its kind, 0 elsewhere.

    digits: little-endian. kinds: indices into _KINDS.
    """
    written = (digits ^ _ZEROS & _FIRST_BYTES[lengths]) & _HIGH_HALVES == 0  # an id in base 16 may have letters there
    values = np.zeros(len(digits), dtype=np.int64)
    for place in range(MAX_KEPT):
        values = values * 10 + (digits >> 8 * place & _LOW_HALF)
    says = _SAYING[kinds, values // _TENS[lengths]]
    return np.where(written & says, digits, 0).astype(np.int64)


def _code(number: int, begin: int, kind: int, length: int) -> Code:
    return -1 - (((number << _START_BITS | begin) << _KIND_BITS | kind) << _LENGTH_BITS | length)


def _parts(codes: Ids) -> tuple[Ids, Ids, Ids, Ids]:
    """Numbers, begins, kinds and lengths: `_code` of many, the other way."""
    packed = -1 - codes
    lengths = packed & (1 << _LENGTH_BITS) - 1
    packed >>= _LENGTH_BITS
    kinds = packed & (1 << _KIND_BITS) - 1
    packed >>= _KIND_BITS
    return packed >> _START_BITS, packed & (1 << _START_BITS) - 1, kinds, lengths
