"""Signals that come in crowds, or before the daemon is ready."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from logwatchd import status_file
from tests.daemon.process import Daemon
from tests.helpers import wait_until
from tests.scoring.making import FAULT, NORMAL

pytestmark = pytest.mark.slow
BURST = 150


def _is_starting(daemon: Daemon) -> bool:
    """Whether it loads what the daemon is made of: some of its start is over, and most of it to come."""
    assert daemon.process is not None
    return "numpy" in Path(f"/proc/{daemon.process.pid}/maps").read_text()


def test_sighups_from_its_first_moment_on_lead_to_a_reload_and_the_daemon_lives(daemon: Daemon) -> None:
    daemon.log.touch()
    daemon.start(ready=False)
    daemon.wait(lambda: _is_starting(daemon), "the start")
    assert not daemon.events("STARTING")

    def ready() -> bool:
        daemon.send(signal.SIGHUP)
        return "READY=1" in daemon.notified

    daemon.wait(ready, "READY=1")
    daemon.wait(lambda: daemon.events("RELOADED"), "the reload")
    starting = daemon.notified[: daemon.notified.index("READY=1")]
    assert any(line.startswith("STATUS=reloading") for line in starting)
    assert "RELOADING=1" not in starting
    done = daemon.command("reload", "--config", daemon.config)
    assert done.returncode == 0, done.stderr
    daemon.append(FAULT)
    daemon.wait(lambda: daemon.alerted() == [FAULT], "the alert")
    assert daemon.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_starting_ends_it_well_and_at_once(daemon: Daemon, number: signal.Signals) -> None:
    daemon.log.touch()
    daemon.start(ready=False)
    daemon.wait(lambda: _is_starting(daemon), "the start")
    assert daemon.stop(number) == 0
    assert daemon.entries == []
    assert "READY=1" not in daemon.notified


def test_many_sighups_are_a_few_reloads_and_a_stop_goes_before_them(daemon: Daemon) -> None:
    """Each is sent when the one before was taken: the kernel makes no two of them one."""
    daemon.learn([*NORMAL, *(f"INFO {word} ran" for word in _words())])
    daemon.log.touch()
    daemon.start()
    assert daemon.process is not None
    pid = daemon.process.pid
    for number in range(BURST):
        daemon.send(signal.SIGHUP)
        wait_until(lambda: not _is_pending(pid, signal.SIGHUP), what=f"signal {number} being taken")
    before = _reloads(daemon)
    assert before < BURST / 3
    assert daemon.stop() == 0
    assert _reloads(daemon) <= before + 1


def _words() -> list[str]:
    letters = "abcdefghijklmnop"
    return [f"{a}{b}{c}{a}{c}{b}" for a in letters for b in letters for c in letters]


def _is_pending(pid: int, number: signal.Signals) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    waiting = next(int(line.split()[1], 16) for line in lines if line.startswith("ShdPnd"))
    return bool(waiting >> (number - 1) & 1)


def _reloads(daemon: Daemon) -> int:
    status = status_file.read(daemon.state)
    return status.reloads.count if status else 0
