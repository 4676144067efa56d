"""Reads the rest of a log that was compressed before all of it was read.

That happens when logrotate runs while logwatchd does not. The content is unpacked once into a file without a name,
which is read like any other; it goes away with its handle.
"""

from __future__ import annotations

import os
import shutil
import tempfile

from logwatchd.ingest.reader import Reader
from logwatchd.ingest.unpacking import DAMAGE, unpacked

_CHUNK_BYTES = 1 << 20


class CompressedReader(Reader):
    """Reads what a compressed file holds; offsets are those of the content."""

    def _prepare(self, handle: int) -> int:
        with (
            os.fdopen(handle, "rb") as packed,
            tempfile.TemporaryFile(prefix="logwatchd-") as content,
            unpacked(self.path, packed) as unpacker,
        ):
            try:
                shutil.copyfileobj(unpacker, content, _CHUNK_BYTES)
            except DAMAGE as error:  # still being written, or damaged
                raise OSError(f"its compression is not whole: {error}") from None
            content.flush()
            return os.dup(content.fileno())
