"""`python -m logwatchd` and the script `logwatchd`: the command line."""

import sys


def run() -> int:
    """Run one verb and return its exit code."""
    try:
        from logwatchd.cli import main  # here, for Ctrl-C may come meanwhile

        return main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(run())
