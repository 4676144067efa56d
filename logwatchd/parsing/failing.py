"""Numbers in a pattern that say that something failed: counts of failures and exit codes; and what it says without."""

from __future__ import annotations

import re

from logwatchd.parsing.slots import COUNTS, meaningful

EXIT = r"\b[Ee]xit(?:ed|s)?(?: with)?[ _-]?(?:code|status|value)?[\"']?[=: ]{1,3}"
_EXIT = re.compile(rf"({EXIT})([1-9]\d*)")
_NUMBER = "<N>"
_NO_DIGITS = str.maketrans("0123456789", "9" * 10)


def counts_failures(pattern: str) -> bool:
    """Whether it counts failures, and there are some."""
    return _NUMBER in pattern and bool(_counted(pattern))


def exit_code(pattern: str) -> int:
    """The highest one that it names; 0 where it names none."""
    return max((int(code) for _, code in _EXIT.findall(pattern)), default=0) if "xit" in pattern else 0


def without_failures(pattern: str) -> str:
    """What it would say if all of these numbers were 0."""
    parts, some = pattern.split(_NUMBER), _counted(pattern)
    whole = parts[0] + "".join(("0" if index in some else _NUMBER) + part for index, part in enumerate(parts[1:]))
    return _EXIT.sub(r"\g<1>0", whole)


def _counted(pattern: str) -> set[int]:
    """Which of its numbers that are not kept count failures: of those that are 0, `slots` keeps it."""
    shape = pattern.translate(_NO_DIGITS).replace(_NUMBER, "0").encode("utf-8", "replace")
    return {shape.count(b"0", 0, start) for start, _, kind in meaningful(shape) if kind in COUNTS}
