"""Compressed files that can be read without another program, known by their names."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from collections.abc import Callable
from typing import IO, cast
from zlib import error as ZlibError  # noqa: N812

# What reading one that is not whole ends with, besides OSError.
DAMAGE = (EOFError, ZlibError, lzma.LZMAError)

_UNPACKERS: dict[str, Callable[[IO[bytes]], IO[bytes]]] = {
    ".gz": lambda file: cast(IO[bytes], gzip.GzipFile(fileobj=file)),
    ".bz2": lambda file: cast(IO[bytes], bz2.BZ2File(file)),
    ".xz": lambda file: cast(IO[bytes], lzma.LZMAFile(file)),  # noqa: SIM115 - closed with the file below it
}


def is_packed(path: str | os.PathLike[str]) -> bool:
    """Whether this is the name of a file that `unpacked` unpacks."""
    return _ending(path) in _UNPACKERS


def unpacked(path: str | os.PathLike[str], raw: IO[bytes]) -> IO[bytes]:
    """The content of an open file, unpacked if its name says that it is compressed."""
    unpack = _UNPACKERS.get(_ending(path))
    return unpack(raw) if unpack else raw


def _ending(path: str | os.PathLike[str]) -> str:
    return os.path.splitext(path)[1]  # noqa: PTH122 - most paths here are plain strings
