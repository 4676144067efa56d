"""Files that are not UTF-8: where their lines end, and their lines as UTF-8."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

_UTF8_LIKE = {"utf-8", "ascii", "utf-8-sig"}
_MARKS = (  # the longer ones first: UTF-32's little-endian mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class Coding:
    """A text encoding.

    newline: its bytes. width: bytes of a code unit, on whose multiples a newline begins. mark: what stands before a
    file's first character to tell this encoding from others, and is no text.
    """

    name: str
    newline: bytes
    width: int
    mark: bytes = b""

    def find(self, data: bytes, begin: int) -> int:
        """Where the first newline at or behind `begin`, a unit's beginning, stands; -1 without one."""
        found = data.find(self.newline, begin)
        while found >= 0 and (found - begin) % self.width:
            found = data.find(self.newline, found + 1)
        return found

    def rfind(self, data: bytes, begin: int, end: int) -> int:
        """Where the last newline in `data[begin:end]` stands; `begin` is a unit's beginning."""
        found = data.rfind(self.newline, begin, end)
        while found >= 0 and (found - begin) % self.width:
            found = data.rfind(self.newline, begin, found + len(self.newline) - 1)
        return found

    def to_utf8(self, data: bytes) -> bytes:
        """The same text in UTF-8; what is broken stays visible as \\xNN."""
        if self.name == "utf-8":
            return data
        return data.decode(self.name, "backslashreplace").encode("utf-8", "backslashreplace")


UTF8 = Coding("utf-8", b"\n", 1)


def coding_of(name: str, head: bytes) -> Coding:
    """The coding of a file.

    Args:
        name: what the configuration says, as `codecs.lookup` names it.
        head: the file's first bytes: a byte order mark says which UTF-16 it is; without one it is little-endian.
    """
    if name in _UTF8_LIKE:
        return UTF8
    if name in {"utf-16", "utf-32"}:
        marked = next((found for mark, found in _MARKS if head.startswith(mark) and found.startswith(name)), None)
        name = marked or f"{name}-le"
    newline = "\n".encode(name)
    return Coding(name, newline, len(newline), "\ufeff".encode(name) if len(newline) > 1 else b"")
