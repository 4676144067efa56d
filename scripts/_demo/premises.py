"""The shop and its upstream as running processes, in a folder of their own, with the photos on a disk of their own."""

from __future__ import annotations

import subprocess
from enum import Enum
from pathlib import Path

from _demo import children
from _demo.shop.settings import ShopSettings

PHOTO_DISK_MIB = 24


class PhotoDisk(Enum):
    """How the photos' disk can be made full with the rights that the user has; the value is what people read."""

    MOUNT = f"a {PHOTO_DISK_MIB} MiB tmpfs of its own, really filled (mounted in a namespace of the shop's, as root)"
    USER_MOUNT = f"a {PHOTO_DISK_MIB} MiB tmpfs of its own, really filled (mounted in a user namespace, without root)"
    FILE_SIZE = "RLIMIT_FSIZE, set on the running shop: its photo file may not grow (no right to mount anything)"


_NAMESPACE = {
    PhotoDisk.MOUNT: ["unshare", "--mount"],
    PhotoDisk.USER_MOUNT: ["unshare", "--user", "--map-root-user", "--mount"],
}
_MOUNT = f'mount -t tmpfs -o size={PHOTO_DISK_MIB}m,mode=755 shop-photos "$0" && exec "$@"'


def _on_own_disk(disk: PhotoDisk, photos: Path, command: list[str]) -> list[str]:
    """The command, run where `photos` is a small disk. The mount goes when the process goes, even killed."""
    command = children.tied_to_us(command)  # innermost: entering a namespace loosens the tie
    if disk is PhotoDisk.FILE_SIZE:
        return command
    return [*_NAMESPACE[disk], "sh", "-c", _MOUNT, str(photos), *command]


def possible_disk(photos: Path) -> PhotoDisk:
    """The first way that works here, found by trying it."""
    for disk in _NAMESPACE:
        try:
            tried = subprocess.run(
                _on_own_disk(disk, photos, ["true"]), capture_output=True, stdin=subprocess.DEVNULL, timeout=10
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if tried.returncode == 0:
            return disk
    return PhotoDisk.FILE_SIZE


class Premises:
    """Owns the shop's folder, its process and its upstream's process. Use as a context: leaving it ends both."""

    def __init__(self, folder: Path, seed: int, disk: PhotoDisk | None = None) -> None:
        self.folder = folder
        self._seed = seed
        (folder / "logs").mkdir(parents=True)
        (folder / "photos").mkdir()
        self.disk = disk or possible_disk(folder / "photos")
        self._errors = folder / "stderr.log"
        self.settings_file.write_text(ShopSettings().to_toml(), encoding="utf-8")
        self._upstream: subprocess.Popen[bytes] | None = None
        self._upstream_port = 0
        self._shop: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def settings_file(self) -> Path:
        return self.folder / "shop.toml"

    @property
    def database_file(self) -> Path:
        return self.folder / "shop.db"

    @property
    def shop_log(self) -> Path:
        return self.folder / "logs" / "shop.log"

    @property
    def access_log(self) -> Path:
        return self.folder / "logs" / "access.log"

    @property
    def shop_pid(self) -> int:
        assert self._shop is not None
        return self._shop.pid

    @property
    def upstream_pid(self) -> int:
        assert self._upstream is not None
        return self._upstream.pid

    @property
    def photos(self) -> Path:
        """The photos' folder as the shop sees it, from outside of its namespace."""
        inside = self.folder / "photos"
        return inside if self.disk is PhotoDisk.FILE_SIZE else Path(f"/proc/{self.shop_pid}/root{inside.resolve()}")

    def __enter__(self) -> Premises:
        try:
            self.start_upstream()
            command = children.python_module(
                "_demo.shop",
                f"--folder={self.folder}",
                f"--shipping=127.0.0.1:{self._upstream_port}",
                f"--seed={self._seed}",
            )
            self._shop = children.start(_on_own_disk(self.disk, self.folder / "photos", command), self._errors)
            self.port = int(children.first_line(self._shop, self._errors))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._shop is not None:
            children.stop(self._shop)
        self.stop_upstream()

    def start_upstream(self) -> None:
        """Start the shipping service; a second time it gets the port that it had."""
        command = children.python_module("_demo.shop.shipping", f"--port={self._upstream_port}")
        self._upstream = children.start(children.tied_to_us(command), self._errors)
        self._upstream_port = int(children.first_line(self._upstream, self._errors))

    def stop_upstream(self) -> None:
        if self._upstream is not None:
            children.stop(self._upstream)

    def check(self) -> None:
        """Raises ChildError when the shop has ended by itself."""
        if self._shop is not None and self._shop.poll() is not None:
            raise children.ChildError(f"the shop ended with status {self._shop.returncode}, see {self._errors}")
