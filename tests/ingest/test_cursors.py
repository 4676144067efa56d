"""What is kept of the journal's reading: through damage, a full disk and a changed configuration."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from logwatchd.ingest.cursors import FILE_NAME, SYNC_S, Cursors, Place
from logwatchd.ingest.state_folder import StateFolder

PLACE = Place("s=12ab;i=3;x=0f", 100, 7)
LATER = Place("s=12ab;i=4;x=0f", 200, 7)


def kept_in(folder: Path) -> Cursors:
    return Cursors(StateFolder(folder))


def test_what_was_recorded_is_there_after_a_kill(tmp_path: Path) -> None:
    kept_in(tmp_path).record("a", PLACE)
    assert kept_in(tmp_path).get("a") == PLACE
    assert Cursors(None).get("a") is None


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"\0" * 200,
        b"[]",
        b'{"parts": {"a": {"cursor": "--flag", "offset": 1, "generation": 1}}}',
        b'{"parts": {"a": {"cursor": null, "offset": "1", "generation": 1}}}',
    ],
)
def test_a_damaged_file_falls_back_on_its_copy_and_says_so(
    damage: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cursors = kept_in(tmp_path)
    cursors.record("a", PLACE)
    cursors.tend(SYNC_S)
    cursors.record("a", LATER)
    assert kept_in(tmp_path).get("a") == LATER
    (tmp_path / FILE_NAME).write_bytes(damage)
    assert kept_in(tmp_path).get("a") == PLACE
    assert "damaged" in capsys.readouterr().out


def test_two_damaged_files_begin_anew(tmp_path: Path) -> None:
    cursors = kept_in(tmp_path)
    cursors.record("a", PLACE)
    cursors.close()
    for file in tmp_path.iterdir():
        file.write_bytes(b"x")
    assert kept_in(tmp_path).get("a") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to make a file that root cannot replace")
def test_what_cannot_be_written_is_kept_and_written_later(tmp_path: Path) -> None:
    cursors = kept_in(tmp_path)
    cursors.record("a", PLACE)
    (tmp_path / f"{FILE_NAME}.new").mkdir()
    cursors.record("a", LATER)
    assert cursors.get("a") == LATER
    assert kept_in(tmp_path).get("a") == PLACE
    cursors.tend(0.0)  # the copy can be written, but is not what is read first
    assert kept_in(tmp_path).get("a") == PLACE
    (tmp_path / f"{FILE_NAME}.new").rmdir()
    cursors.tend(SYNC_S)
    assert kept_in(tmp_path).get("a") == LATER


def test_a_changed_filter_goes_on_where_the_one_that_it_replaced_was(tmp_path: Path) -> None:
    cursors = kept_in(tmp_path)
    cursors.record("old", PLACE)
    cursors.record("kept", LATER)
    assert cursors.heir_of({"kept", "new"}) == PLACE
    assert cursors.heir_of({"kept", "old", "new"}) is None
    cursors.keep({"kept"})
    assert json.loads((tmp_path / FILE_NAME).read_text())["parts"].keys() == {"kept"}


def test_nothing_is_written_into_another_folder_that_has_got_the_name_and_all_into_the_one_that_is_next(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "state"
    state = StateFolder(folder)
    cursors = Cursors(state)
    cursors.record("a", PLACE)
    folder.rename(tmp_path / "moved")
    folder.mkdir()
    cursors.record("a", LATER)
    cursors.tend(SYNC_S)
    assert list(folder.iterdir()) == []
    assert kept_in(tmp_path / "moved").get("a") == LATER
    state.become(StateFolder(tmp_path / "next"))
    cursors.record("a", PLACE)
    cursors.close()
    assert {file.name for file in (tmp_path / "next").iterdir()} == {FILE_NAME, "journal.copy.json"}
    assert kept_in(tmp_path / "next").get("a") == PLACE
