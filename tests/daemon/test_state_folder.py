"""The state folder is deleted or replaced while the daemon runs."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest

from logwatchd import status_file
from logwatchd.errors import Exit
from tests.daemon.process import Daemon
from tests.helpers import wait_until
from tests.scoring.making import FAULT

pytestmark = pytest.mark.slow
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
    # Its first tick writes the status. Stopped in the middle of that, it would write it into whatever folder is there.
    daemon.wait(lambda: daemon.notified.count("WATCHDOG=1") > 1, "its second tick")
    assert daemon.process is not None
    tasks = Path(f"/proc/{daemon.process.pid}/task")
    daemon.send(signal.SIGSTOP)
    wait_until(
        lambda: all((task / "stat").read_text().rsplit(")", 1)[1].split()[0] == "T" for task in tasks.iterdir()),
        what="the stop of every thread",
    )


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


def test_a_daemon_whose_folder_is_another_ones_by_now_leaves_it_alone(daemon: Daemon) -> None:
    daemon.log.touch()
    daemon.start()
    _freeze(daemon)
    shutil.rmtree(daemon.state)
    with Daemon(daemon.folder) as second:
        second.start()
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
