"""Ctrl-C, wherever it strikes: the process dies of it, without a word, and leaves nothing behind. Real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.process import logwatchd
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
_LOST = "pass"
_ANOTHER = "raise ImportError(name)"


def _hooked(tmp_path: Path, name: str, then: str = "raise", number: str = "SIGINT") -> dict[str, str]:
    """An environment in which the signal strikes there."""
    (tmp_path / "sitecustomize.py").write_text(_HOOK.format(name=name, then=then, signal=number))
    there = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {"PYTHONPATH": there, "TMPDIR": str(tmp_path)}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_bytes(block_of(NORMAL * 300))
    return path


@pytest.mark.parametrize("then", ["raise", _LOST, _ANOTHER])
@pytest.mark.parametrize("name", ["logwatchd.cli", "argparse", "pydantic_core", "logwatchd.commands.baseline"])
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
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["app.log", "sitecustomize.py"]


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


@pytest.mark.parametrize("then", ["raise", _LOST, _ANOTHER])
@pytest.mark.parametrize("name", ["logwatchd.cli", "pydantic_core", "logwatchd.daemon"])
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_daemon_that_starts_ends_well(number: str, name: str, then: str, tmp_path: Path) -> None:
    config = tmp_path / "logwatchd.toml"
    config.write_text(f'state_dir = "{tmp_path}"\n[[source]]\npaths = ["{tmp_path}/app.log"]\n')
    done = logwatchd("run", "--config", str(config), env=_hooked(tmp_path, name, then, number))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
