"""scripts/install on a machine with a real systemd, and what pip and pipx are given."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.daemon.bed import Machine, copy_checkout
from tests.packaging import INSTALLED

pytestmark = pytest.mark.slow


# Without what a boot makes.
_FILES = """
files() { find /etc /usr /var/lib -xdev \\( -path /var/lib/systemd -o -name vconsole.conf \\) -prune -o -print | sort; }
"""


def test_it_installs_once_overwrites_nothing_of_the_users_and_leaves_nothing_behind(machine: Machine) -> None:
    ended = machine.run(
        r"""
        for file in $(cat /installed); do [[ -e $file ]] || echo "missing: $file"; done
        [[ $(command -v logwatchd) == /usr/local/bin/logwatchd ]] && logwatchd --version
        head -n 1 /opt/logwatchd/bin/logwatchd
        grep -rlF /tmp /opt/logwatchd/bin /opt/logwatchd/pyvenv.cfg
        find /opt/logwatchd -name '*.pyc' | grep -c . | awk '{print ($1 > 1000) ? "compiled" : "not compiled"}'
        man --where logwatchd logwatchd.toml
        systemctl start logwatchd || exit 91
        pid=$(show MainPID)
        echo '# mine' >>/etc/logwatchd.toml
        /src/scripts/install 2>&1 | sed 's/^/again: /'
        echo "same=$([[ $(show MainPID) == "$pid" ]] && echo yes) mine=$(grep -c '# mine' /etc/logwatchd.toml)"
        ps -o user= -p "$pid"
        stat -c 'secrets=%U:%a' /etc/logwatchd
        journalctl --sync; journalctl -u logwatchd -x --no-pager LOGWATCHD_EVENT=READY | grep 'Subject: Ready'

        /src/scripts/install --uninstall
        for file in $(cat /installed); do [[ -e $file ]] && echo "left: $file"; done
        systemctl status logwatchd >/dev/null 2>&1; echo "unit=$?"
        echo "kept=$(ls -d /etc/logwatchd.toml /etc/logwatchd /var/lib/logwatchd/baseline | wc -l)"
        /src/scripts/install --uninstall --purge
        ls -A /opt/logwatchd | sed 's/^/found: /'
        getent passwd logwatchd
        """
        + _FILES
        + "files | diff /before - && echo clean",
        before=_FILES + "files >/before\n",
        setup=f"printf '%s\\n' {' '.join(INSTALLED)} >/installed\n",
    )
    assert ended.code == 0, ended.out + ended.err
    assert "missing:" not in ended.out
    assert "logwatchd 0." in ended.out
    assert "#!/opt/logwatchd/bin/python" in ended.out
    assert "\ncompiled\n" in ended.out
    assert ended.out.count("man/man1/logwatchd.1\n") == ended.out.count("man/man5/logwatchd.toml.5\n") == 1
    assert "again: install: /opt/logwatchd is up to date" in ended.out
    assert "again: install: wrote" not in ended.out
    assert "same=yes mine=1" in ended.out
    assert "\nlogwatc" in ended.out, "the user of sysusers.d, which a log file can be granted to"
    assert "secrets=root:700" in ended.out
    assert "Subject: Ready" in ended.out
    assert "left:" not in ended.out
    assert "unit=4" in ended.out
    assert "kept=3" in ended.out
    assert "found:" not in ended.out
    assert ended.out.endswith("\nclean\n"), "every file and folder is as it was before"
    assert "logwatchd:x:" not in ended.out


def test_wheel_and_sdist_have_what_the_command_needs(tmp_path: Path) -> None:
    source, made = tmp_path / "source", tmp_path / "made"
    copy_checkout(source)
    backend = tmp_path / "backend"
    fetch = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(backend), "setuptools>=77"]
    subprocess.run(fetch, timeout=120, check=True)
    build = (
        "import setuptools.build_meta as backend, sys; folder = sys.argv[1]; "
        "backend.build_sdist(folder); backend.build_wheel(folder)"
    )
    made.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", build, str(made)],
        env={**os.environ, "PYTHONPATH": str(backend)},
        cwd=source,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,), (sdist,) = made.glob("*.whl"), made.glob("*.tar.gz")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"logwatchd/cli.py", "logwatchd/py.typed", "logwatchd/reference.toml"} <= set(names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"logwatchd"}
    with tarfile.open(sdist) as archive:
        assert any(name.endswith("/logwatchd/reference.toml") for name in archive.getnames())
        archive.extractall(tmp_path / "unpacked", filter="data")
    # As pip and pipx do it: into a folder of its own, then the command that was made there.
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path / "site")]
    done = subprocess.run([*command, str(wheel)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    run = [sys.executable, str(tmp_path / "site" / "bin" / "logwatchd"), "manual", "logwatchd.toml.5"]
    shown = subprocess.run(run, env={"PYTHONPATH": str(tmp_path / "site")}, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith(".TH LOGWATCHD.TOML 5")
