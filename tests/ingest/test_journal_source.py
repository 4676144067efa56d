"""The journal's source when journalctl misbehaves: another program of that name does what the real one would not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from logwatchd import clock
from logwatchd.flow import BlockQueue
from logwatchd.ingest.cursors import FILE_NAME
from logwatchd.ingest.journal_history import read_history
from logwatchd.ingest.journal_source import JournalSource, part_of
from logwatchd.ingest.sources import Sources
from logwatchd.ingest.state_folder import StateFolder
from logwatchd.records import Block, SourceSpec
from tests.helpers import wait_until
from tests.ingest.journal import Journal


def test_the_first_start_begins_at_the_end_and_the_next_behind_what_was_committed(journal: Journal) -> None:
    journal.write("old")
    journal.start()
    journal.located()
    journal.write("one", "two")
    journal.until(b"one", b"two")
    journal.source.close()
    journal.write("three")
    journal.start()
    journal.until(b"three")
    assert journal.source.status().streams == 1
    assert journal.source.status().bytes > len(b"three\n")


def test_the_beginning_can_be_asked_for_and_an_empty_journal_has_none(journal: Journal) -> None:
    journal.start()
    journal.located()
    journal.write("first of all")
    journal.until(b"first of all")
    journal.source.close()
    for file in journal.state.iterdir():
        file.unlink()
    journal.start("beginning")
    journal.until(b"first of all")


def test_what_was_not_committed_comes_again_at_the_same_place(journal: Journal) -> None:
    journal.start("beginning")
    journal.write("one")
    journal.until(b"one")
    journal.write("two", "three")
    blocks: list[Block] = []
    wait_until(lambda: blocks.extend(journal.turn(commit=False)) or len(journal.got) == 3)
    places = [(block.file, block.offset, block.data) for block in blocks]
    journal.start("beginning")
    again: list[Block] = []
    wait_until(lambda: again.extend(journal.turn()) or len(journal.got) == 2)
    assert journal.got == [b"two", b"three"]
    assert (again[0].file, again[0].offset) == places[0][:2]
    assert b"".join(block.data for block in again) == b"".join(data for _, _, data in places)


def test_a_journalctl_that_dies_is_begun_anew_behind_what_was_read(
    journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    order = journal.folder / "die"
    journal.quirks(f"(while ! rm {order}; do sleep 0.02; done; kill $$) 2>/dev/null >/dev/null &")
    journal.start("beginning")
    journal.write("one")
    journal.until(b"one")
    order.touch()
    wait_until(lambda: journal.turn(seconds=1.0) is None or len(journal.calls()) >= 2)
    journal.write("two")
    journal.until(b"one", b"two", seconds=1.0)
    assert "--after-cursor=s=1" in journal.calls()[1]
    assert "cannot be read; it is tried again until it can" in capsys.readouterr().out
    order.touch()  # ends the watch over the second one


def test_failures_are_told_once_and_tried_at_growing_distances(
    journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.quirks("echo 'No journal files were opened due to insufficient permissions.' >&2; exit 1")
    journal.start()
    wait_until(lambda: journal.turn(seconds=0.5) is None or len(journal.calls()) >= 4)
    assert journal.ahead_s > 1 + 2 + 4 - 1
    assert journal.source.ready()  # a daemon is not kept from starting
    assert journal.source.status().unreadable_streams == 1
    out = capsys.readouterr().out
    assert out.count("cannot be read; it is tried again") == 1
    assert "insufficient permissions" in out
    journal.quirks("")
    journal.write("zero")
    wait_until(lambda: journal.turn(seconds=10) is None or len(journal.calls()) >= 6)
    journal.write("one")
    journal.until(b"one", seconds=1)
    assert capsys.readouterr().out.count("can be read again") == 1
    assert journal.source.status().unreadable_streams == 0


def test_a_missing_journalctl_is_told(tmp_path: Path, journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    os.environ["PATH"] = str(tmp_path / "nothing")
    journal.start()
    journal.turn()
    assert journal.source.ready()
    assert "journalctl: No such file or directory" in capsys.readouterr().out


def test_garbage_and_hints_are_told_once_and_hide_no_entry(
    journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.quirks("echo 'Hint: You are currently not seeing messages from other users.' >&2")
    journal.start("beginning")
    journal.write("one")
    with journal.entries.open("ab") as out:
        out.write(
            b"-- Reboot --\n\n\xff\xfe\n[1, 2]\n"
            + b'{"__CURSOR": "s=zz", "MESSAGE": [300, -1]}\n'
            + b"[" * 100_000
            + b"\n"
        )
    journal.write("two")
    journal.until(b"one", b"two")
    said = ""

    def told() -> bool:
        nonlocal said
        journal.turn(seconds=1)
        said += capsys.readouterr().out
        return "Hint" in said

    wait_until(told)
    for _ in range(5):
        told()
    assert said.count("Hint") == 1
    assert said.count("no entry") == 1


def test_an_entry_of_over_16_mebibytes_is_left_out_and_the_next_one_is_not(journal: Journal) -> None:
    journal.start("beginning")
    journal.write("one", "x" * (40 << 20), "two")
    journal.until(b"one", b"two")


def test_a_full_queue_stops_the_reading_and_nothing_is_lost(journal: Journal) -> None:
    journal.start("beginning", max_blocks=1)
    journal.write(*(f"{number:05} " + "x" * 100 for number in range(20_000)))
    first: list[Block] = []
    wait_until(lambda: first.extend(journal.turn(commit=False)) or first)
    for _ in range(3):
        assert journal.turn(commit=False) == []
    journal.source.commit(first[0])
    journal.queue.done(first[0])
    wait_until(lambda: journal.turn() is None or len(journal.got) >= 20_000)
    assert [int(line[:5]) for line in journal.got] == list(range(20_000))


def test_its_own_words_are_left_out_and_the_cursor_moves_on(journal: Journal) -> None:
    journal.start("beginning")
    journal.write("mine", SYSLOG_IDENTIFIER="logwatchd")
    wait_until(lambda: journal.turn() is None or journal.source.status().own_lines == 1)
    assert journal.got == []
    assert json.loads((journal.state / FILE_NAME).read_text())["parts"][part_of(journal.spec)]["cursor"] == "s=1"


def test_filters_become_arguments_and_a_reload_changes_them_without_a_gap(journal: Journal) -> None:
    journal.start("beginning", units=("nginx.service", "ssh*"), identifiers=("kernel",), priority="err..alert")
    journal.write("one")
    journal.until(b"one")
    call = journal.calls()[0].split()
    assert {"--unit=nginx.service", "--unit=ssh*", "--identifier=kernel", "--priority=err..alert", "--all"} <= {*call}
    journal.source.reconfigure([SourceSpec((), journal=True, units=("other.service",))])
    assert not journal.source.ready()
    journal.write("two")
    journal.until(b"one", b"two")
    assert "--unit=other.service" in journal.calls()[-1]
    assert "--after-cursor=s=1" in journal.calls()[-1]
    journal.source.reconfigure([])
    journal.turn()
    assert journal.source.status().streams == 0
    assert journal.source.ready()


def test_a_cursor_that_journald_refuses_is_told_and_the_journal_begun_anew(
    journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.write("one")
    journal.start()
    journal.located()
    journal.source.close()
    journal.quirks('case "$*" in *cursor=s=1*) echo "Failed to seek to cursor: Invalid argument" >&2; exit 1 ;; esac')
    journal.write("two")
    journal.start()
    wait_until(lambda: journal.turn(seconds=1) is None or "--after-cursor=s=2" in journal.calls()[-1])
    journal.write("three")
    journal.until(b"three")
    assert "begun anew" in capsys.readouterr().out


def test_what_is_learned_from_comes_in_runs_of_bounded_size(journal: Journal) -> None:
    journal.quirks(f"cat {journal.folder}/entries; exit 0")
    journal.write(*("x" * 300_000 for _ in range(20)), *("small" for _ in range(20)))
    runs = [data for data, _ in read_history(SourceSpec((), journal=True))]
    assert b"".join(runs).count(b"\n") == 40
    assert len(runs) > 1
    assert max(map(len, runs)) < 2 << 20


def test_no_journal_costs_no_thread_and_no_process(tmp_path: Path) -> None:
    import threading

    before = threading.active_count()
    source = JournalSource([SourceSpec(("/var/log/x",))], BlockQueue(), StateFolder(tmp_path))
    assert source.run_once(0.0) > 1000
    assert source.ready()
    assert threading.active_count() == before
    source.close()
    assert list(tmp_path.iterdir()) == []


def test_a_journal_is_taken_up_and_forgotten_by_a_reload(journal: Journal, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("a file's line\n")
    queue = BlockQueue()
    files = SourceSpec((str(log),), start_at="beginning")
    sources = Sources([files], queue, StateFolder(journal.state))
    got: list[bytes] = []

    def turn() -> None:
        sources.run_once(clock.monotonic())
        for block in queue.take():
            got.append(block.data)
            sources.commit(block)
            queue.done(block)

    try:
        wait_until(lambda: turn() or got)
        assert sources.status().streams == 0
        sources.reconfigure([files, SourceSpec((), journal=True, start_at="beginning")])
        journal.write("one")
        wait_until(lambda: turn() or len(got) == 2)
        assert got[1].endswith(b": one\n")
        assert sources.status().streams == 1
    finally:
        sources.close()
    kept = journal.state / "journal.json"
    assert "s=1" in kept.read_text()
    sources = Sources([files], queue, StateFolder(journal.state))  # without the journal: its place is to be forgotten
    try:
        turn()
    finally:
        sources.close()
    assert "s=1" not in kept.read_text()
