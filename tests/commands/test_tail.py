"""`logwatchd tail` as people run it: a process of its own, real signals, real disks."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from logwatchd.errors import Exit
from logwatchd.ingest.lock import StateLock
from tests.helpers import wait_until

MIB = 1 << 20


class Tail:
    """A running `logwatchd tail`."""

    def __init__(self, folder: Path, pattern: Path, output: Path | None = None) -> None:
        self.output = output or folder / "out.txt"
        self.config = folder / "logwatchd.toml"
        self.config.write_text(
            f'state_dir = "{folder / "state"}"\n[[source]]\npaths = ["{pattern}"]\nstart_at = "beginning"\n'
        )
        self.stderr = (folder / "stderr.txt").open("ab")
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "logwatchd", "tail", "--config", self.config, "--output", self.output]
        self.process = subprocess.Popen(command, stderr=self.stderr)

    @property
    def lines(self) -> list[bytes]:
        return self.output.read_bytes().split(b"\n")[:-1] if self.output.exists() else []

    @property
    def said(self) -> str:
        return Path(self.stderr.name).read_text()

    def expect(self, *lines: bytes) -> None:
        wait_until(lambda: self.lines == list(lines), what=f"{list(lines)} in the output")

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def peak_mib(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) // 1024


@pytest.fixture
def tail(tmp_path: Path) -> Iterator[Callable[..., Tail]]:
    running: list[Tail] = []

    def start(pattern: Path, output: Path | None = None) -> Tail:
        running.append(Tail(tmp_path, pattern, output))
        return running[-1]

    yield start
    for each in running:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()
        each.stderr.close()


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_stops_and_goes_on_exactly_where_it_was(tail: Callable[..., Tail], tmp_path: Path, number: int) -> None:
    log = tmp_path / "app.log"
    append(log, b"one\n\xff\xfe raw\r\n")
    running = tail(log)
    running.expect(b"one", b"\xff\xfe raw\r")
    assert running.end(number) == Exit.OK
    append(log, b"while down\n")
    running.start()
    running.expect(b"one", b"\xff\xfe raw\r", b"while down")
    assert running.end(number) == Exit.OK


@pytest.mark.slow
def test_killed_while_lines_flow_loses_none_and_repeats_one_batch_at_most(
    tail: Callable[..., Tail], tmp_path: Path
) -> None:  # [43]
    log = tmp_path / "app.log"
    written, stop = [], threading.Event()

    def write() -> None:
        while not stop.wait(0.002):
            line = b"line %06d" % len(written)
            append(log, line + b"\n")
            written.append(line)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        running = tail(log)
        for _ in range(4):
            known = len(running.lines)
            wait_until(lambda known=known: len(running.lines) > known + 50, what="lines that flow")
            running.end(signal.SIGKILL)
            running.start()
    finally:
        stop.set()
        writer.join()
    wait_until(lambda: set(written) == set(running.lines), what="every line in the output")
    assert running.end(signal.SIGTERM) == Exit.OK
    lines = running.lines
    repeated = len(lines) - len(set(lines))
    assert repeated <= 4 * 100  # a batch is what is written between two looks


@pytest.mark.slow
def test_second_on_the_same_state_is_refused_with_one_line(tail: Callable[..., Tail], tmp_path: Path) -> None:  # [50]
    log = tmp_path / "app.log"
    append(log, b"one\n")
    running = tail(log)
    running.expect(b"one")
    second = subprocess.run(
        [sys.executable, "-m", "logwatchd", "tail", "--config", running.config, "--output", tmp_path / "other.txt"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode == Exit.CONFIG
    assert second.stderr.count("\n") == 1
    assert f"in use by another logwatchd (process {running.process.pid})" in second.stderr


@pytest.mark.slow
def test_output_that_cannot_be_written_stops_the_reading_and_is_said_once(
    tiny_disk: Path, tail: Callable[..., Tail], tmp_path: Path
) -> None:
    lines = [b"line %04d" % number + b"." * 90 for number in range(2000)]
    log = tmp_path / "app.log"
    append(log, b"".join(line + b"\n" for line in lines))
    running = tail(log, tiny_disk / "out.txt")
    wait_until(lambda: "cannot be written" in running.said, what="a word about the full disk")
    subprocess.run(["mount", "-o", "remount,size=1m", tiny_disk], check=True)
    running.expect(*lines)
    assert sum("cannot be written" in line for line in running.said.splitlines()) == 1
    assert running.end(signal.SIGTERM) == Exit.OK


@pytest.mark.slow
def test_line_without_end_costs_no_memory(tail: Callable[..., Tail], tmp_path: Path) -> None:  # [34]
    log = tmp_path / "app.log"
    append(log, b"one\n")
    running = tail(log)
    running.expect(b"one")
    before = running.peak_mib()
    for _ in range(100):
        append(log, b"x" * MIB)
    append(log, b"\ntwo\n")
    wait_until(lambda: running.lines[-1:] == [b"two"], what="the line behind it")
    assert running.peak_mib() - before < 64
    assert [len(line) for line in running.lines] == [3, MIB, 3]


def test_output_that_cannot_be_opened_is_one_clear_line(tmp_path: Path) -> None:
    config = tmp_path / "logwatchd.toml"
    config.write_text(f'state_dir = "{tmp_path / "state"}"\n[[source]]\npaths = ["{tmp_path}/*.log"]\n')
    done = subprocess.run(
        [sys.executable, "-m", "logwatchd", "tail", "--config", config, "--output", tmp_path / "missing" / "out"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == Exit.USAGE
    assert done.stderr.count("\n") == 1
    assert "missing/out: cannot be written: No such file or directory" in done.stderr


@pytest.mark.parametrize("name", ["out.log", "link"])
def test_output_that_is_followed_itself_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "out.log").touch()
    (tmp_path / "link").symlink_to("out.log")
    config = tmp_path / "c.toml"
    config.write_text(f'state_dir = "{tmp_path}/state"\n[[source]]\npaths = ["{tmp_path}/*.log"]\n')
    command = [sys.executable, "-m", "logwatchd", "tail", "--config", config, "--output", tmp_path / name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == Exit.USAGE
    assert "is followed itself" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("replaced", [False, True])
def test_read_positions_outlive_a_state_folder_that_was_deleted_and_go_into_no_other_ones(
    tail: Callable[..., Tail], tmp_path: Path, replaced: bool
) -> None:
    log, state = tmp_path / "app.log", tmp_path / "state"
    log.write_bytes(b"one\n")
    tailer = tail(log)
    tailer.expect(b"one")
    shutil.rmtree(state)
    if replaced:
        with StateLock(state):
            assert tailer.end(signal.SIGTERM) == Exit.CONFIG
            assert [file.name for file in state.iterdir()] == ["lock"]
        assert tailer.said.count("in use by another logwatchd") == 1
        return
    assert tailer.end(signal.SIGTERM) == 0
    with log.open("ab") as file:
        file.write(b"two\n")
    tailer.start()
    tailer.expect(b"one", b"two")
