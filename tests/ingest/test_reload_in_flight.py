"""Reloads that drop a source and take it up again while its lines are still being judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from logwatchd.records import SourceSpec
from tests.helpers import wait_until
from tests.ingest.journal import Journal
from tests.ingest.tailer import Tailer, append


@pytest.fixture
def tailer(tmp_path: Path, logs: Path) -> Iterator[Tailer]:
    append(logs / "a.log", "a1")
    append(logs / "b.log", "b1", "b2")
    made = Tailer(tmp_path / "state", logs / "a.log", logs / "b.log")
    yield made
    made.stop()


def dropped_and_taken_up(tailer: Tailer, logs: Path) -> list[bytes]:
    """Nothing is committed meanwhile; returns what came after the second reload."""
    assert sorted(tailer.turn(commit=False)) == [b"a1", b"b1", b"b2"]
    tailer.reconfigure(logs / "a.log")
    assert tailer.turn(commit=False) == []
    append(logs / "b.log", "b3")
    tailer.reconfigure(logs / "a.log", logs / "b.log")
    return tailer.turn(commit=False)


def commit_all(tailer: Tailer) -> None:
    for block in tailer.blocks:
        tailer.source.commit(block)
        tailer.queue.done(block)


def test_lines_on_their_way_are_not_repeated_by_a_file_that_is_dropped_and_taken_up_again(
    tailer: Tailer, logs: Path
) -> None:
    assert dropped_and_taken_up(tailer, logs) == [b"b3"]
    commit_all(tailer)
    tailer.restart()
    assert tailer.turn() == []


def test_they_are_read_again_after_a_kill(tailer: Tailer, logs: Path) -> None:
    assert dropped_and_taken_up(tailer, logs) == [b"b3"]
    tailer.kill()
    assert sorted(tailer.turn()) == [b"a1", b"b1", b"b2", b"b3"]


def test_a_file_that_was_dropped_and_rotated_goes_on_where_it_was_read_to(tailer: Tailer, logs: Path) -> None:
    tailer.turn(commit=False)
    tailer.reconfigure(logs / "a.log")
    tailer.turn(commit=False)
    append(logs / "b.log", "b3")
    (logs / "b.log").rename(logs / "b.log.1")
    append(logs / "b.log", "new")
    tailer.reconfigure(logs / "a.log", logs / "b.log")
    assert tailer.turn(commit=False) == [b"b3", b"new"]
    commit_all(tailer)
    assert {Path(position.path).name for position in tailer.checkpoints.positions()} == {"a.log", "b.log", "b.log.1"}
    tailer.restart()
    assert tailer.turn() == []


def test_entries_on_their_way_are_not_repeated_by_a_journal_whose_filter_changes(journal: Journal) -> None:
    journal.start("beginning", units=("a.service",))
    journal.write("one")
    in_flight = []
    wait_until(lambda: in_flight.extend(journal.turn(commit=False)) or in_flight)
    journal.source.reconfigure([SourceSpec((), journal=True, units=("b.service",))])
    journal.write("two")
    journal.turn()
    journal.source.reconfigure([SourceSpec((), journal=True, units=("c.service",))])
    journal.turn()
    assert not journal.source.ready()
    for block in in_flight:
        journal.source.commit(block)
        journal.queue.done(block)
    journal.until(b"one", b"two")
    assert "--unit=c.service" in journal.calls()[-1]


def test_a_journal_that_is_dropped_and_taken_up_again_goes_on(journal: Journal) -> None:
    journal.start("beginning")
    journal.write("one")
    in_flight = []
    wait_until(lambda: in_flight.extend(journal.turn(commit=False)) or in_flight)
    journal.source.reconfigure([])
    journal.turn()
    journal.source.reconfigure([journal.spec])
    journal.write("two")
    journal.until(b"one", b"two")
    for block in in_flight:
        journal.source.commit(block)
    journal.source.close()
    journal.start("beginning")
    journal.write("three")
    journal.until(b"three")
