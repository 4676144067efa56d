"""The extras: what only some features need, and how to add it to what is installed."""

from __future__ import annotations

import sys


def mend(extra: str) -> str:
    """How to add what an extra needs: where scripts/install or a Debian package put the program, and where pip did."""
    pip = f"{sys.executable} -m pip install 'logwatchd[{extra}]'"
    deb = f"scripts/build-deb --with {extra} makes a Debian package with it"
    return f"scripts/install --with {extra} adds it, {deb}, or in a venv of your own: {pip}"
