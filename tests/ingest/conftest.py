"""What tests of ingest share."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ingest.tailer import Tailer


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "tiny"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]).returncode:
        pytest.skip("needs to mount a tmpfs, so root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def tail(state: Path) -> Iterator[Callable[..., Tailer]]:
    """Makes tailers; they are stopped in the end."""
    made: list[Tailer] = []

    def make(*patterns: str | Path, **options: object) -> Tailer:
        made.append(Tailer(state, *patterns, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for tailer in made:
        tailer.stop()
