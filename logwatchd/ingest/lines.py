"""Cuts what was read from a file into whole lines: bytes in, bytes out, nothing per line."""

from __future__ import annotations

from typing import NamedTuple

from logwatchd.ingest.encoding import UTF8, Coding

MAX_LINE_BYTES = 1 << 20
_NUL_LINE = b"\n\0"


class Cut(NamedTuple):
    """What a read holds, as indexes into it.

    data: whole lines, may be empty. end: where the next read begins. skipping: that is inside an over-long line.
    rest: bytes after `end` that are no whole line yet.
    """

    data: bytes
    end: int
    skipping: bool
    rest: bytes


def cut(raw: bytes, begin: int, skipping: bool, coding: Coding = UTF8) -> Cut:
    """Cut `raw[begin:]`, which starts at a line's beginning, or inside an over-long line if `skipping`.

    A line that is longer than `MAX_LINE_BYTES` is delivered up to there and its remainder skipped. A line that begins
    with NULs ends the cut: it may be the hole that a truncated file's writer left (see `reader`).
    """
    if coding.width > 1:
        return _cut_wide(raw, begin, skipping, coding)
    if skipping:
        newline = raw.find(b"\n", begin)
        if newline < 0:
            return Cut(b"", len(raw), True, b"")
        return Cut(b"", newline + 1, False, b"")
    limit = len(raw)
    if raw.find(0, begin) >= 0:  # rare, and far cheaper to ask than to look for the pair
        hole = raw.find(_NUL_LINE, begin)
        if hole >= 0:
            limit = hole + 1
    newline = raw.rfind(b"\n", begin, limit)
    if newline < 0:
        if len(raw) - begin >= MAX_LINE_BYTES:
            end = begin + MAX_LINE_BYTES
            return Cut(raw[begin:end] + b"\n", end, True, b"")
        return Cut(b"", begin, False, raw[begin:].rstrip(b"\0"))
    end = newline + 1
    return Cut(raw[begin:end], end, False, raw[end:].rstrip(b"\0"))


def _cut_wide(raw: bytes, begin: int, skipping: bool, coding: Coding) -> Cut:
    """The same where a character has two bytes or four: NULs are part of the text there."""
    if skipping:
        newline = coding.find(raw, begin)
        if newline < 0:
            return Cut(b"", len(raw) - (len(raw) - begin) % coding.width, True, b"")
        return Cut(b"", newline + coding.width, False, b"")
    newline = coding.rfind(raw, begin, len(raw))
    if newline >= 0:
        end = newline + coding.width
        return Cut(raw[begin:end], end, False, raw[end:])
    if len(raw) - begin >= MAX_LINE_BYTES:
        end = begin + MAX_LINE_BYTES
        return Cut(raw[begin:end] + coding.newline, end, True, b"")
    return Cut(b"", begin, False, raw[begin:])
