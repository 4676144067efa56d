"""`python -m logwatchd` and the script `logwatchd`: the command line."""

import signal
import sys

from logwatchd import interrupts


def run() -> int:
    """Run one verb and return its exit code."""
    interrupts.end_at_once(signal.SIGINT)
    if sys.argv[1:2] == ["run"]:
        _outlive_signals()
    from logwatchd.cli import main  # here, for Ctrl-C may come meanwhile

    return main()


def _outlive_signals() -> None:
    """Until the daemon takes them itself. It has read no configuration yet, so there is nothing that a reload could
    change, and nothing that a stop could lose."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


if __name__ == "__main__":
    sys.exit(run())
