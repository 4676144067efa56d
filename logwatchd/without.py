"""Imports a package as if another one were not installed."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType


@contextmanager
def without(*roots: str) -> Iterator[None]:
    """Have this thread's imports find no such top-level packages; those that are imported already stay.

    For a package that makes something nicer by another one where that is installed, and of which only the rest is used.
    """
    absent = _Absent(frozenset(roots), threading.get_ident())
    sys.meta_path.insert(0, absent)
    try:
        yield
    finally:
        sys.meta_path.remove(absent)


class _Absent:
    def __init__(self, roots: frozenset[str], thread: int) -> None:
        self._roots = roots
        self._thread = thread

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """None for what other finders are to find."""
        if name.partition(".")[0] in self._roots and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None
