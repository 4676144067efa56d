"""`logwatchd run`: the daemon, in the foreground."""

from __future__ import annotations

from pathlib import Path

from logwatchd import config, journal
from logwatchd.errors import Exit


def run(config_path: Path) -> Exit:
    """Run until SIGTERM or SIGINT.

    Raises:
        ConfigError, BaselineError, StateError: it could not start; one clear line each.
    """
    found = config.load(config_path)
    journal.configure(secrets=found.secrets.all())
    from logwatchd.daemon import Daemon

    return Daemon(found).run()
