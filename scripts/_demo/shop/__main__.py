"""The shop's process: prints its port when it answers, reloads its settings on SIGHUP, ends on SIGTERM."""

from __future__ import annotations

import argparse
import logging
import os
import queue
import random
import signal
import threading
from pathlib import Path

from _demo.shop.jobs import Jobs
from _demo.shop.log import AccessLog, open_log
from _demo.shop.photos import PhotoStore
from _demo.shop.routes import Routes
from _demo.shop.settings import SettingsError, ShopSettings, read_settings
from _demo.shop.shipping import ShippingClient
from _demo.shop.store import Store
from _demo.shop.web import ShopServer

OLD_PHOTOS_BYTES = 8 << 20

log = logging.getLogger("shop.main")


class _Present:
    """Owns the settings that are in force; a file that cannot be used leaves them as they are."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.settings = read_settings(file)

    def __call__(self) -> ShopSettings:
        return self.settings

    def reload(self) -> None:
        try:
            self.settings = read_settings(self._file)
        except SettingsError as error:
            log.exception("settings not reloaded, the old ones stay in force: %s", error)
        else:
            log.info("settings reloaded: %s", self.settings.to_toml().strip().replace("\n", ", "))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True, help="holds shop.toml, shop.db, logs/ and photos/")
    parser.add_argument("--shipping", required=True, help="HOST:PORT of the shipping service")
    parser.add_argument("--seed", type=int, default=None)
    given = parser.parse_args()
    folder: Path = given.folder

    signals: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: signals.put(received))
    open_log(folder / "logs" / "shop.log")
    present = _Present(folder / "shop.toml")
    store, photos = Store(folder / "shop.db"), PhotoStore(folder / "photos")
    if not (folder / "shop.db").exists():
        store.create(random.Random(given.seed))
        photos.fill(OLD_PHOTOS_BYTES)
    routes = Routes(store, photos, ShippingClient(given.shipping), present)
    server = ShopServer(0, routes, AccessLog(folder / "logs" / "access.log"))
    jobs = Jobs(store, lambda: present().session_lifetime_s)
    jobs.start()
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    log.info("shop open on port %d, pid %d", server.server_port, os.getpid())
    print(server.server_port, flush=True)

    while (received := signals.get()) == signal.SIGHUP:
        present.reload()
    log.info("shop closing on %s", signal.Signals(received).name)
    jobs.stop()
    server.shutdown()


if __name__ == "__main__":
    main()
