"""scripts/_venv.sh: what it says on a machine that lacks something. A whole set-up is what a fresh clone does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

_TOOLS = ("bash", "cat", "cut", "dirname", "flock", "mkdir", "sha256sum", "tail", "tee", "tr", "wc")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder with the everyday commands and no Python, to be the whole PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in _TOOLS:
        found = next(place / tool for place in (Path("/usr/bin"), Path("/bin")) if (place / tool).exists())
        (folder / tool).symlink_to(found)
    return folder


def _ensure(path: Path, venv: Path) -> subprocess.CompletedProcess[str]:
    script = f'set -euo pipefail; . "{ROOT}/scripts/_venv.sh"; venv_ensure "{venv}"; echo made'
    return subprocess.run(["/bin/bash", "-c", script], capture_output=True, text=True, env={"PATH": str(path)})


def _python(path: Path, text: str) -> None:
    file = path / "python3"
    file.write_text(f"#!/bin/bash\n{text}\n")
    file.chmod(0o755)


def test_no_python(path: Path, tmp_path: Path) -> None:
    done = _ensure(path, tmp_path / "venv")
    assert done.returncode == 1
    assert "no Python 3.11 or newer on PATH" in done.stderr
    assert "apt install python3 python3-venv" in done.stderr


def test_an_old_python(path: Path, tmp_path: Path) -> None:
    _python(path, 'if [[ $1 == --version ]]; then echo "Python 3.9.2"; else exit 1; fi')
    done = _ensure(path, tmp_path / "venv")
    assert done.returncode == 1
    assert "no Python 3.11 or newer on PATH (found: Python 3.9.2)" in done.stderr


def test_a_python_without_venv(path: Path, tmp_path: Path) -> None:
    """As Debian ships it: the interpreter without the python3-venv package has no ensurepip."""
    without = tmp_path / "without"
    without.mkdir()
    (without / "ensurepip.py").write_text("raise ModuleNotFoundError('No module named ensurepip')\n")
    _python(path, f'PYTHONPATH="{without}" exec "{sys.executable}" "$@"')
    done = _ensure(path, tmp_path / "venv")
    assert done.returncode == 1
    assert "has no venv module; install it: apt install python3-venv" in done.stderr
    assert not (tmp_path / "venv" / "bin").exists()
