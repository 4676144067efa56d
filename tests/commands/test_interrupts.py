"""Ctrl-C, and other signals that end a command: the process dies of them, without a word, wherever they strike, and
leaves nothing behind. Real processes."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.commands.process import logwatchd
from tests.helpers import wait_until
from tests.scoring.making import NORMAL, block_of

# Sends the signal while a module is looked for, and makes of it what such places have made of it.
_HOOK = """
import os, signal, sys

class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            try:
                os.kill(os.getpid(), signal.{signal})
            except BaseException:
                {then}

sys.meta_path.insert(0, Interrupted())
"""
# Sends it while a function of a module is called.
_CALLED = """
import os, signal
import {module} as its

def {function}(*args, really=its.{function}):
    os.kill(os.getpid(), signal.{signal})
    {then}
    return really(*args)

its.{function} = {function}
"""
_LOST = "pass"
_ANOTHER = "raise ImportError(name)"


def _hooked(tmp_path: Path, name: str, then: str = "raise", number: str = "SIGINT") -> dict[str, str]:
    """An environment in which the signal strikes there."""
    return _with(tmp_path, _HOOK.format(name=name, then=then, signal=number))


def _with(tmp_path: Path, *code: str) -> dict[str, str]:
    """An environment in which this is run first."""
    (tmp_path / "sitecustomize.py").write_text("".join(code))
    there = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {"PYTHONPATH": there, "TMPDIR": str(tmp_path)}


def _called(module: str, function: str, number: str = "SIGINT", then: str = "pass") -> str:
    return _CALLED.format(module=module, function=function, signal=number, then=then)


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_bytes(block_of(NORMAL * 300))
    return path


@pytest.mark.parametrize("then", ["raise", _LOST, _ANOTHER])
@pytest.mark.parametrize("name", ["typing", "logwatchd.cli", "pydantic_core", "logwatchd.commands.baseline"])
def test_while_modules_are_imported(name: str, then: str, tmp_path: Path, log: Path) -> None:
    output = tmp_path / "b.npz"
    done = logwatchd("baseline", "build", "--output", str(output), str(log), env=_hooked(tmp_path, name, then))
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")
    assert not output.exists()


@pytest.mark.parametrize("then", ["raise", _ANOTHER])
def test_while_it_works_whatever_comes_of_the_exception(then: str, tmp_path: Path, log: Path) -> None:
    """What a verb imports only where it needs it, such as the progress bar, is imported when it already works."""
    env = _hooked(tmp_path, "rich.progress", then)
    done = logwatchd("baseline", "build", "--output", str(tmp_path / "b.npz"), str(log), env=env)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")
    assert _files(tmp_path) == ["app.log", "sitecustomize.py"]


def test_an_exception_that_got_lost_ends_it_after_its_work(tmp_path: Path, log: Path) -> None:
    output = tmp_path / "b.npz"
    env = _hooked(tmp_path, "rich.progress", _LOST)
    assert logwatchd("baseline", "build", "--output", str(output), str(log), env=env).returncode == -signal.SIGINT
    assert output.exists()


@pytest.mark.parametrize("then", ["raise", _LOST, _ANOTHER])
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_while_watch_learns(number: str, then: str, tmp_path: Path, log: Path) -> None:
    done = logwatchd("watch", str(log), env=_hooked(tmp_path, "rich.progress", then, number))
    assert (done.returncode, done.stdout, done.stderr) == (-signal.Signals[number], b"", b"")
    assert not any(tmp_path.glob("logwatchd-*"))


def test_a_shell_leaves_its_loop(tmp_path: Path, log: Path) -> None:
    """It does so only if what it ran died of the signal, which it gets as well: with exit code 130 it goes on."""
    command = f"{sys.executable} -m logwatchd baseline build --output {tmp_path / 'b.npz'} {log}"
    loop = f"for each in 1 2 3; do echo $each; {command}; done; echo behind it"
    (tmp_path / "sitecustomize.py").write_text(
        _HOOK.format(name="rich.progress", then="raise", signal="SIGINT").replace(
            "os.kill(os.getpid(), ", "os.killpg(0, "
        )
    )
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", loop], env=env, capture_output=True, check=False, timeout=60, start_new_session=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"1\n", b"")


def test_where_the_signal_is_ignored_it_stays_so(tmp_path: Path, log: Path) -> None:
    """As behind an & in a script: Ctrl-C is then for what is in the foreground."""
    output = tmp_path / "b.npz"
    command = [sys.executable, "-m", "logwatchd", "baseline", "build", "--output", str(output), str(log)]
    env = {**os.environ, **_hooked(tmp_path, "rich.progress")}
    ignored = ["bash", "-c", "trap '' INT; exec \"$@\"", "bash", *command]
    assert subprocess.run(ignored, env=env, check=False, timeout=60).returncode == 0
    assert output.exists()


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_while_a_baseline_is_written(number: str, tmp_path: Path, log: Path) -> None:
    env = _with(tmp_path, _called("os", "fsync", number))
    done = logwatchd("baseline", "build", "--output", str(tmp_path / "b.npz"), str(log), env=env)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.Signals[number], b"", b"")
    assert _files(tmp_path) == ["app.log", "sitecustomize.py"]


def test_one_that_follows_at_once_does_not_break_off_the_cleaning_up(tmp_path: Path, log: Path) -> None:
    env = _with(tmp_path, _called("os", "fsync"), _called("os", "unlink"))
    done = logwatchd("baseline", "build", "--output", str(tmp_path / "b.npz"), str(log), env=env)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")
    assert _files(tmp_path) == ["app.log", "sitecustomize.py"]


def test_a_later_one_breaks_off_a_cleaning_up_that_does_not_end(tmp_path: Path, log: Path) -> None:
    never = f"open({str(tmp_path / 'fifo')!r})"
    os.mkfifo(tmp_path / "fifo")
    env = _with(tmp_path, _called("os", "fsync"), _called("os", "unlink", then=never))
    command = [sys.executable, "-m", "logwatchd", "baseline", "build", "--output", tmp_path / "b.npz", log]
    process = subprocess.Popen(command, env={**os.environ, **env}, stderr=subprocess.PIPE)

    def ended() -> bool:
        process.send_signal(signal.SIGINT)
        return process.poll() is not None

    wait_until(lambda: any(tmp_path.glob(".b.npz.*")))
    wait_until(ended)
    assert (process.returncode, process.communicate()[1]) == (-signal.SIGINT, b"")


def test_when_all_is_done(tmp_path: Path, log: Path) -> None:
    """What is printed by then has come out."""
    output = tmp_path / "b.npz"
    assert logwatchd("baseline", "build", "--output", str(output), str(log)).returncode == 0
    env = _with(tmp_path, "import atexit, os, signal\natexit.register(os.kill, os.getpid(), signal.SIGINT)\n")
    done = logwatchd("baseline", "show", str(output), env=env)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")
    assert done.stdout.startswith(b"format")


def test_python_takes_itself_down_with_the_signals_left_to_the_kernel(tmp_path: Path) -> None:
    code = "import atexit, signal\natexit.register(lambda: print([*map(signal.getsignal, (1, 2, 15))]))\n"
    done = logwatchd("--version", env=_with(tmp_path, code))
    assert done.stdout.splitlines()[1:] == [f"{[signal.SIG_DFL] * 3}".encode()]


def test_a_child_that_is_waited_for_ends_as_well(tmp_path: Path) -> None:
    """Also where the signal was for the command alone, as from `kill`."""
    config, program, pid = tmp_path / "c.toml", tmp_path / "journalctl", tmp_path / "pid"
    config.write_text(f'state_dir = "{tmp_path}"\n[[source]]\njournal = true\n')
    reads = '[ "$(cut -d " " -f 3 /proc/$PPID/stat)" = S ]'
    program.write_text(f"#!/bin/sh\necho $$ > {pid}\nuntil {reads}; do :; done\nkill -INT $PPID\nexec sleep 600\n")
    program.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
    done = logwatchd("baseline", "build", "--config", str(config), "--output", str(tmp_path / "b.npz"), env=env)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")
    status = Path("/proc", pid.read_text().strip(), "status")
    wait_until(lambda: not status.exists() or "State:\tZ" in status.read_text())


def test_output_that_nobody_takes_does_not_hold_it_up(tmp_path: Path, log: Path) -> None:
    """As in `logwatchd scan ... | less`, which reads a screen: what is left to be written would wait for ever."""
    output = tmp_path / "b.npz"
    assert logwatchd("baseline", "build", "--output", str(output), str(log)).returncode == 0
    env = _with(
        tmp_path,
        "import io, os, signal, sys\n",
        "class Full(io.FileIO):\n",
        "    struck = False\n",
        "    def write(self, data):\n",
        "        if not self.struck:\n",
        "            self.struck = True\n",
        "            os.kill(os.getpid(), signal.SIGINT)\n",
        "        return super().write(data)\n",
        "sys.stdout = io.TextIOWrapper(io.BufferedWriter(Full(1, 'w', closefd=False)), 'utf-8')\n",
    )
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    with suppress(BlockingIOError):
        while os.write(theirs, bytes(select.PIPE_BUF)):
            pass
    os.set_blocking(theirs, True)
    command = [sys.executable, "-m", "logwatchd", "baseline", "show", output]
    done = subprocess.run(command, stdout=theirs, env={**os.environ, **env}, check=False, timeout=60)
    assert done.returncode == -signal.SIGINT
    os.close(ours)
    os.close(theirs)


def test_the_cursor_is_shown_again_where_it_strikes_while_the_bar_appears(tmp_path: Path, log: Path) -> None:
    env = _with(
        tmp_path,
        "from rich.console import Console\n",
        "def show_cursor(self, show=True, really=Console.show_cursor):\n",
        "    really(self, show)\n",
        "    if not show:\n",
        "        import os, signal\n",
        "        os.kill(os.getpid(), signal.SIGINT)\n",
        "Console.show_cursor = show_cursor\n",
    )
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "logwatchd", "baseline", "build", "--output", tmp_path / "b.npz", log]
    process = subprocess.Popen(command, stderr=theirs, env={**os.environ, **env, "TERM": "xterm"})
    assert process.wait(60) == -signal.SIGINT
    os.close(theirs)
    said = os.read(ours, 1 << 16)
    os.close(ours)
    assert 0 <= said.rfind(b"\x1b[?25l") < said.rfind(b"\x1b[?25h")


@pytest.mark.parametrize("then", ["raise", _LOST, _ANOTHER])
@pytest.mark.parametrize("name", ["logwatchd.cli", "pydantic_core", "logwatchd.daemon"])
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_daemon_that_starts_ends_well(number: str, name: str, then: str, tmp_path: Path) -> None:
    config = tmp_path / "logwatchd.toml"
    config.write_text(f'state_dir = "{tmp_path}"\n[[source]]\npaths = ["{tmp_path}/app.log"]\n')
    done = logwatchd("run", "--config", str(config), env=_hooked(tmp_path, name, then, number))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
