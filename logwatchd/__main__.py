"""`python -m logwatchd` and the script `logwatchd`: the command line."""

import os
import signal
import sys

from logwatchd import interrupts


def run() -> int:
    """Run one verb and return its exit code."""
    if sys.argv[1:2] == ["run"]:
        _outlive_signals()
    else:
        interrupts.end_at_once(signal.SIGINT)
    from logwatchd.cli import main  # here, for Ctrl-C may come meanwhile

    code = main()
    interrupts.let_go()
    return code


def _outlive_signals() -> None:
    """Until the daemon takes them itself. It has read no configuration yet, so there is nothing that a reload could
    change, and nothing that a stop could lose. It ends where it stands: an exception gets lost in some imports."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))


if __name__ == "__main__":
    sys.exit(run())
