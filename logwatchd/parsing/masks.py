"""The user's own masks: what varies in their logs and no rule of ours knows. Applied to raw lines, before all else."""

from __future__ import annotations

import re
from functools import lru_cache

from logwatchd.records import Mask

_LOOKS_AROUND = re.compile(r"\(\?<?[=!]|\\[AZ]")


Masks = tuple[Mask, ...]


def masked(data: bytes, masks: Masks) -> bytes:
    """Whole lines with every mask applied to each, in order. Lines stay lines: no match reaches beyond one.

    A block is searched at once. Only where something matched across a newline, as \\s+ may, and where a mask looks
    around itself, each line is searched for itself.
    """
    for mask in masks:
        data = _masked(data, *_compiled(mask))
    return data


def _masked(data: bytes, pattern: re.Pattern[bytes], token: bytes, by_line: bool) -> bytes:
    crossed = by_line

    def put(match: re.Match[bytes]) -> bytes:
        nonlocal crossed
        crossed = crossed or b"\n" in match[0]
        return token

    found = data if crossed else pattern.sub(put, data)
    if crossed:
        found = b"\n".join([pattern.sub(lambda _: token, line) for line in data.split(b"\n")])
    return found


@lru_cache(maxsize=256)
def _compiled(mask: Mask) -> tuple[re.Pattern[bytes], bytes, bool]:
    compiled = re.compile(mask.pattern.encode(), re.MULTILINE)
    return compiled, mask.token.encode(), _LOOKS_AROUND.search(mask.pattern) is not None
