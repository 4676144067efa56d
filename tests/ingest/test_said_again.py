"""Troubles with folders and paths are told once each time they begin, not once for ever."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import ROOT_ONLY, nobody
from tests.ingest.tailer import Tailer

LOOK_S = 3.0
pytestmark = ROOT_ONLY


@pytest.fixture
def logs() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as top:
        Path(top).chmod(0o777)
        folder = Path(top) / "logs"
        folder.mkdir(0o755)
        yield folder


@pytest.mark.parametrize(
    ("pattern", "words"), [("*.log", "logs: cannot be listed"), ("app.log", "app.log: cannot be looked at")]
)
def test_a_folder_that_is_closed_again_is_told_of_again(
    logs: Path, pattern: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (logs / "app.log").touch(0o644)
    with nobody():
        tailer = Tailer(logs.parent / "state", logs / pattern)
    told = []
    for mode in (0o755, 0o700, 0o700, 0o755, 0o700, 0o700):
        logs.chmod(mode)
        with nobody():
            tailer.turn(seconds=LOOK_S)
        told.append(capsys.readouterr().out.count(f"{words}: Permission denied"))
    assert told == [0, 1, 0, 0, 1, 0]
    tailer.stop()
