"""The state folder is deleted or replaced while the daemon runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from logwatchd import status_file
from logwatchd.errors import Exit
from tests.daemon.process import Daemon
from tests.helpers import wait_until
from tests.scoring.making import FAULT

pytestmark = pytest.mark.slow
SLOW = """
import sys
from pathlib import Path
from logwatchd import daemon
real, go, times = daemon.scoring_of, Path(sys.argv.pop(1)), []
def scoring_of(found):
    times.append(found)
    if len(times) > 1:
        go.read_bytes()
    return real(found)
daemon.scoring_of = scoring_of
from logwatchd.__main__ import run
sys.exit(run())
"""
OTHER, LATE = "CRITICAL no route to the moon", "CRITICAL the roof leaks"


def _sink(folder: Path) -> str:
    """A sink that works once there is a file `up`, and then appends what it is told to `told`."""
    command = f"test -e {folder}/up && cat >> {folder}/told && echo >> {folder}/told"
    table = f'[[sink]]\nname = "ops"\ntype = "command"\ncommand = ["/bin/sh", "-c", "{command}"]\n'
    return f"{table}[incidents]\ngroup_wait_s = 0.1\n"


def _told(folder: Path) -> list[str]:
    file = folder / "told"
    return [json.loads(line)["alert"]["line"] for line in file.read_text().splitlines()] if file.exists() else []


def _wait_for_end(daemon: Daemon) -> int:
    process = daemon.process
    assert process is not None
    wait_until(lambda: process.poll() is not None, what="the end")
    return daemon.stop()


def _freeze(daemon: Daemon) -> None:
    assert daemon.process is not None
    tasks = Path(f"/proc/{daemon.process.pid}/task")
    daemon.send(signal.SIGSTOP)
    wait_until(
        lambda: all((task / "stat").read_text().rsplit(")", 1)[1].split()[0] == "T" for task in tasks.iterdir()),
        what="the stop of every thread",
    )


def _content(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {file.name: (file.stat().st_ino, file.read_bytes()) for file in folder.iterdir()}


def test_a_lost_state_folder_is_told_of_and_what_was_read_is_kept_for_the_next_start(daemon: Daemon) -> None:
    daemon.write_config(_sink(daemon.folder))
    daemon.log.touch()
    daemon.start()
    daemon.append(FAULT)
    daemon.wait(lambda: daemon.alerted() == [FAULT], "the alert")
    daemon.wait(lambda: daemon.events("SINK_FAILS"), "the sink's trouble")
    _freeze(daemon)
    shutil.rmtree(daemon.state)
    daemon.append(OTHER, file=daemon.logs / "other.log")
    daemon.send(signal.SIGCONT)
    assert _wait_for_end(daemon) == Exit.FAILED
    (entry,) = daemon.events("STATE_LOST")
    assert f"state_dir = {daemon.state}: was deleted or replaced" in entry["message"]
    assert "stop the daemon before its folder is deleted" in entry["message"]
    daemon.append(LATE, file=daemon.logs / "late.log")
    (daemon.folder / "up").touch()
    daemon.start()
    daemon.wait(lambda: len(_told(daemon.folder)) >= 3, "what was kept, and what is new")
    assert daemon.stop() == 0
    assert sorted(_told(daemon.folder)) == sorted([FAULT, OTHER, LATE])
    assert sorted(daemon.alerted()) == sorted([FAULT, OTHER, LATE])


@contextmanager
def _overtaken(daemon: Daemon) -> Iterator[Daemon]:
    """Start it and freeze it; another one, which is given, has its folder then."""
    daemon.log.touch()
    daemon.start()
    _freeze(daemon)
    shutil.rmtree(daemon.state)
    with Daemon(daemon.folder) as second:
        second.start()
        yield second


def test_a_daemon_whose_folder_is_another_ones_by_now_leaves_it_alone(daemon: Daemon) -> None:
    with _overtaken(daemon) as second:
        assert second.process is not None
        before = {file.name: file.stat().st_ino for file in daemon.state.iterdir() if file.name != "status.json"}
        daemon.send(signal.SIGCONT)
        assert _wait_for_end(daemon) == Exit.FAILED
        (entry,) = daemon.events("STATE_LOST")
        assert f"in use by another logwatchd (process {second.process.pid})" in entry["message"]
        status = status_file.read_running(daemon.state)
        assert status is not None
        assert status.pid == second.process.pid
        assert before == {file: (daemon.state / file).stat().st_ino for file in before}
        second.append(FAULT)
        second.wait(lambda: second.alerted() == [FAULT], "the alert")
        assert second.stop() == 0


def test_a_stop_right_after_its_folder_became_another_ones_leaves_that_alone(daemon: Daemon) -> None:
    with _overtaken(daemon) as second:
        _freeze(second)  # so that it mends nothing of what is written over its own
        before = _content(daemon.state)
        daemon.send(signal.SIGTERM)
        daemon.send(signal.SIGCONT)  # with a tick that is due, which the stop goes before
        assert _wait_for_end(daemon) == Exit.FAILED
        assert _content(daemon.state) == before
        (entry,) = daemon.events("STATE_LOST")
        assert "in use by another logwatchd" in entry["message"]
        second.send(signal.SIGCONT)
        assert second.stop() == 0


class SlowDaemon(Daemon):
    """One whose reloads wait, in their middle, until a FIFO `go` in its folder was opened for writing and closed."""

    def argv(self, *args: object) -> list[str]:
        python, *rest = super().argv(*args)
        return [python, "-c", SLOW, str(self.folder / "go"), *rest[2:]] if args[0] == "run" else [python, *rest]


def _opened_by_a_reader(fifo: Path) -> int:
    """A handle to write to it, once somebody reads."""
    handles: list[int] = []

    def is_read() -> bool:
        with suppress(OSError):
            handles.append(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
        return bool(handles)

    wait_until(is_read, what="a reader")
    return handles[0]


def test_a_folder_that_became_another_ones_amid_a_reload_gets_no_status_of_this_one(daemon: Daemon) -> None:
    daemon.log.touch()
    os.mkfifo(daemon.folder / "go")
    with SlowDaemon(daemon.folder) as first:
        first.start()
        first.send(signal.SIGHUP)
        go = _opened_by_a_reader(daemon.folder / "go")
        shutil.rmtree(daemon.state)
        daemon.start()
        _freeze(daemon)  # so that it mends nothing of what is written over its own
        before = _content(daemon.state)
        os.close(go)
        assert _wait_for_end(first) == Exit.FAILED
        assert len(first.events("RELOADED")) == len(first.events("STATE_LOST")) == 1
        assert _content(daemon.state) == before
        daemon.send(signal.SIGCONT)
        assert daemon.stop() == 0
