"""Lines whose own digits decide: those with an HTTP status, an exit code and the like.

What the cache of shapes has of such a line is a code: a negative number that says which digits to look at. Those of all
such lines of a block are cut out at once, and looked up together with the number of their skeleton.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from logwatchd.parsing.fold import MAX_KEPT, MAX_LINE_BYTES, Slots, kept, key, places

# A code is -1 - (number of the skeleton, where its digits begin, how many they are).
_LENGTH_BITS, _START_BITS = MAX_KEPT.bit_length(), (MAX_LINE_BYTES - 1).bit_length()
_SEVERAL = 0  # as a length: digits stand in several places, and the number is that of the places
_DIGIT_BITS = 8 * MAX_KEPT
_ENTRY_BYTES = 120  # what a number takes in a dictionary
_FIRST_BYTES = np.array([(1 << 8 * length) - 1 for length in range(1 << _LENGTH_BITS)], dtype=np.int64)

PatternId = int
Ids = NDArray[np.int64]
IdOfKey = Callable[[bytes], PatternId]


class Meaning(dict[bytes, PatternId]):
    """A skeleton with digits that carry meaning: its keys -> ids."""

    def __init__(self, number: int, bare: bytes, slots: Slots, id_of_key: IdOfKey) -> None:
        super().__init__()
        self.number = number
        self._bare = bare
        self._slots = slots
        self._id_of_key = id_of_key

    def __missing__(self, line_key: bytes) -> PatternId:
        found = self[line_key] = self._id_of_key(line_key)
        return found

    def places(self, shape: bytes) -> Slots:
        """Where its digits stand in a shape; none where that cannot be told, or where no digits there would be kept."""
        there = places(shape, self._bare, self._slots)
        return there if any(slot.end - slot.start <= MAX_KEPT for slot in there) else ()

    def plain(self) -> PatternId:
        """The pattern of lines in which no digits are kept."""
        return self[self._bare]

    def of(self, digits: bytes) -> PatternId:
        """The pattern of lines with these digits, of `fold.kept`."""
        return self[key(self._bare, self._slots, digits)]


class Digits:
    """Codes -> patterns. Owned by one thread."""

    def __init__(self, id_of_key: IdOfKey, max_bytes: int) -> None:
        """max_bytes: of a cache that is emptied when it is full; what it held is cheap to find."""
        self._id_of_key = id_of_key
        self._meanings: list[Meaning] = []
        self._several: list[tuple[Slots, Meaning]] = []
        self._known = _Known(self._meanings, max_bytes // _ENTRY_BYTES)

    def meaning(self, bare: bytes, slots: Slots) -> Meaning:
        """What a new skeleton with these slots is known by from now on."""
        self._meanings.append(Meaning(len(self._meanings), bare, slots, self._id_of_key))
        return self._meanings[-1]

    def code(self, meaning: Meaning, there: Slots) -> int:
        """What to keep of a shape, below 0. there: of `Meaning.places`, at least one."""
        if len(there) == 1:
            return _code(meaning.number, there[0].start, there[0].end - there[0].start)
        self._several.append((there, meaning))
        return _code(len(self._several) - 1, 0, _SEVERAL)

    def ids(self, data: bytes, lines: Ids, codes: Ids) -> Ids:
        """The patterns of some lines of a block.

        Args:
            data: whole lines, each ended by a newline.
            lines: (N,), which of them.
            codes: (N,), of their shapes.
        """
        numbers, begins, lengths = _parts(codes)
        text = np.frombuffer(data + bytes(MAX_KEPT), dtype=np.uint8)
        ends = np.flatnonzero(text == ord("\n"))
        starts = np.where(lines > 0, ends[lines - 1] + 1, 0)
        digits = np.ndarray((len(data) + 1,), f"<u{MAX_KEPT}", text, strides=(1,))[starts + begins]
        asked = numbers << _DIGIT_BITS | digits & _FIRST_BYTES[lengths]
        one = lengths != _SEVERAL
        found = np.empty(len(lines), dtype=np.int64)
        found[one] = list(map(self._known.__getitem__, asked[one].tolist()))
        for index in np.flatnonzero(~one).tolist():
            there, meaning = self._several[numbers[index]]
            found[index] = meaning.of(kept(data, there, int(starts[index])))
        return found


class _Known(dict[int, PatternId]):
    """A skeleton's number and up to MAX_KEPT digits -> id."""

    def __init__(self, meanings: list[Meaning], max_entries: int) -> None:
        super().__init__()
        self._meanings = meanings
        self._max_entries = max_entries

    def __missing__(self, asked: int) -> PatternId:
        digits = (asked & (1 << _DIGIT_BITS) - 1).to_bytes(MAX_KEPT, "little").rstrip(b"\0")
        if len(self) >= self._max_entries:
            self.clear()
        found = self[asked] = self._meanings[asked >> _DIGIT_BITS].of(digits)
        return found


def _code(number: int, begin: int, length: int) -> int:
    return -1 - (number << _START_BITS + _LENGTH_BITS | begin << _LENGTH_BITS | length)


def _parts(codes: Ids) -> tuple[Ids, Ids, Ids]:
    """Numbers, begins and lengths: `_code` of many, the other way."""
    packed = -1 - codes
    return (
        packed >> _START_BITS + _LENGTH_BITS,
        packed >> _LENGTH_BITS & (1 << _START_BITS) - 1,
        packed & (1 << _LENGTH_BITS) - 1,
    )
