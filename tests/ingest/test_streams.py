"""FIFOs and standard input as they are: real ones, with real writers; turns are taken by hand."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from logwatchd import clock
from logwatchd.flow import BlockQueue
from logwatchd.ingest import streams
from logwatchd.ingest.sources import Sources
from logwatchd.ingest.state_folder import StateFolder
from logwatchd.records import Block, FileId, SourceSpec
from tests.helpers import wait_until


class Bench:
    """A composite of all kinds whose clock runs ahead by a second a turn, so that every look is due."""

    def __init__(self, *specs: SourceSpec, max_blocks: int = 256) -> None:
        self.queue = BlockQueue(max_blocks=max_blocks)
        self.source = Sources(specs, self.queue, None)
        self.woken = 0
        self.source.on_wake = self._wake
        self.blocks: list[Block] = []
        self._ahead_s = 0.0

    def _wake(self) -> None:
        self.woken += 1

    def turn(self, commit: bool = True) -> bytes:
        self._ahead_s += 1.1
        self.source.run_once(clock.monotonic() + self._ahead_s)
        taken = self.queue.take()
        self.blocks += taken
        for block in taken if commit else ():
            self.source.commit(block)
            self.queue.done(block)
        return b"".join(block.data for block in taken)

    def until(self, expected: bytes) -> None:
        """Take turns until exactly this has come."""
        got = b""

        def done() -> bool:
            nonlocal got
            got += self.turn()
            return len(got) >= len(expected)

        wait_until(done, what=f"{expected[:40]!r} in {got[:40]!r}")
        assert got == expected


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "log.fifo"
    os.mkfifo(path)
    return path


@pytest.fixture
def bench(fifo: Path) -> Iterator[Bench]:
    made = Bench(SourceSpec((str(fifo),)))
    made.turn()
    yield made
    made.source.close()


@pytest.fixture
def stdin() -> Iterator[int]:
    """Our standard input is a pipe; this is its writing end."""
    saved = os.dup(0)
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.close(reading)
    yield writing
    os.dup2(saved, 0)
    os.close(saved)


def _fill(handle: int) -> int:
    """Write until the pipe takes no more; returns how many bytes it took."""
    written = 0
    try:
        while True:
            written += os.write(handle, b"x" * 4095 + b"\n")
    except BlockingIOError:
        return written


def test_a_fifo_is_read_through_any_number_of_writers(fifo: Path, bench: Bench) -> None:
    for number in range(5):
        with fifo.open("wb") as writer:
            writer.write(b"line %d\n" % number)
        bench.until(b"line %d\n" % number)
    assert len({block.file for block in bench.blocks}) == 1
    assert [block.offset for block in bench.blocks] == [0, 7, 14, 21, 28]
    assert bench.blocks[0].path == str(fifo)
    assert bench.source.status().streams == 1


def test_another_run_gives_the_same_fifo_another_generation(fifo: Path) -> None:
    """Its offsets begin at 0 again, and whoever drops repeats goes by generation and offset."""
    seen = set()
    for _ in range(3):
        bench = Bench(SourceSpec((str(fifo),)))
        bench.turn()
        with fifo.open("wb") as writer:
            writer.write(b"the same\n")
        bench.until(b"the same\n")
        seen.add((bench.blocks[0].file, bench.blocks[0].offset))
        bench.source.close()
    assert len(seen) == 3
    assert len({file[:2] for file, _ in seen}) == 1


def test_two_writers_at_once_and_one_that_leaves_early(fifo: Path, bench: Bench) -> None:
    with fifo.open("wb", buffering=0) as first:
        with fifo.open("wb", buffering=0) as second:
            second.write(b"second\n")
            first.write(b"first\n")
        bench.until(b"second\nfirst\n")
        first.write(b"first again\n")
        bench.until(b"first again\n")


def test_an_unfinished_line_waits_for_its_end_or_for_its_writer_to_leave(fifo: Path, bench: Bench) -> None:
    with fifo.open("wb", buffering=0) as writer:
        writer.write(b"one\nhalf")
        bench.until(b"one\n")
        assert bench.turn() == b""
        writer.write(b" and half\nrest")
        bench.until(b"half and half\n")
    bench.until(b"rest\n")


def test_nobody_writing_costs_no_turn_and_a_line_wakes_the_reader(fifo: Path, bench: Bench) -> None:
    with fifo.open("wb") as writer:
        writer.write(b"x\n")
    bench.until(b"x\n")
    bench.turn()
    bench.turn()
    before = bench.woken
    with fifo.open("wb", buffering=0) as writer:
        writer.write(b"y\n")
        wait_until(lambda: bench.woken > before)
        bench.until(b"y\n")
        bench.turn()
        settled = bench.woken
        writer.write(b"z\n")
        wait_until(lambda: bench.woken > settled)
        assert bench.woken == settled + 1  # once, though it can still be read
        bench.until(b"z\n")


def test_a_fifo_that_comes_later_is_found_and_one_that_is_replaced_is_followed_anew(fifo: Path, bench: Bench) -> None:
    old = fifo.open("r+b", buffering=0)  # so that it has a reader and a writer whatever we do
    old.write(b"old\n")
    bench.until(b"old\n")
    fifo.unlink()
    os.mkfifo(fifo)
    bench.turn()
    with fifo.open("wb") as writer:
        writer.write(b"new\n")
    old.write(b"from the old one\n")
    got: set[bytes] = set()
    wait_until(lambda: got.update(bench.turn().splitlines()) or got == {b"new", b"from the old one"})
    old.close()
    wait_until(lambda: bench.turn() or bench.source.status().open_handles == 1)
    handles = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counted, not walked
    for _ in range(5):
        fifo.unlink()
        os.mkfifo(fifo)
        bench.turn()
        bench.turn()
    assert len(os.listdir("/proc/self/fd")) == handles  # noqa: PTH208
    assert bench.source.status().streams == 1


def test_backpressure_stops_the_reading_and_the_pipe_keeps_what_comes(fifo: Path) -> None:
    bench = Bench(SourceSpec((str(fifo),)), max_blocks=1)
    bench.turn()
    handle = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    os.write(handle, b"first\n")
    wait_until(lambda: bench.turn(commit=False))
    os.write(handle, b"second\n")
    for _ in range(3):
        assert bench.turn(commit=False) == b""
    written = _fill(handle)
    bench.queue.done(bench.blocks[0])
    os.close(handle)
    got = b""
    while len(got) < len(b"second\n") + written:
        got += bench.turn()
    assert got.startswith(b"second\n")
    assert len(got) == len(b"second\n") + written
    bench.source.close()


def test_an_event_that_there_is_no_room_for_costs_no_turns(fifo: Path) -> None:
    queue = BlockQueue(max_blocks=1)
    source = streams.StreamSource((SourceSpec((str(fifo),)),), queue)
    now = clock.monotonic()
    source.run_once(now)
    event = b"panic: no\n\ngoroutine 1 [running]:\nmain.main()\n"
    with fifo.open("wb", buffering=0) as writer:
        writer.write(event)
        wait_until(lambda: source.run_once(now) < streams.LOOK_S, what="the event")
        other = Block(SourceSpec(()), "other", FileId(0, 0, 0), 0, b"fills\n", 6)
        queue.put(other)
        assert source.run_once(now + 2 * streams.EVENT_S) > 0
        queue.done(other)
        source.run_once(now + 2 * streams.EVENT_S)
    assert [block.data for block in queue.take()] == [b"fills\n", event]
    source.close()


def test_a_fifo_that_cannot_be_opened_is_counted_until_it_can(fifo: Path) -> None:
    bench = Bench(SourceSpec((str(fifo),)))
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limit[1]))
    try:
        bench.turn()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    assert bench.source.status().unreadable_streams == 1
    bench.turn()
    assert bench.source.status().unreadable_streams == 0
    bench.source.close()


def test_a_fifo_that_a_glob_matches_stays_unread(tmp_path: Path, fifo: Path) -> None:
    bench = Bench(SourceSpec((f"{tmp_path}/*",)))
    bench.turn()
    with pytest.raises(OSError, match="No such device or address"):
        os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)  # it has no reader
    bench.source.close()


def test_standard_input_is_read_to_its_end_beside_files(tmp_path: Path, stdin: int) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"from the file\n")
    bench = Bench(SourceSpec(("-",)), SourceSpec((str(log),), start_at="beginning"))
    assert bench.turn() == b"from the file\n"
    os.write(stdin, b"from the pipe\nunfinished")
    bench.until(b"from the pipe\n")
    os.close(stdin)
    bench.until(b"unfinished\n")
    assert not bench.source.ended()  # the file may still grow
    with log.open("ab") as out:
        out.write(b"more\n")
    bench.until(b"more\n")
    bench.source.close()


def test_standard_input_alone_ends_the_watch(stdin: int) -> None:
    bench = Bench(SourceSpec(("-",)))
    bench.turn()
    assert bench.source.ready()
    assert not bench.source.ended()
    os.write(stdin, b"last words")
    os.close(stdin)
    bench.until(b"last words\n")
    bench.turn()
    assert bench.source.ended()
    assert bench.source.drained()
    bench.source.reconfigure([SourceSpec(("-", "/nowhere/x.log"))])
    assert not bench.source.ended()
    bench.turn()
    assert not bench.source.ended()
    bench.source.close()


def test_standard_input_may_be_a_regular_file(tmp_path: Path, stdin: int) -> None:
    (tmp_path / "given").write_bytes(b"a\n" * 100_000)
    given = os.open(tmp_path / "given", os.O_RDONLY)
    os.dup2(given, 0)
    os.close(given)
    os.close(stdin)
    bench = Bench(SourceSpec(("-",)))
    bench.until(b"a\n" * 100_000)
    bench.turn()
    assert bench.source.ended()
    bench.source.close()


def test_standard_input_may_be_a_file_that_is_followed_as_well(tmp_path: Path, stdin: int) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"one\ntwo\n")
    given = os.open(log, os.O_RDONLY)
    os.dup2(given, 0)
    os.close(given)
    os.close(stdin)
    specs = (SourceSpec(("-",)), SourceSpec((str(log),), start_at="beginning"))
    queue = BlockQueue()
    source = Sources(specs, queue, StateFolder(tmp_path / "state"))
    wait_until(lambda: source.run_once(clock.monotonic()) > 0 and queue.in_flight == 2, what="both")
    blocks = queue.take()
    for block in sorted(blocks, key=lambda block: block.path != "stdin"):
        source.commit(block)
    source.close()
    again = BlockQueue()
    resumed = Sources(specs[1:], again, StateFolder(tmp_path / "state"))
    resumed.run_once(clock.monotonic())
    resumed.run_once(clock.monotonic())
    resumed.close()
    assert again.take() == []


def test_what_is_held_back_is_delivered_in_time_and_at_a_stop(fifo: Path, bench: Bench) -> None:
    panic = b"panic: no\n\ngoroutine 1 [running]:\nmain.main()\n"
    with fifo.open("wb", buffering=0) as writer:
        writer.write(panic)
        bench.until(panic)  # by time: its writer is still there
        assert bench.blocks[-1].inner
        writer.write(panic + b"half a line")
        wait_until(lambda: bench.source.run_once(clock.monotonic()) < streams.EVENT_S)
        bench.source.flush()
        assert b"".join(block.data for block in bench.queue.take()).endswith(b"half a line\n")


def test_a_reload_keeps_what_both_name_and_lets_go_of_the_rest(tmp_path: Path, fifo: Path, bench: Bench) -> None:
    other = tmp_path / "other.fifo"
    os.mkfifo(other)
    writer = os.open(fifo, os.O_WRONLY)
    os.write(writer, b"before\nhalf ")
    bench.until(b"before\n")
    bench.source.reconfigure([SourceSpec((str(fifo), str(other)))])
    assert not bench.source.ready()
    os.write(writer, b"a line\n")
    bench.until(b"half a line\n")
    assert bench.source.ready()
    assert bench.source.status().streams == 2
    bench.source.reconfigure([SourceSpec((str(other),))])
    bench.turn()
    assert bench.source.status().streams == 1
    with pytest.raises(BrokenPipeError):
        os.write(writer, b"nobody reads\n")
    os.close(writer)
    bench.source.close()
