"""What tests of ingest share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ingest.journal import Journal
from tests.ingest.tailer import Tailer


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


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    made = Journal(tmp_path, monkeypatch)
    yield made
    for source in made.sources:
        source.close()
