"""What all benchmarks share on the command line and on the terminal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def count(text: str) -> int:
    """Raises ArgumentTypeError, ValueError: it is no number, or below 1."""
    number = int(text.replace(",", "").replace("_", ""))
    if number < 1:
        raise argparse.ArgumentTypeError("has to be at least 1")
    return number


def say(text: str, passing: bool = False) -> None:
    """Progress goes to stderr; what is passing is overwritten on a terminal and left out elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="" if passing else "\n", file=sys.stderr, flush=True)
    elif not passing:
        print(text, file=sys.stderr, flush=True)


def where_to(parser: argparse.ArgumentParser) -> None:
    """The options of every benchmark that works in a folder."""
    parser.add_argument("--folder", type=Path, help="where to work (default: $TMPDIR)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there as well")


def resampled(parser: argparse.ArgumentParser, system: str) -> None:
    """The options of every benchmark that repeats itself on lines made from those of a system. system: by default."""
    parser.add_argument("--system", default=system, help=f"whose logs are resampled (default: {system})")
    parser.add_argument("--rounds", type=count, default=5, help="how often (default: 5)")
