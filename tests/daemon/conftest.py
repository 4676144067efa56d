"""What the tests of a running daemon begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.process import Daemon


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Its configuration and a baseline are there; it is not started, and ended with the test."""
    with Daemon(tmp_path) as made:
        made.learn()
        yield made
