"""A machine with a real systemd as PID 1, for a moment: what tests of the installed daemon run on."""

from __future__ import annotations

import copy
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, SHARED

BED = SHARED / "systemd" / "systemd-bed"
_SYSTEM_PYTHON = "/usr/bin/python3"  # the unit's user sees neither /root nor /home

# What every script inside begins with. `until_true SECONDS COMMAND...` polls: systemd's word is all there is.
_PRELUDE = r"""
set -u
until_true() {
  local end=$(($(date +%s) + $1)); shift
  until "$@" >/dev/null 2>&1; do
    if (($(date +%s) >= end)); then
      echo "never came true: $*" >&2
      systemctl status --no-pager --full logwatchd >&2
      journalctl --no-pager -u logwatchd >&2
      exit 90
    fi
    sleep 0.05
  done
}
show() { systemctl show logwatchd --value --property "$1"; }
said() { journalctl -u logwatchd -o cat --no-pager | grep -qF -- "$1"; }
state() { [[ $(show ActiveState)/$(show SubState) == "$1" ]]; }
"""

_INSTALLED = "installed.tar"

# What scripts/install left, with a configuration, logs that the adm group may read, and a baseline learned from them.
_SETUP = r"""
set -eu
/src/scripts/install
cp /stage/logwatchd.toml /etc/logwatchd.toml
mkdir -p /var/log/shop /var/lib/logwatchd
cp /stage/shop.log /var/log/shop/shop.log
chgrp -R adm /var/log/shop
chmod 0750 /var/log/shop
chmod 0640 /var/log/shop/shop.log
/opt/logwatchd/bin/logwatchd baseline build --output /var/lib/logwatchd/baseline /var/log/shop/shop.log
"""
# All of that but the program, for the next boots.
_KEEP = f"""
touch /began
{_SETUP}
find /etc /usr/local /var -xdev -cnewer /began -print0 | tar -c -f /stage/{_INSTALLED} --no-recursion --null -T -
"""
_TAKE_UP = f"tar -xp -C / -f /stage/{_INSTALLED}\n"

BOTH = pytest.mark.parametrize("machine", ["host", "bpo"], indirect=True)
"""For tests that every run makes under both systemds, the installed one and the one from Debian's backports."""

CONFIG = """
[[source]]
paths = ["/var/log/shop/*.log"]
service = "shop"
"""


@functools.cache
def why_not(systemd: str = "host") -> str | None:
    """Why no bed with this systemd can be had here, in one line; None when one can."""
    if os.geteuid() != 0:
        return "a systemd of its own takes root"
    if not BED.is_file():
        return f"{BED.relative_to(ROOT.parent)} is not here"
    if not Path(_SYSTEM_PYTHON).exists() or not Path("/lib/systemd/systemd").exists():
        return "systemd and /usr/bin/python3 have to be installed (scripts/test does it as root)"
    check = [_SYSTEM_PYTHON, "-c", "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"]
    if subprocess.run(check, capture_output=True, check=False).returncode != 0:
        return f"{_SYSTEM_PYTHON} is older than 3.11 or has no venv module"
    try:
        command = [str(BED), "-q", "--systemd", systemd, "--", "true"]
        tried = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return "systemd does not boot here in two minutes"
    return f"systemd does not boot here: {tried.stderr.strip()[-200:]}" if tried.returncode else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a script inside ended. journal: every entry of the whole boot, as journalctl -o json tells it."""

    code: int
    out: str
    err: str
    journal: list[dict[str, Any]]

    def of_unit(self, **fields: str) -> list[dict[str, Any]]:
        """The daemon's own entries with these fields, oldest first."""
        return [
            entry
            for entry in self.journal
            if entry.get("_SYSTEMD_UNIT") == "logwatchd.service"
            and all(entry.get(name) == value for name, value in fields.items())
        ]


class Machine:
    """An installed logwatchd. Every `run` boots the machine anew, as it was installed; several may at once."""

    def __init__(self, folder: Path) -> None:
        """Install it in `folder` and lay out what the tests put there, if that was not done; needs half a minute."""
        self._systemd = "host"
        self._program = folder / "program"
        self._source = folder / "source"
        self._stage = folder / "stage"
        if not (self._stage / _INSTALLED).exists():
            self._install()

    def _install(self) -> None:
        self._program.mkdir(parents=True)
        self._stage.mkdir()
        copy_checkout(self._source)
        (self._stage / "logwatchd.toml").write_text(CONFIG)
        (self._stage / "shop.log").write_text(normal_lines(2000))
        install = [str(BED), "-q", "--boot-timeout", "600", "--net", "host"]
        install += ["--bind", f"{self._program}:/opt/logwatchd", "--bind", f"{self._stage}:/stage"]
        install += ["--ro", f"{self._source}:/src", "--setup", _KEEP, "--", "true"]
        done = subprocess.run(install, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != 0:
            sys.exit(f"scripts/install failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")

    def under(self, systemd: str) -> Machine:
        """The same machine with another systemd: 'host' for the installed one, 'bpo' for the backported one."""
        other = copy.copy(self)
        other._systemd = systemd
        return other

    def run(
        self,
        script: str,
        *,
        before: str = "",
        setup: str = "",
        bind: Mapping[Path, str] | None = None,
        timeout_s: int = 300,
    ) -> Outcome:
        """Boot, run the bash script inside and power off.

        Args:
            before: shell commands in the new root, before the install.
            setup: the same, after the install and before the boot.
            bind: more folders to be seen inside, and where.
        """
        with tempfile.NamedTemporaryFile(dir=self._stage.parent, prefix="journal-") as journal:
            command = [str(BED), "-q", "--boot-timeout", "240", "--systemd", self._systemd]
            command += ["--timeout", str(timeout_s), "--journal", journal.name]
            command += ["--project", f"{self._program}:/opt/logwatchd"]
            command += ["--ro", f"{self._source}:/src", "--ro", f"{self._stage}:/stage"]
            command += ["--setup", (before + _SETUP if before else _TAKE_UP) + setup]
            for folder, inside in (bind or {}).items():
                command += ["--ro", f"{folder}:{inside}"]
            command += ["--chdir", "/", "--", "bash", "-c", _PRELUDE + script]
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s + 300, check=False)
            entries = [json.loads(line) for line in journal.read().splitlines()]
        return Outcome(done.returncode, done.stdout, done.stderr, entries)


def normal_lines(count: int) -> str:
    """A shop's traffic on a good day."""
    return "".join(
        f"2026-01-02T{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}Z INFO request {n} "
        f"GET /item/{n % 97} answered 200 in {n % 50} ms\n"
        for n in range(count)
    )


def copy_checkout(folder: Path, version: str | None = None) -> None:
    """Copy what the installers take of the checkout: a stage of its own that nobody edits meanwhile.

    version: that it has in place of its own.
    """
    folder.mkdir()
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in ("logwatchd", "packaging", "scripts"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    if version:
        for name in ("pyproject.toml", "logwatchd/__init__.py"):
            text = (folder / name).read_text()
            (folder / name).write_text(
                re.sub(r'^(_*version_*) = ".*"$', rf'\1 = "{version}"', text, flags=re.MULTILINE)
            )
