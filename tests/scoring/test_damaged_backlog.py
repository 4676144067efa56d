"""Lines that wait for the embedding service on a disk that changes them, or takes them and does not let them go."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, MutableMapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from logwatchd.journal import Event
from logwatchd.scoring.backlog import FILE_NAME
from tests.scoring.making import FAULT, NORMAL
from tests.scoring.test_outage import OTHER, Bench

Entries = list[MutableMapping[str, Any]]
THIRD = "ERROR PermissionError: [Errno 13] Permission denied"


@pytest.fixture
def entries() -> Iterator[Entries]:
    with capture_logs() as captured:
        yield captured


def kept(folder: Path) -> None:
    """Two lines in one entry, and one in each of two others."""
    bench = Bench(folder)
    bench.away = True
    for index, lines in enumerate(([FAULT, "ERROR no route to host"], [OTHER], [THIRD])):
        bench.put(lines, offset=1000 * index)
        bench.turn()
    assert bench.backlog.lines == 4
    bench.backlog.close()


def flip_a_bit(folder: Path, where: str) -> None:
    """In the excerpts of these rows."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as other:
        for number, stored in other.execute(f"SELECT number, excerpt FROM late WHERE {where}").fetchall():
            changed = bytearray(stored)
            changed[len(changed) // 2] ^= 64
            other.execute("UPDATE late SET excerpt = ? WHERE number = ?", (bytes(changed), number))
        other.commit()


def test_a_damaged_entry_is_given_up_loudly_and_all_others_are_scored(tmp_path: Path, entries: Entries) -> None:
    kept(tmp_path)
    flip_a_bit(tmp_path, "number = 1")
    bench = Bench(tmp_path)
    bench.put([FAULT, *NORMAL], offset=9000)
    bench.settle()
    assert bench.found == [OTHER, THIRD, FAULT]
    assert (bench.backlog.lines, bench.backlog.lines_given_up) == (0, 2)
    (loud,) = [entry for entry in entries if entry["log_level"] == "error"]
    assert (loud["event"], loud["lines"]) == (Event.LINES_GIVEN_UP, 2)
    assert f"{tmp_path / FILE_NAME}: entry 1 is damaged" in loud["reason"]
    assert [entry["lines"] for entry in entries if entry["event"] is Event.BACKLOG_DONE] == [3]


@pytest.mark.parametrize("damage", ["", "UPDATE late SET lines = 'x', excerpt = 7", "UPDATE late SET lines = -9"])
def test_where_all_entries_are_damaged_new_lines_are_asked_for_at_once(
    tmp_path: Path, entries: Entries, damage: str
) -> None:
    kept(tmp_path)
    flip_a_bit(tmp_path, "true")
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as other:
        other.execute(damage)
        other.commit()
    bench = Bench(tmp_path)
    bench.put([FAULT])
    bench.turn()
    assert len(bench.asked) == 1
    bench.settle()
    assert bench.found == [FAULT]
    assert [entry["event"] for entry in entries if entry["log_level"] == "error"] == [Event.LINES_GIVEN_UP] * 3
    assert bench.backlog.lines_given_up == (3 if damage else 4)


def test_that_the_disk_lets_none_go_is_said_once_however_many_it_takes(tmp_path: Path, entries: Entries) -> None:
    bench = Bench(tmp_path)
    bench.away = True
    bench.put([FAULT])
    bench.turn()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as other:
        other.execute("CREATE TRIGGER stop BEFORE DELETE ON late BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END")
    for index, line in enumerate([OTHER, THIRD, "ERROR no route to host"], start=1):
        bench.away = False
        bench.turn()
        bench.answer()
        bench.turn()
        bench.away = True
        bench.put([line], offset=1000 * index)
        bench.turn()
    assert bench.backlog.lines == 4
    assert [entry["event"] for entry in entries if entry["log_level"] == "error"] == [Event.BACKLOG_FAILS]
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as other:
        other.execute("DROP TRIGGER stop")
    bench.away = False
    bench.settle()
    assert bench.found == [FAULT, OTHER, THIRD, "ERROR no route to host"]
