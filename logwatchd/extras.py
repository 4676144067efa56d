"""The extras: what only some features need, and how to add it to what is installed."""

from __future__ import annotations

import sys


def mend(extra: str) -> str:
    """How to add what an extra needs: where scripts/install put the program, and where pip did into this venv."""
    pip = f"{sys.executable} -m pip install 'logwatchd[{extra}]'"
    return f"scripts/install --with {extra} adds it, or in a venv of your own: {pip}"
