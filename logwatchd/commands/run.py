"""`logwatchd run`: the daemon, in the foreground."""

from __future__ import annotations

from pathlib import Path

from logwatchd import config, journal
from logwatchd.errors import Exit
from logwatchd.requests import Requests


def run(config_path: Path) -> Exit:
    """Run until SIGTERM or SIGINT. Either ends a start at any point.

    Raises:
        ConfigError, BaselineError, StateError: it could not start; one clear line each.
    """
    requests = Requests()
    requests.listen()  # before the configuration is read: what was changed after that takes a reload
    found = config.load(config_path)
    journal.configure(secrets=found.secrets.all())
    from logwatchd.daemon import Daemon

    return Daemon(found, requests).run()
