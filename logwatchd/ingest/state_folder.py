"""The state folder, held open: what is written by its handle goes into no other folder that has got its name."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


class StateFolder:
    """path: as it is called, to people. handle: the number stays the same as long as it is open, for any thread."""

    def __init__(self, path: Path) -> None:
        """Make it if it is missing, and open it.

        Raises:
            OSError: that cannot be done.
        """
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
        self.path = path
        self.handle = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def become(self, other: StateFolder) -> None:
        """From now on be the folder that another handle leads to, which is closed."""
        os.dup2(other.handle, self.handle, inheritable=False)
        other.close()

    def close(self) -> None:
        """What is asked of it from now on is refused."""
        handle, self.handle = self.handle, -1
        os.close(handle)

    # Everything below raises OSError where it cannot be done, such as after the folder was deleted.

    def open(self, name: str, flags: int) -> int:
        return os.open(name, flags | os.O_CLOEXEC, 0o640, dir_fd=self.handle)

    def read(self, name: str) -> bytes:
        with open(name, "rb", opener=self.open) as file:
            return file.read()

    def stat(self, name: str) -> os.stat_result:
        return os.stat(name, dir_fd=self.handle)

    def link(self, name: str, other: str) -> None:
        os.link(name, other, src_dir_fd=self.handle, dst_dir_fd=self.handle)

    def replace(self, name: str, other: str) -> None:
        os.replace(name, other, src_dir_fd=self.handle, dst_dir_fd=self.handle)

    def unlink(self, name: str) -> None:
        """Remove a file, if there is one."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.handle)

    def sync(self) -> None:
        """Put on the disk which files there are."""
        handle = self.open(".", os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
