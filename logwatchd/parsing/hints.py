"""In which texts of a block a rule may find something, soon asked: most rules find nothing in most texts.

A hint may name a text in which its rule then finds nothing, never the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import accumulate, pairwise

BETWEEN = "\n\n"  # texts in a block: no rule looks across it, and to none it is other than a blank

Hint = Callable[[str], list[int]]  # a block -> the numbers of texts in it, ascending

# Digits in base 16 as 'h', and what stands between those of a UUID or an address as '-': to look for a few characters
# takes a tenth of the time that an expression takes.
_OF = dict(zip(b"0abcdefABCDEF-:=\n", b"hhhhhhhhhhhhh--=\n", strict=True))
_CLASSES = bytes(_OF.get(byte, ord(" ")) for byte in range(256))


def matching(pattern: str, *, backwards: bool = False) -> Hint:
    """Texts in which the pattern is found. backwards: it is looked for from a block's end on."""
    find = re.compile(rf"(?:{pattern})[^\n]*+").finditer  # once in each at most

    def hint(block: str) -> list[int]:
        if not backwards:
            return _numbers(block, (match.start() for match in find(block)))
        last = len(block) - 1
        return _numbers(block, [last - match.start() for match in find(block[::-1])][::-1])

    return hint


def containing(*some: str) -> Hint:
    """Texts that have one of these."""

    def hint(block: str) -> list[int]:
        return _any_of(_containing(block, each) for each in some)

    return hint


def shaped(*some: str, or_containing: str = "") -> Hint:
    """Texts whose classes, see `_CLASSES`, have one of these; and those that have `or_containing`."""

    def hint(block: str) -> list[int]:
        classes = _classes_of(block)
        found = [_containing(classes, each) for each in some]
        return _any_of([*found, _containing(block, or_containing)] if or_containing else found)

    return hint


@lru_cache(maxsize=1)
def _classes_of(block: str) -> str:
    """Several rules ask it of the same block, one after the other."""
    return block.encode(errors="replace").translate(_CLASSES).decode()


def _containing(block: str, wanted: str) -> list[int]:
    return _numbers(block, _places(block, wanted))


def _places(block: str, wanted: str) -> Iterator[int]:
    """Where it stands first in each text that has it."""
    place = block.find(wanted)
    while place >= 0:
        yield place
        end = block.find(BETWEEN, place)
        place = block.find(wanted, end) if end >= 0 else -1


def _numbers(block: str, places: Iterable[int]) -> list[int]:
    """Of the texts at these places."""
    return [*accumulate(block.count(BETWEEN, last, place) for last, place in pairwise([0, *places]))]


def _any_of(found: Iterable[list[int]]) -> list[int]:
    several = [numbers for numbers in found if numbers]
    return several[0] if len(several) == 1 else sorted(set().union(*several))
