"""Customers' photos, one behind the other in one pack file on the shop's photo disk."""

from __future__ import annotations

import os
import threading
from pathlib import Path

PACK = "photos.pack"


class PhotoStore:
    """Owns the pack file: appends whole photos, and takes back what could only be written in part."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / PACK
        self._lock = threading.Lock()

    def fill(self, size_bytes: int) -> None:
        """Begin with photos of old."""
        self._file.write_bytes(os.urandom(size_bytes))

    def keep(self, data: bytes) -> int:
        """Append a photo and return its offset.

        Raises:
            OSError: the disk is full, or the file may not grow any further.
        """
        with self._lock:
            handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            try:
                offset = os.fstat(handle).st_size
                try:
                    rest = memoryview(data)
                    while rest:
                        rest = rest[os.write(handle, rest) :]
                except OSError:
                    os.ftruncate(handle, offset)
                    raise
                return offset
            finally:
                os.close(handle)
