"""scripts/install, killed at each of its steps and run again, in a mount namespace of its own.

What it calls is played by small programs: python3, whose venv is a few files, and systemctl. Those that change files do
so one at a time, and kill the installer at the step that the test names, before it is done.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.helpers import LONG

STEP = r"""
step() {
  local n
  n=$(($(<"$BED/steps") + 1)); echo "$n" >"$BED/steps"; echo "$n ${0##*/} $*" >>"$BED/told"
  if [[ -e $BED/kill && $n == "$(<"$BED/kill")" ]]; then kill -9 "$(<"$BED/pid")"; sleep 0.2; exit 1; fi
}
"""
PROGRAMS = {
    # One rename at a time.
    "mv": r"""
if [[ $1 == -t ]]; then
  to=$2; shift 3
  for one; do step "$one -> $to"; /bin/mv -t "$to" -- "$one" || exit; done
else
  step "$@"; exec /bin/mv "$@"
fi
""",
    # Half of it, then the other half.
    "rm": r"""
step "$@"
if [[ $1 == -rf ]]; then
  shift 2
  for one; do
    [[ ! -d $one ]] || find "$one" -mindepth 1 -maxdepth 1 | sort | head -n 2 | xargs -r /bin/rm -rf --
  done
  step "$@"
  exec /bin/rm -rf -- "$@"
fi
exec /bin/rm "$@"
""",
    "cp": 'step "$@"; /bin/cp "$@"; step "after $*"',
    "mkdir": 'step "$@"; exec /bin/mkdir "$@"',
    "ln": 'step "$@"; exec /bin/ln "$@"',
    "install": r"""
step "$@"; to=${*: -1}; /bin/mkdir -p "${to%/*}"; head -c 3 <"${*: -2:1}" >"$to"
step "half of $to"; exec /usr/bin/install "$@"
""",
    "systemctl": r"""
case $1 in
  is-active) cat "$BED/state" ;;
  start) step start; [[ $(/usr/local/bin/logwatchd) == version* ]] || exit 1; echo active >"$BED/state"; step started ;;
  stop) step stop; echo inactive >"$BED/state"; step stopped ;;
esac
""",
    "systemd-sysusers": "exit 0",
    "systemd-tmpfiles": "exit 0",
    "userdel": "exit 0",
    "journalctl": "exit 0",
}
PYTHON = r"""
here=$(readlink -f "$0"); here=${here%/bin/*}
case "$*" in
  -VV | --version) echo "Python 3.11" ;;
  -c*) ;;
  "-m venv "*)
    /bin/mkdir -p "$3/bin" "$3/lib" "$3/include" "$3/share"
    /bin/cp /usr/bin/python3 "$3/bin/python"; echo "home = $3" >"$3/pyvenv.cfg" ;;
  "-m pip "*)
    [[ ! -e $BED/offline ]] || exit 1
    /bin/cp "${*: -1}/logwatchd/version" "$here/lib/version"
    printf '#!/bin/bash\ncat /opt/logwatchd/lib/version\n' >"$here/bin/logwatchd"
    /bin/chmod +x "$here/bin/logwatchd" ;;
  "-m logwatchd "*) cat "$here/lib/version" && echo "$4" ;;
esac
"""
RUN = r"""
set -e
mount --bind "$BED/python3" /usr/bin/python3
for folder in /opt /usr/local /etc /var/lib /run; do mount --bind "$BED/root$folder" "$folder"; done
export PATH="$BED/bin:/usr/sbin:/usr/bin:/sbin:/bin"
(echo "$BASHPID" >"$BED/pid"; exec "$1" "${@:2}") || exit $?
"""


@dataclass(frozen=True)
class Bed:
    """A machine's folders as the installer sees them. Each run is a process in a mount namespace of its own."""

    folder: Path

    def run(self, version: str, *arguments: str, kill_at: int | None = None) -> subprocess.CompletedProcess[str]:
        (self.folder / "steps").write_text("0\n")
        (self.folder / "told").write_text("")
        (self.folder / "kill").unlink(missing_ok=True)
        if kill_at is not None:
            (self.folder / "kill").write_text(f"{kill_at}\n")
        script = self.folder / version / "scripts" / "install"
        return subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "bash", "-c", RUN, "run", str(script), *arguments],
            env={"BED": str(self.folder), "PATH": os.environ["PATH"], "LC_ALL": "C"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def steps(self) -> int:
        return int((self.folder / "steps").read_text())

    @property
    def step(self) -> str:
        """The last one that was begun."""
        return (self.folder / "told").read_text().splitlines()[-1]

    @property
    def state(self) -> str:
        return (self.folder / "state").read_text().strip()

    def files(self) -> dict[str, str]:
        """Every file that is there by now, and what is in it; links by where they lead."""
        found = {}
        for path in sorted((self.folder / "root").rglob("*")):
            name = str(path.relative_to(self.folder / "root"))
            if not name.startswith("run/") and (path.is_symlink() or path.is_file()):
                text = str(path.readlink()) if path.is_symlink() else path.read_text()
                # Folders that were made: they are noted before, and so perhaps twice.
                found[name] = " ".join(sorted(set(text.split()))) if path.name == ".folders" else text
        return found

    def copy(self, to: Path) -> Bed:
        shutil.copytree(self.folder, to, symlinks=True)
        return Bed(to)


def program(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/bash\n{STEP}\n{text}\n")
    path.chmod(0o755)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Bed:
    """Version 1 is installed and runs."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        pytest.skip("needs a mount namespace, so root")
    folder = tmp_path_factory.mktemp("machine")
    for name, text in PROGRAMS.items():
        program(folder / "bin" / name, text)
    program(folder / "python3", PYTHON)
    for version in ("version 1", "version 2"):
        source = folder / version
        shutil.copytree(ROOT / "packaging", source / "packaging")
        (source / "scripts").mkdir()
        shutil.copy2(ROOT / "scripts" / "install", source / "scripts")
        (source / "logwatchd").mkdir()
        (source / "logwatchd" / "version").write_text(f"{version}\n")
        (source / "logwatchd" / "reference.toml").write_text(f"# {version}\n")
        with (source / "packaging" / "systemd" / "logwatchd.service").open("a") as unit:
            unit.write(f"# {version}\n")
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            (source / name).touch()
    (folder / "state").write_text("inactive\n")
    for name in ("opt", "usr/local", "etc", "var/lib", "run/systemd/system"):
        (folder / "root" / name).mkdir(parents=True)
    for name in ("passwd", "group", "nsswitch.conf"):
        shutil.copy2(Path("/etc") / name, folder / "root" / "etc")
    bed = Bed(folder)
    done = bed.run("version 1")
    assert done.returncode == 0, done.stderr
    (folder / "state").write_text("active\n")
    return bed


@pytest.fixture(scope="module")
def upgraded(machine: Bed, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], int]:
    """What an upgrade that nothing happens to leaves, and how many steps it takes."""
    bed = machine.copy(tmp_path_factory.mktemp("upgraded") / "bed")
    done = bed.run("version 2", "--upgrade")
    assert done.returncode == 0, done.stderr
    assert "the daemon runs again" in done.stderr
    return bed.files(), bed.steps


def killed_at(machine: Bed, folder: Path, step: int) -> Bed:
    bed = machine.copy(folder)
    assert bed.run("version 2", "--upgrade", kill_at=step).returncode == 137
    return bed


EVERY = [pytest.param(1, marks=LONG), 11]


@pytest.mark.parametrize("stride", EVERY, ids=["every step", "some steps"])
def test_a_second_run_mends_what_a_killed_one_left(
    machine: Bed, upgraded: tuple[dict[str, str], int], tmp_path: Path, stride: int
) -> None:
    expected, steps = upgraded
    for step in range(1, steps + 1, stride):
        bed = killed_at(machine, tmp_path / f"killed at {step}", step)
        where = bed.step
        done = bed.run("version 2")
        assert done.returncode == 0, f"{where}: {done.stderr}"
        assert bed.files() == expected, where
        assert bed.state == "active", where


@pytest.mark.parametrize("stride", EVERY, ids=["every step", "some steps"])
def test_a_second_run_that_fails_leaves_a_whole_version_and_its_daemon_running(
    machine: Bed, upgraded: tuple[dict[str, str], int], tmp_path: Path, stride: int
) -> None:
    old, new = machine.files(), upgraded[0]
    for step in range(3, upgraded[1] + 1, stride):
        bed = killed_at(machine, tmp_path / f"killed at {step}", step)
        where = bed.step
        (bed.folder / "offline").touch()
        bed.run("version 2", "--upgrade")
        left = {name: text for name, text in bed.files().items() if name.startswith("opt/")}
        assert left in [{name: text for name, text in of.items() if name.startswith("opt/")} for of in (old, new)], (
            where
        )
        assert bed.state == "active", where


@pytest.mark.parametrize("stride", EVERY, ids=["every step", "some steps"])
def test_a_first_installation_is_mended_as_well(machine: Bed, tmp_path: Path, stride: int) -> None:
    empty = machine.copy(tmp_path / "empty")
    assert empty.run("version 1", "--uninstall", "--purge").returncode == 0
    whole = empty.copy(tmp_path / "whole")
    assert whole.run("version 2").returncode == 0
    for step in range(1, whole.steps + 1, stride):
        bed = empty.copy(tmp_path / f"killed at {step}")
        assert bed.run("version 2", kill_at=step).returncode == 137
        where = bed.step
        done = bed.run("version 2")
        assert done.returncode == 0, f"{where}: {done.stderr}"
        assert bed.files() == whole.files(), where
