"""A rest that was compressed before it was read is unpacked piece by piece, however large it is."""

from __future__ import annotations

import gzip
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from logwatchd import clock
from logwatchd.ingest.files import FILE_BYTES_A_TURN, GRACE_S
from tests.ingest.tailer import Tailer, append

PIECES = 3  # so many turns it takes at the least


class Bench:
    """A log that was read in part, grew by PIECES * FILE_BYTES_A_TURN, and was compressed; another one beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log, self.packed, self.other = folder / "app.log", folder / "app.log.1.gz", folder / "other.log"
        self.other.touch()
        append(self.log, "read before")
        self.tailer = Tailer(folder / "state", self.log, self.other)
        assert self.tailer.turn() == [b"read before"]
        self.tailer.stop()
        words = random.Random(1).randbytes(FILE_BYTES_A_TURN // 2).hex().encode()
        self.rest = [words[at : at + 4096] for at in range(0, len(words), 4096)] * PIECES
        append(self.log, *self.rest)
        self.packed.write_bytes(gzip.compress(self.log.read_bytes(), 1))
        new = folder / "new"
        append(new, "live")
        new.replace(self.log)
        append(self.other, "other")
        self.tailer.start()
        self.now = clock.monotonic()
        self.lines: list[bytes] = []
        self.in_turn: list[int] = []

    def turn(self) -> None:
        """One turn of the tail thread; notes how much it has unpacked."""
        before, known = self.unpacked_bytes(), len(self.tailer.lines)
        self.now += 1.0
        self.tailer.source.run_once(self.now)
        for block in self.tailer.queue.take():
            self.tailer.blocks.append(block)
            self.tailer.source.commit(block)
            self.tailer.queue.done(block)
        self.in_turn.append(self.unpacked_bytes() - before)
        self.lines += self.tailer.lines[known:]

    def until(self, done: Callable[[], bool]) -> None:
        for _ in range(20 * PIECES):
            if done():
                return
            self.turn()
        raise AssertionError(f"not within {20 * PIECES} turns")

    def unpacked_bytes(self) -> int:
        """How much stands in files without a name."""
        sizes = 0
        for handle in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                if str(handle.readlink()).startswith(f"{self.folder}/#"):
                    sizes += handle.stat().st_size
        return sizes

    def of_app(self) -> list[bytes]:
        return [line for line in self.lines if not line.startswith(b"other")]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = Bench(tmp_path)
    yield made
    made.tailer.stop()


def test_no_turn_unpacks_more_than_one_reads(bench: Bench) -> None:
    bench.until(lambda: len(bench.of_app()) > len(bench.rest))
    assert 0 < max(bench.in_turn) <= FILE_BYTES_A_TURN
    assert bench.of_app() == [*bench.rest, b"live"]


def test_other_logs_go_on_meanwhile_and_the_same_one_waits_for_its_older_lines(bench: Bench) -> None:
    bench.turn()
    append(bench.other, "other, later")
    bench.turn()
    bench.turn()
    assert bench.lines == [b"other", b"other, later"]
    assert not bench.tailer.source.drained()
    bench.until(lambda: len(bench.of_app()) > len(bench.rest))
    assert bench.of_app() == [*bench.rest, b"live"]


def test_a_second_rotation_meanwhile_changes_nothing(bench: Bench) -> None:
    bench.turn()
    bench.turn()
    bench.packed.rename(bench.folder / "app.log.2.gz")
    bench.log.rename(bench.folder / "app.log.1")
    append(bench.log, "newest")
    bench.until(lambda: len(bench.of_app()) > len(bench.rest) + 1)
    assert bench.of_app() == [*bench.rest, b"live", b"newest"]


def test_a_compressed_file_that_is_deleted_meanwhile_is_read_all_the_same(bench: Bench) -> None:
    bench.turn()
    bench.turn()
    bench.packed.unlink()
    bench.until(lambda: len(bench.of_app()) > len(bench.rest))
    assert bench.of_app() == [*bench.rest, b"live"]


def test_what_was_read_in_part_at_a_stop_is_unpacked_again_and_goes_on(bench: Bench) -> None:
    bench.until(lambda: len(bench.of_app()) > 0)
    assert len(bench.of_app()) < len(bench.rest)
    bench.tailer.restart()
    bench.turn()
    bench.packed.unlink()
    bench.until(lambda: len(bench.of_app()) > len(bench.rest))
    assert bench.of_app() == [*bench.rest, b"live"]
    assert max(bench.in_turn) <= FILE_BYTES_A_TURN


def test_of_one_whose_end_is_missing_all_else_is_read_and_the_end_when_it_is_there(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = bench.packed.read_bytes()
    os.truncate(bench.packed, len(whole) - 1000)
    bench.until(lambda: b"live" in bench.lines)
    unpacked = bench.lines.index(b"live") - bench.lines.index(bench.rest[0])
    assert len(bench.rest) - 3 < unpacked < len(bench.rest)
    for _ in range(PIECES):
        bench.turn()
    assert bench.of_app() == [*bench.rest[:unpacked], b"live"]
    told = [line for line in capsys.readouterr().out.splitlines() if "app.log.1.gz" in line]
    assert len(told) == 1
    assert "cannot be read to its end: its compression is not whole" in told[0]
    with bench.packed.open("r+b") as packed:
        packed.write(whole)
    bench.until(lambda: len(bench.of_app()) > len(bench.rest))
    assert bench.of_app() == [*bench.rest[:unpacked], b"live", *bench.rest[unpacked:]]


def test_one_that_was_begun_before_a_stop_and_is_damaged_is_unpacked_once(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.until(lambda: len(bench.of_app()) > 0)
    bench.tailer.stop()
    os.truncate(bench.packed, bench.packed.stat().st_size - 1000)
    capsys.readouterr()
    bench.tailer.start()
    bench.until(lambda: b"live" in bench.lines)
    bench.in_turn.clear()
    for _ in range(60):
        bench.turn()
    assert not any(unpacked > 0 for unpacked in bench.in_turn)
    assert bench.of_app() == [*bench.rest[: len(bench.of_app()) - 1], b"live"]
    assert capsys.readouterr().out.count("app.log.1.gz: cannot be read to its end") == 1


@pytest.mark.parametrize("deleted", [False, True], ids=["there", "deleted"])
def test_one_that_takes_longer_than_a_quiet_file_stays_open_is_not_begun_anew(bench: Bench, deleted: bool) -> None:
    bench.until(lambda: len(bench.of_app()) > 0)
    bench.tailer.restart()
    bench.in_turn.clear()
    bench.turn()
    if deleted:
        bench.packed.unlink()
    for _ in range(PIECES - 1):
        bench.now += 2 * GRACE_S
        bench.turn()
    assert bench.in_turn == [FILE_BYTES_A_TURN] * PIECES
    bench.until(lambda: len(bench.of_app()) > len(bench.rest))
    assert bench.of_app() == [*bench.rest, b"live"]
