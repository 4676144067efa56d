"""The file of read positions by itself: what is appended to it, what a full disk leaves, and what is made of damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from logwatchd.ingest.checkpoint_log import CheckpointLog, Loaded, Record, decode, encode
from logwatchd.ingest.state_folder import StateFolder

FIRST, SECOND = ({"kind": "pattern", "pattern": name} for name in ("/first", "/second"))
HEADER: Record = {"kind": "header", "version": 1}
BOTH = encode(HEADER) + encode(FIRST)


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", Loaded([], 0, "is empty")),
        (encode(HEADER | {"version": 2}) + encode(FIRST), Loaded([], 0, "is of version 2")),
        (encode(FIRST) + encode(HEADER), Loaded([FIRST, HEADER], len(BOTH), "has no readable beginning")),
        (b"not ours\n", Loaded([], 9, "has no readable beginning")),
        (encode(HEADER) + b"\n" + encode(FIRST), Loaded([FIRST], len(BOTH) + 1, "has 1 damaged records")),
        (BOTH + encode(SECOND)[:-1], Loaded([FIRST], len(BOTH), None)),
    ],
    ids=["empty", "another version", "header not first", "no log", "one damaged", "the last without its end"],
)
def test_what_can_be_read_of_a_file_is(data: bytes, expected: Loaded) -> None:
    assert decode(data) == expected


def test_it_is_written_whole_before_anything_is_appended(state: Path) -> None:
    log = CheckpointLog(StateFolder(state))
    assert not log.can_append
    assert not log.is_in_place()
    with pytest.raises(OSError, match="has not been written yet"):
        log.append(encode(FIRST))
    log.rewrite([FIRST])
    assert log.is_in_place()
    log.append(encode(SECOND))
    assert log.size_bytes == (state / "positions.log").stat().st_size
    log.close()
    assert not log.is_in_place()
    assert CheckpointLog(StateFolder(state)).records == [FIRST, SECOND]


def test_it_leaves_no_file_open_and_none_behind(state: Path) -> None:
    folder = StateFolder(state)
    before = _open_files()
    log = CheckpointLog(folder)
    for _ in range(3):
        log.rewrite([FIRST])
    assert _open_files() == before + 1
    log.close()
    assert _open_files() == before
    assert {file.name for file in state.iterdir()} == {"positions.log", "positions.prev"}


@pytest.mark.parametrize("is_damaged", [False, True], ids=["gone", "damaged"])
def test_of_a_file_that_is_gone_or_damaged_the_one_before_is_taken(state: Path, is_damaged: bool) -> None:
    log = CheckpointLog(StateFolder(state))
    log.rewrite([FIRST])
    log.rewrite([SECOND])
    log.close()
    present = state / "positions.log"
    if is_damaged:
        present.write_bytes(b"\0" * 100)
    else:
        present.unlink()
    found = CheckpointLog(StateFolder(state))
    assert (found.records, found.can_append) == ([FIRST], False)
    assert found.damage == ("has no readable beginning" if is_damaged else "is missing")


def test_what_a_full_disk_cuts_off_is_not_left_there_in_part(tiny_disk: Path) -> None:
    log = CheckpointLog(StateFolder(tiny_disk))
    log.rewrite([FIRST])
    rest = tiny_disk / "rest"
    with pytest.raises(OSError, match="No space left"):
        rest.write_bytes(bytes(1 << 20))
    size, record = log.size_bytes, encode({"kind": "pattern", "pattern": "x" * 10_000})
    with pytest.raises(OSError, match="No space left"):
        log.append(record)
    assert log.size_bytes == size == (tiny_disk / "positions.log").stat().st_size
    rest.unlink()
    log.append(encode(SECOND))
    log.close()
    assert CheckpointLog(StateFolder(tiny_disk)).records == [FIRST, SECOND]
