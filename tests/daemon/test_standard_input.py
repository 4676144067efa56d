"""`logwatchd tail` and `run` behind a pipe, and their own words before them: real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon.process import Daemon
from tests.helpers import wait_until
from tests.scoring.making import FAULT, NORMAL, block_of

pytestmark = pytest.mark.slow


def tail(folder: Path, paths: str, **options: object) -> subprocess.Popen[bytes]:
    config = folder / "logwatchd.toml"
    config.write_text(f'state_dir = "{folder}/state"\n[[source]]\npaths = {paths}\n')
    command = [sys.executable, "-m", "logwatchd", "tail", "--config", config, "--output", folder / "out"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, **options)  # type: ignore[call-overload,no-any-return]


def test_tail_ends_with_its_standard_input(tmp_path: Path) -> None:
    process = tail(tmp_path, '["-"]')
    text = b"".join(b"line %d\n" % number for number in range(200_000))
    process.communicate(text + b"unfinished", timeout=60)
    assert process.returncode == 0
    assert (tmp_path / "out").read_bytes() == text + b"unfinished\n"


def test_tail_goes_on_with_a_fifo_when_standard_input_ends(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = tail(tmp_path, f'["-", "{fifo}"]')
    assert process.stdin is not None
    try:
        process.stdin.write(b"from the pipe\n")
        process.stdin.close()
        with fifo.open("wb", buffering=0) as writer:  # waits until it is read
            out = tmp_path / "out"
            writer.write(b"from the fifo\n")
            wait_until(lambda: out.read_bytes().count(b"\n") == 2)
            writer.write(b"half")
            wait_until(lambda: _unread(writer.fileno()) == 0)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        assert sorted(out.read_bytes().splitlines()) == [b"from the fifo", b"from the pipe", b"half"]
    finally:
        process.kill()
        process.wait()


def test_a_terminal_as_standard_input_stays_as_it_was(tmp_path: Path) -> None:
    """Made non-blocking, it would be so for the shell as well."""
    process = tail(tmp_path, '["-"]')
    assert process.stdin is not None
    process.stdin.write(b"x\n")
    process.stdin.flush()
    wait_until(lambda: (tmp_path / "out").exists() and (tmp_path / "out").read_bytes() == b"x\n")
    assert os.get_blocking(process.stdin.fileno())
    flags = Path(f"/proc/{process.pid}/fdinfo/0").read_text()
    assert not int(flags.split("flags:")[1].split()[0], 8) & os.O_NONBLOCK
    process.stdin.close()
    assert process.wait(60) == 0


def _unread(handle: int) -> int:
    import array
    import fcntl
    import termios

    count = array.array("i", [0])
    fcntl.ioctl(handle, termios.FIONREAD, count)
    return count[0]


def test_run_alerts_what_a_fifo_brings(daemon: Daemon, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    daemon.write_config(paths=[str(fifo), f"{daemon.logs}/*.log"])
    daemon.start()
    with fifo.open("wb") as writer:
        writer.write(block_of([*NORMAL, FAULT]))
    daemon.wait(lambda: daemon.alerted() == [FAULT], "the alert")
    assert daemon.events("ANOMALY")[0]["path"] == str(fifo)
    assert daemon.stop() == 0


def test_run_judges_its_standard_input_and_ends_with_it(daemon: Daemon) -> None:
    daemon.write_config(paths=["-"])
    command = [sys.executable, "-m", "logwatchd", "run", "--config", str(daemon.config)]
    done = subprocess.run(command, input=block_of([*NORMAL * 100, FAULT]), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert daemon.stored() == [FAULT]


def test_its_own_lines_in_syslog_are_not_judged_and_no_loop_begins(daemon: Daemon) -> None:
    """The log that it tails holds what it says, as rsyslog would write it."""
    daemon.log.touch()
    daemon.start()
    daemon.append(FAULT)
    daemon.wait(lambda: daemon.alerted() == [FAULT], "the alert")
    said = [str(entry["message"]) for entry in daemon.entries]
    daemon.append(*(f"Jan  2 05:00:00 web1 logwatchd[{os.getpid()}]: {text}" for text in said), NORMAL[0])
    daemon.append(*(json.dumps(entry) for entry in daemon.entries))  # as its own redirected output
    daemon.append("CRITICAL disk of zzzz vanished", file=daemon.logs / "other.log")
    daemon.wait(lambda: len(daemon.alerted()) == 2, "the alert after them")
    assert daemon.stop() == 0
    assert daemon.alerted() == [FAULT, "CRITICAL disk of zzzz vanished"]
    (stopped,) = daemon.events("STOPPED")
    assert stopped["own_lines"] >= 1
