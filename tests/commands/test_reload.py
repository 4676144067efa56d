"""`logwatchd reload` against a process that keeps the daemon's side of the bargain, or does not."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from logwatchd.commands import reload
from logwatchd.errors import Exit, NotRunningError
from tests.helpers import ROOT_ONLY, nobody

# The daemon's side: lock, status file, SIGHUP. argv: state folder, the state it starts in, then what each SIGHUP does.
DAEMON = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from logwatchd import status_file
from logwatchd.ingest.lock import StateLock
from logwatchd.status_file import DaemonStatus, Reloads

folder, state, answers = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])  # waits until it is asked for: none gets lost
lock = StateLock(folder)
reloads = Reloads(count=4)

def tell(state):
    status_file.write(lock.folder.handle, DaemonStatus(os.getpid(), "0", state, datetime.now(UTC), reloads))

tell(state)
print("up", flush=True)
for number, answer in enumerate(answers):
    if number == 1 and state == "reloading":
        signal.sigtimedwait([signal.SIGUSR1], 0.3)  # the reload that was asked for takes its time
    else:
        signal.sigwait([signal.SIGHUP])
    if answer == "die":
        os._exit(1)
    reloads = Reloads(reloads.count + 1, answer == "ok", None if answer == "ok" else answer)
    tell("ready")
while True:
    signal.sigwait([signal.SIGHUP])
"""

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path, no_overrides: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setattr(reload, "SILENT_S", 60.0)  # a busy machine has not to be a silent daemon
    children: list[subprocess.Popen[bytes]] = []

    def start(*answers: str, state: str = "ready", folder: Path = tmp_path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", DAEMON, str(folder), state, *answers]
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        children.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "logwatchd.toml"
    file.write_text(f'state_dir = "{tmp_path}"\n[[source]]\npaths = ["/x"]\n')
    return file


def test_a_reload_that_went_well(start: Start, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    child = start("ok")
    assert reload.run(config) is Exit.OK
    assert capsys.readouterr().out == f"logwatchd: reloaded (process {child.pid})\n"


def test_a_refused_reload_tells_why(start: Start, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start("/etc/logwatchd.toml: bogus: unknown key", "ok")
    assert reload.run(config) is Exit.CONFIG
    assert "/etc/logwatchd.toml: bogus: unknown key\n" in capsys.readouterr().err
    assert reload.run(config) is Exit.OK


def test_a_reload_under_way_is_not_taken_for_ours(
    start: Start, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start("ok", "ours", state="reloading")  # the signal comes while the first one is under way
    assert reload.run(config) is Exit.CONFIG
    assert "ours" in capsys.readouterr().err


def test_a_daemon_that_dies_in_the_reload(start: Start, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start("die")
    assert reload.run(config) is Exit.FAILED
    assert "ended in the reload" in capsys.readouterr().err


@pytest.mark.parametrize(("state", "limit"), [("reloading", "DEADLINE_S"), ("ready", "SILENT_S")])
def test_a_daemon_that_does_not_answer(
    state: str,
    limit: str,
    start: Start,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    start(state=state)
    monkeypatch.setattr(reload, limit, 0.2)
    assert reload.run(config) is Exit.FAILED
    says = "has not written" if state == "ready" else "did not tell within"
    assert says in capsys.readouterr().err


def test_no_daemon(config: Path, no_overrides: None) -> None:
    elsewhere = config.with_name("mistyped.toml")
    with pytest.raises(NotRunningError, match=f"{elsewhere}, which may name another one, cannot be read"):
        reload.run(elsewhere)
    with pytest.raises(NotRunningError, match="no daemon runs on") as raised:
        reload.run(config)
    assert raised.value.exit_code is Exit.NOT_RUNNING


@ROOT_ONLY
def test_a_folder_that_this_user_may_not_read(no_overrides: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:  # 0700
        monkeypatch.setenv("LOGWATCHD_STATE_DIR", folder)
        with nobody(), pytest.raises(NotRunningError, match="may not be looked into by this user; run it as root"):
            reload.run(Path("/nonexistent"))


def test_the_daemon_is_found_with_a_broken_file(start: Start, config: Path) -> None:
    start("ok")
    config.write_text(config.read_text() + "threshold = = 3\n")
    assert reload.run(config) is Exit.OK


def test_systemd_knows_the_folder_better_than_a_file_that_is_gone(
    start: Start, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start("ok")
    config.unlink()
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path}:/elsewhere")
    assert reload.run(config) is Exit.OK


@pytest.mark.parametrize(
    ("content", "folder"),
    [
        ('state_dir = "/a b"', "/a b"),
        ("state_dir = '/quoted'\n[[broken", "/quoted"),
        ("state_dir = 3", "/var/lib/logwatchd"),
        ("# state_dir = '/x'\n]", "/var/lib/logwatchd"),
        ("", "/var/lib/logwatchd"),
    ],
)
def test_the_state_folder_is_read_leniently(content: str, folder: str, config: Path, no_overrides: None) -> None:
    config.write_text(content)
    assert list(reload.state_dirs(config)) == [Path(folder)]


def test_the_override_names_the_folder(config: Path, no_overrides: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGWATCHD_STATE_DIR", "/from/environment")
    assert list(reload.state_dirs(config)) == [Path("/from/environment")]


def test_a_file_that_is_nested_too_deeply_still_names_the_folder(tmp_path: Path, no_overrides: None) -> None:
    config = tmp_path / "logwatchd.toml"
    config.write_text(f'state_dir = "{tmp_path}"\nx = {"[" * 5000}\n')
    assert list(reload.state_dirs(config)) == [tmp_path]
