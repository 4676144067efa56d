"""Compressed files that can be read without another program, known by their names, and those that take one."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from collections.abc import Callable, Iterator
from typing import IO, NamedTuple, Protocol, cast
from zlib import error as ZlibError  # noqa: N812

# What reading one that is not whole ends with, besides OSError.
DAMAGE = (EOFError, ZlibError, lzma.LZMAError)
_STEP_BYTES = 1 << 16  # unpacked at once: so much at most is lost before a place where the damage shows

_UNPACKERS: dict[str, Callable[[IO[bytes]], IO[bytes]]] = {
    ".gz": lambda file: cast(IO[bytes], gzip.GzipFile(fileobj=file)),
    ".bz2": lambda file: cast(IO[bytes], bz2.BZ2File(file)),
    ".xz": lambda file: cast(IO[bytes], lzma.LZMAFile(file)),  # noqa: SIM115 - closed with the file below it
}


class _Foreign(NamedTuple):
    """A format that is not unpacked here, and the command that does it. magic: a file's first bytes."""

    ending: str
    magic: bytes
    command: str


_FOREIGN = (
    _Foreign(".zst", b"\x28\xb5\x2f\xfd", "zstd -dc"),
    _Foreign(".lz4", b"\x04\x22\x4d\x18", "lz4 -dc"),
    _Foreign(".lzo", b"\x89LZO", "lzop -dc"),
    _Foreign(".Z", b"\x1f\x9d", "gzip -dc"),
    _Foreign(".zip", b"PK\x03\x04", "unzip -p"),
)
MAGIC_BYTES = max(len(foreign.magic) for foreign in _FOREIGN)


def foreign_name(path: str | os.PathLike[str]) -> str | None:
    """The command that unpacks a file whose name says that it is of a format that is not unpacked here."""
    return next((foreign.command for foreign in _FOREIGN if foreign.ending == _ending(path)), None)


def foreign_content(head: bytes) -> str | None:
    """The same by a file's first bytes, MAGIC_BYTES of them."""
    return next((foreign.command for foreign in _FOREIGN if head.startswith(foreign.magic)), None)


def is_packed(path: str | os.PathLike[str]) -> bool:
    """Whether this is the name of a file that `unpacked` unpacks."""
    return _ending(path) in _UNPACKERS


def unpacked(path: str | os.PathLike[str], raw: IO[bytes]) -> IO[bytes]:
    """The content of an open file, unpacked if its name says that it is compressed."""
    unpack = _UNPACKERS.get(_ending(path))
    return unpack(raw) if unpack else raw


class _Unpacker(Protocol):
    def read1(self, size: int, /) -> bytes: ...


def pieces_of(path: str | os.PathLike[str], raw: IO[bytes], size: int) -> Iterator[bytes]:
    """The content of an open file, `size` bytes at a time, unpacked if its name says that it is compressed.

    Raises:
        OSError, or one of DAMAGE: it is not whole. All that could be unpacked came before.
    """
    file = unpacked(path, raw)
    if file is raw:
        yield from iter(lambda: raw.read(size), b"")
        return
    parts: list[bytes] = []
    held, more = 0, True
    try:
        while more:
            part = cast(_Unpacker, file).read1(min(_STEP_BYTES, size - held))
            parts.append(part)
            held, more = held + len(part), bool(part)
            if held == size:
                yield b"".join(parts)
                parts, held = [], 0
    except (OSError, *DAMAGE):
        if held:
            yield b"".join(parts)
        raise
    if held:
        yield b"".join(parts)


def _ending(path: str | os.PathLike[str]) -> str:
    return os.path.splitext(path)[1]  # noqa: PTH122 - most paths here are plain strings
