"""scripts/demo as a process, the way a new user runs it, in the environment that runs these tests."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from logwatchd.errors import Exit
from tests.conftest import ROOT
from tests.helpers import wait_until

DEMO = ROOT / "scripts" / "demo"
VENV = Path(sys.prefix)
LIMIT_S = 240  # some 30 on a quiet machine


def _environment(folder: Path, **extra: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key != "ANTHROPIC_API_KEY"}
    return {**kept, "TMPDIR": str(folder), "LOGWATCHD_DEMO_VENV": str(VENV), **extra}


def _processes_of(folder: Path) -> list[str]:
    """The command lines of all processes that name the folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command:
            found.append(command)
    return found


def _nothing_is_left(folder: Path) -> bool:
    return not _processes_of(folder) and not list(folder.iterdir()) and str(folder) not in _mounts()


def _mounts() -> str:
    return Path("/proc/self/mounts").read_text()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The demonstration, its output readable."""
    with subprocess.Popen(
        [DEMO], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=_environment(tmp_path)
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(60)


@pytest.mark.slow
def test_finds_every_fault_and_cleans_up(tmp_path: Path) -> None:
    done = subprocess.run(
        [DEMO], capture_output=True, text=True, env=_environment(tmp_path), timeout=LIMIT_S, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout
    for fault in ("database locked", "table gone", "upstream down", "disk full", "settings malformed"):
        assert re.search(rf"{fault} +\S +yes ", done.stdout), done.stdout
    assert "passed: 5 of 5 faults found, 0 false alarms" in done.stdout
    assert _nothing_is_left(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_demonstration_leaves_nothing(
    running: subprocess.Popen[str], tmp_path: Path, ending: signal.Signals
) -> None:
    assert running.stdout is not None
    shown: list[str] = []
    for line in running.stdout:
        shown.append(line)
        if "customers come: 25%" in line:
            break
    assert _processes_of(tmp_path), "".join(shown)
    running.send_signal(ending)
    shown += running.stdout.readlines()
    assert running.wait(60) == 130, "".join(shown)
    assert "interrupted" in "".join(shown)
    wait_until(lambda: _nothing_is_left(tmp_path), what="an empty folder and no process")


@pytest.mark.slow
def test_a_killed_demonstration_leaves_no_process(running: subprocess.Popen[str], tmp_path: Path) -> None:
    assert running.stdout is not None
    for line in running.stdout:
        if "more customers, nothing broken: 25%" in line:  # logwatchd runs as well
            break
    assert len(_processes_of(tmp_path)) >= 2
    running.kill()
    wait_until(lambda: not _processes_of(tmp_path), what="no process of the demonstration")
    assert str(tmp_path) not in _mounts()


@pytest.mark.slow
def test_watches_the_readers_own_logs(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("".join(f"2026-01-01T00:00:{n % 60:02d}Z INFO request {n} served\n" for n in range(400)))
    with subprocess.Popen(
        [DEMO, "app.log"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=_environment(tmp_path),
    ) as process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout)
            assert "learned" in next(lines)
            with log.open("a") as file:
                file.write("2026-01-01T00:09:00Z ERROR disk quota exceeded on volume data\n")
            assert any("disk quota exceeded" in line for line in lines)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
    assert process.returncode == Exit.ANOMALY


def test_help_needs_no_environment(tmp_path: Path) -> None:
    done = subprocess.run(
        [DEMO, "--help"], capture_output=True, text=True, env=_environment(tmp_path, LOGWATCHD_DEMO_VENV="/nowhere")
    )
    assert done.returncode == 0
    for option in ("--seed", "--keep", "--venv", "PATH"):
        assert option in done.stdout


def test_an_environment_without_logwatchd_is_refused(tmp_path: Path) -> None:
    done = subprocess.run([DEMO, "--venv", str(tmp_path)], capture_output=True, text=True, env=_environment(tmp_path))
    assert done.returncode == 2
    assert done.stderr == f"demo: {tmp_path} holds no logwatchd; leave --venv away, or install it there\n"
