"""Reads the rest of a log that was compressed before all of it was read.

That happens when logrotate runs while logwatchd does not. The content is unpacked once into a file without a name,
which is read like any other; it goes away with its handle.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tempfile
from collections.abc import Callable
from typing import IO, cast
from zlib import error as ZlibError  # noqa: N812

from logwatchd.ingest.reader import Reader

_CHUNK_BYTES = 1 << 20
_UNPACKERS: dict[str, Callable[[IO[bytes]], IO[bytes]]] = {
    ".gz": lambda file: cast(IO[bytes], gzip.GzipFile(fileobj=file)),
    ".bz2": lambda file: cast(IO[bytes], bz2.BZ2File(file)),
    ".xz": lambda file: cast(IO[bytes], lzma.LZMAFile(file)),  # noqa: SIM115 - closed where it is used
}


def can_unpack(path: str) -> bool:
    """Whether this is the name of a compressed file that can be read without another program."""
    return os.path.splitext(path)[1] in _UNPACKERS  # noqa: PTH122 - a plain string, as everywhere here


class CompressedReader(Reader):
    """Reads what a compressed file holds; offsets are those of the content."""

    def _prepare(self, handle: int) -> int:
        ending = os.path.splitext(self.path)[1]  # noqa: PTH122
        with (
            os.fdopen(handle, "rb") as packed,
            tempfile.TemporaryFile(prefix="logwatchd-", buffering=0) as content,
            _UNPACKERS[ending](packed) as unpacker,
        ):
            try:
                while chunk := unpacker.read(_CHUNK_BYTES):
                    content.write(chunk)
            except (EOFError, ZlibError, lzma.LZMAError) as error:  # still being written, or damaged
                raise OSError(f"its compression is not whole: {error}") from None
            return os.dup(content.fileno())
