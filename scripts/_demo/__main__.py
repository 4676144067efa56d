"""`scripts/demo` ends here once its environment stands."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import NoReturn

_INTERRUPTED = 130


def main() -> int:
    given = _parser().parse_args()
    if given.paths:
        return _watch(given.paths)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    return _demonstrate(given.seed, given.keep)


def _watch(paths: list[str]) -> NoReturn:
    command = Path(sys.executable).parent / "logwatchd"
    os.execv(command, [str(command), "watch", *paths])


def _demonstrate(given_seed: int | None, keep: bool) -> int:
    # Here, since --help has to work with any Python, before the environment stands.
    from _demo.children import ChildError
    from _demo.screen import Screen, open_console
    from _demo.story import Options, tell

    screen = Screen(open_console())
    folder = Path(tempfile.mkdtemp(prefix="logwatchd-demo-"))
    seed = random.SystemRandom().randrange(10**6) if given_seed is None else given_seed
    try:
        passed = tell(Options(folder, seed, claude=bool(os.environ.get("ANTHROPIC_API_KEY"))), screen)
        screen.note(f"to see the same customers again: scripts/demo --seed {seed}")
        return 0 if passed else 1
    except KeyboardInterrupt:
        screen.error("interrupted; everything that it had started is ended")
        return _INTERRUPTED
    except ChildError as error:
        screen.error(str(error))
        return 1
    finally:
        if keep:
            screen.note(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """End as on Ctrl-C; a second signal must not cut the tidying up short."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description=(
            "Shows logwatchd at work in under 90 seconds: a small web shop is opened, learned, watched and then broken "
            "in five ways. With PATHs it watches your own logs instead, until Ctrl-C."
        ),
        epilog="Exit status: 0 when every fault was found and normal traffic raised nothing, 1 when not.",
    )
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="your own logs, folders or globs, for 'logwatchd watch'"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="repeat the customers' choices of an earlier run")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the shop, its logs and the baseline")
    parser.add_argument(
        "--venv",
        metavar="DIR",
        help="use this Python environment as it is, instead of setting up .venv ($LOGWATCHD_DEMO_VENV does the same)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
