"""Fixtures that tests of several parts share."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import settings

from tests.helpers import LONG

if TYPE_CHECKING:
    from tests.daemon.bed import Machine
    from tests.fakes.openai import FakeOpenAI

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

# No example is too slow on a busy machine; CI tries the same ones each time, so that a red run is about the change.
settings.register_profile("logwatchd", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("logwatchd")
# Processes that tests start are to hear these also where the tests themselves were started with nohup, or by a script
# with an & behind.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """For tests that call `journal.configure`: leaves structlog and logging as they were."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def no_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which only the configuration file speaks."""
    secrets = {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "SLACK_WEBHOOK_URL", "CREDENTIALS_DIRECTORY", "STATE_DIRECTORY"}
    for name in list(os.environ):
        if name.startswith("LOGWATCHD_") or name in secrets:
            monkeypatch.delenv(name)


@pytest.fixture
def service() -> Iterator[FakeOpenAI]:
    """An embedding service on loopback."""
    from tests.fakes.openai import FakeOpenAI

    with FakeOpenAI(dimensions=64) as running:
        yield running


@pytest.fixture
def mount() -> Iterator[Callable[[Path, str], None]]:
    """Mounts a tmpfs of a given size; whatever is mounted in the end is unmounted."""
    places: list[Path] = []

    def mounted(place: Path, size: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place]
        if os.geteuid() != 0 or subprocess.run(command, check=False).returncode:
            pytest.skip("needs to mount a tmpfs, so root")
        places.append(place)

    yield mounted
    for place in places:
        subprocess.run(["umount", "-l", place], check=False, stderr=subprocess.DEVNULL)


@pytest.fixture
def tiny_disk(tmp_path: Path, mount: Callable[[Path, str], None]) -> Path:
    """A folder with room for 64 KiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount(folder, "64k")
    return folder


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine with its own systemd on which scripts/install was run; one installation for all processes that run
    tests, booted anew by each test."""
    from tests.daemon.bed import Machine, why_not

    if reason := why_not():
        pytest.skip(reason)
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # the workers' common one
    with (folder / "machine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return Machine(folder / "machine")


@pytest.fixture(params=["host", pytest.param("bpo", marks=LONG)])
def machine(installation: Machine, request: pytest.FixtureRequest) -> Machine:
    """The same, under the installed systemd (host), and in long runs under the backported one (bpo) as well, where that
    can be had. Tests of what systemd itself does are under both always: `bed.BOTH`."""
    from tests.daemon.bed import why_not

    if reason := why_not(request.param):
        pytest.skip(reason)
    return installation.under(request.param)
