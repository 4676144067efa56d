"""The journal's source when journalctl misbehaves: another program of that name does what the real one would not."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from logwatchd import clock
from logwatchd.flow import BlockQueue
from logwatchd.ingest.cursors import FILE_NAME
from logwatchd.ingest.journal_history import read_history
from logwatchd.ingest.journal_source import JournalSource, part_of
from logwatchd.ingest.sources import Sources
from logwatchd.records import Block, SourceSpec, StartAt
from tests.helpers import wait_until

# Tells entries from a file behind the cursor, a line of JSON each; `quirks` is run first.
FAKE = """#!/bin/bash
echo "$@" >>{folder}/calls
{quirks}
case "$*" in
  *--lines=1*) tail -n 1 {folder}/entries; exit 0 ;;
esac
after=$(grep -o -- '--after-cursor=s=[0-9a-f]*' <<<"$*" | grep -o '[0-9a-f]*$')
from=$(( after ? $(grep -n "\\"s=$after\\"" {folder}/entries | cut -d: -f1) + 1 : 1 ))
exec tail -n +$from -f {folder}/entries
"""


class Bench:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, quirks: str = "") -> None:
        self.folder = folder
        self.entries = folder / "entries"
        self.entries.touch()
        (folder / "calls").touch()
        self.state = folder / "state"
        self.state.mkdir()
        self.numbers = 0
        self.sources: list[JournalSource] = []
        self.quirks(quirks)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def quirks(self, text: str) -> None:
        program = self.folder / "journalctl"
        new = self.folder / "journalctl.new"
        new.write_text(FAKE.format(folder=self.folder, quirks=text))
        new.chmod(0o755)
        new.replace(program)

    def write(self, *messages: object, **fields: object) -> None:
        with self.entries.open("a") as out:
            for message in messages:
                self.numbers += 1
                entry = {"__CURSOR": f"s={self.numbers:x}", "MESSAGE": message, "SYSLOG_IDENTIFIER": "app", **fields}
                out.write(json.dumps(entry, separators=(",", ":")) + "\n")

    def start(self, start_at: StartAt = "end", max_blocks: int = 256, **filters: object) -> JournalSource:
        self.spec = SourceSpec((), journal=True, start_at=start_at, **filters)  # type: ignore[arg-type]
        self.queue = BlockQueue(max_blocks=max_blocks)
        self.source = JournalSource([self.spec], self.queue, self.state)
        self.sources.append(self.source)
        self.ahead_s = 0.0
        self.got: list[bytes] = []
        return self.source

    def turn(self, commit: bool = True, seconds: float = 0.0) -> list[Block]:
        self.ahead_s += seconds
        self.source.run_once(clock.monotonic() + self.ahead_s)
        blocks = self.queue.take()
        for block in blocks:
            self.got += [line.split(b": ", 1)[-1] for line in block.data.splitlines()]
            if commit:
                self.source.commit(block)
                self.queue.done(block)
        return blocks

    def until(self, *expected: bytes, seconds: float = 0.0) -> None:
        """Take turns until exactly these messages have come since the start."""
        wait_until(lambda: self.turn(seconds=seconds) is None or len(self.got) >= len(expected))
        assert self.got == list(expected)

    def located(self) -> None:
        wait_until(lambda: self.turn() is None or self.source.ready())

    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench(tmp_path, monkeypatch)
    yield made
    for source in made.sources:
        source.close()


def test_the_first_start_begins_at_the_end_and_the_next_behind_what_was_committed(bench: Bench) -> None:
    bench.write("old")
    bench.start()
    bench.located()
    bench.write("one", "two")
    bench.until(b"one", b"two")
    bench.source.close()
    bench.write("three")
    bench.start()
    bench.until(b"three")
    assert bench.source.status().streams == 1
    assert bench.source.status().bytes > len(b"three\n")


def test_the_beginning_can_be_asked_for_and_an_empty_journal_has_none(bench: Bench) -> None:
    bench.start()
    bench.located()
    bench.write("first of all")
    bench.until(b"first of all")
    bench.source.close()
    for file in bench.state.iterdir():
        file.unlink()
    bench.start("beginning")
    bench.until(b"first of all")


def test_what_was_not_committed_comes_again_at_the_same_place(bench: Bench) -> None:
    bench.start("beginning")
    bench.write("one")
    bench.until(b"one")
    bench.write("two", "three")
    blocks: list[Block] = []
    wait_until(lambda: blocks.extend(bench.turn(commit=False)) or len(bench.got) == 3)
    places = [(block.file, block.offset, block.data) for block in blocks]
    bench.start("beginning")
    again: list[Block] = []
    wait_until(lambda: again.extend(bench.turn()) or len(bench.got) == 2)
    assert bench.got == [b"two", b"three"]
    assert (again[0].file, again[0].offset) == places[0][:2]
    assert b"".join(block.data for block in again) == b"".join(data for _, _, data in places)


def test_a_journalctl_that_dies_is_begun_anew_behind_what_was_read(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    order = bench.folder / "die"
    bench.quirks(f"(while ! rm {order}; do sleep 0.02; done; kill $$) 2>/dev/null >/dev/null &")
    bench.start("beginning")
    bench.write("one")
    bench.until(b"one")
    order.touch()
    wait_until(lambda: bench.turn(seconds=1.0) is None or len(bench.calls()) >= 2)
    bench.write("two")
    bench.until(b"one", b"two", seconds=1.0)
    assert "--after-cursor=s=1" in bench.calls()[1]
    assert "cannot be read; it is tried again until it can" in capsys.readouterr().out
    order.touch()  # ends the watch over the second one


def test_failures_are_told_once_and_tried_at_growing_distances(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.quirks("echo 'No journal files were opened due to insufficient permissions.' >&2; exit 1")
    bench.start()
    wait_until(lambda: bench.turn(seconds=0.5) is None or len(bench.calls()) >= 4)
    assert bench.ahead_s > 1 + 2 + 4 - 1
    assert bench.source.ready()  # a daemon is not kept from starting
    out = capsys.readouterr().out
    assert out.count("cannot be read; it is tried again") == 1
    assert "insufficient permissions" in out
    bench.quirks("")
    bench.write("zero")
    wait_until(lambda: bench.turn(seconds=10) is None or len(bench.calls()) >= 6)
    bench.write("one")
    bench.until(b"one", seconds=1)
    assert capsys.readouterr().out.count("can be read again") == 1


def test_a_missing_journalctl_is_told(tmp_path: Path, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    os.environ["PATH"] = str(tmp_path / "nothing")
    bench.start()
    bench.turn()
    assert bench.source.ready()
    assert "journalctl: No such file or directory" in capsys.readouterr().out


def test_garbage_and_hints_are_told_once_and_hide_no_entry(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.quirks("echo 'Hint: You are currently not seeing messages from other users.' >&2")
    bench.start("beginning")
    bench.write("one")
    with bench.entries.open("ab") as out:
        out.write(
            b"-- Reboot --\n\n\xff\xfe\n[1, 2]\n"
            + b'{"__CURSOR": "s=zz", "MESSAGE": [300, -1]}\n'
            + b"[" * 100_000
            + b"\n"
        )
    bench.write("two")
    bench.until(b"one", b"two")
    said = ""

    def told() -> bool:
        nonlocal said
        bench.turn(seconds=1)
        said += capsys.readouterr().out
        return "Hint" in said

    wait_until(told)
    for _ in range(5):
        told()
    assert said.count("Hint") == 1
    assert said.count("no entry") == 1


def test_an_entry_of_over_16_mebibytes_is_left_out_and_the_next_one_is_not(bench: Bench) -> None:
    bench.start("beginning")
    bench.write("one", "x" * (40 << 20), "two")
    bench.until(b"one", b"two")


def test_a_full_queue_stops_the_reading_and_nothing_is_lost(bench: Bench) -> None:
    bench.start("beginning", max_blocks=1)
    bench.write(*(f"{number:05} " + "x" * 100 for number in range(20_000)))
    first: list[Block] = []
    wait_until(lambda: first.extend(bench.turn(commit=False)) or first)
    for _ in range(3):
        assert bench.turn(commit=False) == []
    bench.source.commit(first[0])
    bench.queue.done(first[0])
    wait_until(lambda: bench.turn() is None or len(bench.got) >= 20_000)
    assert [int(line[:5]) for line in bench.got] == list(range(20_000))


def test_its_own_words_are_left_out_and_the_cursor_moves_on(bench: Bench) -> None:
    bench.start("beginning")
    bench.write("mine", SYSLOG_IDENTIFIER="logwatchd")
    wait_until(lambda: bench.turn() is None or bench.source.status().own_lines == 1)
    assert bench.got == []
    assert json.loads((bench.state / FILE_NAME).read_text())["parts"][part_of(bench.spec)]["cursor"] == "s=1"


def test_filters_become_arguments_and_a_reload_changes_them_without_a_gap(bench: Bench) -> None:
    bench.start("beginning", units=("nginx.service", "ssh*"), identifiers=("kernel",), priority="err..alert")
    bench.write("one")
    bench.until(b"one")
    call = bench.calls()[0].split()
    assert {"--unit=nginx.service", "--unit=ssh*", "--identifier=kernel", "--priority=err..alert", "--all"} <= {*call}
    bench.source.reconfigure([SourceSpec((), journal=True, units=("other.service",))])
    assert not bench.source.ready()
    bench.write("two")
    bench.until(b"one", b"two")
    assert "--unit=other.service" in bench.calls()[-1]
    assert "--after-cursor=s=1" in bench.calls()[-1]
    bench.source.reconfigure([])
    bench.turn()
    assert bench.source.status().streams == 0
    assert bench.source.ready()


def test_a_cursor_that_journald_refuses_is_told_and_the_journal_begun_anew(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.write("one")
    bench.start()
    bench.located()
    bench.source.close()
    bench.quirks('case "$*" in *cursor=s=1*) echo "Failed to seek to cursor: Invalid argument" >&2; exit 1 ;; esac')
    bench.write("two")
    bench.start()
    wait_until(lambda: bench.turn(seconds=1) is None or "--after-cursor=s=2" in bench.calls()[-1])
    bench.write("three")
    bench.until(b"three")
    assert "begun anew" in capsys.readouterr().out


def test_what_is_learned_from_comes_in_runs_of_bounded_size(bench: Bench) -> None:
    bench.quirks(f"cat {bench.folder}/entries; exit 0")
    bench.write(*("x" * 300_000 for _ in range(20)), *("small" for _ in range(20)))
    runs = [data for data, _ in read_history(SourceSpec((), journal=True))]
    assert b"".join(runs).count(b"\n") == 40
    assert len(runs) > 1
    assert max(map(len, runs)) < 2 << 20


def test_no_journal_costs_no_thread_and_no_process(tmp_path: Path) -> None:
    import threading

    before = threading.active_count()
    source = JournalSource([SourceSpec(("/var/log/x",))], BlockQueue(), tmp_path)
    assert source.run_once(0.0) > 1000
    assert source.ready()
    assert threading.active_count() == before
    source.close()
    assert list(tmp_path.iterdir()) == []


def test_a_journal_is_taken_up_and_forgotten_by_a_reload(bench: Bench, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("a file's line\n")
    queue = BlockQueue()
    files = SourceSpec((str(log),), start_at="beginning")
    sources = Sources([files], queue, bench.state)
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
        bench.write("one")
        wait_until(lambda: turn() or len(got) == 2)
        assert got[1].endswith(b": one\n")
        assert sources.status().streams == 1
    finally:
        sources.close()
    kept = bench.state / "journal.json"
    assert "s=1" in kept.read_text()
    sources = Sources([files], queue, bench.state)  # the journal is taken out: its place is not to come again
    try:
        turn()
    finally:
        sources.close()
    assert "s=1" not in kept.read_text()
