"""What systemd hears, received on a real notification socket."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from logwatchd.supervisor import Supervisor
from tests.helpers import no_threads


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.settimeout(10)
        yield server


def test_each_message_is_what_sd_notify_describes(manager: socket.socket) -> None:
    supervisor = Supervisor()
    for say, heard in [
        (supervisor.ready, "READY=1"),
        (supervisor.stopping, "STOPPING=1"),
        (supervisor.alive, "WATCHDOG=1"),
        (lambda: supervisor.status("4 files\nREADY=1\r\x00 – fine"), "STATUS=4 files READY=1 ? ? fine"),
    ]:
        say()
        assert manager.recv(4096).decode() == heard


def test_a_reload_goes_on_where_no_thread_can_ask_for_more_time(manager: socket.socket) -> None:
    supervisor = Supervisor()
    with no_threads(), supervisor.patience():
        supervisor.ready()
    assert manager.recv(4096).decode() == "READY=1"


def test_a_reload_tells_when_it_began(manager: socket.socket) -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    Supervisor().reloading()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    first, second = manager.recv(4096).decode().split("\n")
    assert first == "RELOADING=1"
    name, _, value = second.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before - 1 <= int(value) <= after


def test_a_long_status_is_cut(manager: socket.socket) -> None:
    Supervisor().status("x" * 100_000)
    assert len(manager.recv(200_000)) < 1000


@pytest.mark.parametrize("address", ["", "/nonexistent/notify", "nonsense"])
def test_without_a_manager_nothing_happens(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    supervisor = Supervisor()
    supervisor.ready()
    supervisor.status("fine")
    supervisor.stopping()


def test_a_manager_that_hangs_does_not_hang_us(manager: socket.socket) -> None:
    supervisor = Supervisor()
    manager.setblocking(False)
    said = 0
    while said < 14:  # more than the kernel's queue of ten takes: the last ones are given up
        supervisor.alive()
        said += 1
    assert manager.recv(64) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_the_watchdog_is_due_twice_a_period_if_it_watches_us(environ: dict[str, str], interval_s: float | None) -> None:
    assert Supervisor(environ).watchdog_interval_s == interval_s


def test_what_takes_long_is_granted_more_time_and_signs_of_life(manager: socket.socket) -> None:
    alive = threading.Event()
    with Supervisor({"WATCHDOG_USEC": "20000"}).patience(alive.set):
        assert manager.recv(4096) == b"EXTEND_TIMEOUT_USEC=30000000"
        assert alive.wait(60)
        assert manager.recv(4096) == b"EXTEND_TIMEOUT_USEC=30000000"


def test_what_we_start_is_not_heard_in_our_place(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    supervisor = Supervisor()
    child = "import os; print([name for name in os.environ if name.startswith(('NOTIFY', 'WATCHDOG'))])"
    assert subprocess.check_output([sys.executable, "-c", child]) == b"[]\n"
    supervisor.ready()
    assert manager.recv(4096) == b"READY=1"
    assert supervisor.watchdog_interval_s == 1.5
