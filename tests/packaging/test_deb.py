"""The Debian package in bare Debians, under their own systemd: installs, upgrades while it runs, purges clean."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.daemon.bed import BED, Machine, copy_checkout, why_not
from tests.helpers import LONG

pytestmark = pytest.mark.slow

# Kept from one run to the next: making one takes half a minute, and nothing here writes into it.
ROOTS = Path("/var/cache/logwatchd-tests")
_MAKE = ["mmdebstrap", "--quiet", "--variant=apt", "--include=systemd,systemd-sysv,dbus,libnss-systemd,passwd,python3"]

SCRIPT = r"""
set -u
until_true() {
  local end=$(($(date +%s) + $1)); shift
  until "$@" >/dev/null 2>&1; do
    (($(date +%s) < end)) || { echo "never: $*"; journalctl --no-pager -u logwatchd; exit 90; }
    sleep 0.05
  done
}
said() { journalctl -u logwatchd -o cat --no-pager | grep -qF -- "$1"; }
files() {
  find /etc /usr /var/lib /opt -xdev \( -path /var/lib/dpkg -o -path /var/lib/systemd \) -prune -o -print | sort
}
mkdir -p /opt; mkdir /opt/other
files >/before
dpkg -i /stage/old/*.deb || exit 91
logwatchd --version
gzip -dc /usr/share/man/man1/logwatchd.1.gz | head -n 1
systemd-analyze verify logwatchd.service; echo "verify=$?"
/opt/logwatchd/bin/python3 -c 'import sys, sklearn; print("prefix=" + sys.prefix)'
/opt/logwatchd/bin/python3 - <<'END'
from importlib.util import cache_from_source
from pathlib import Path
files = list(Path("/opt/logwatchd/lib").rglob("*.py"))
print(f"compiled={sum(Path(cache_from_source(str(f))).exists() for f in files) / len(files):.2f}")
END

mkdir -m 755 /var/log/shop
for n in $(seq 300); do echo "INFO request $n GET /item/7 answered 200 in 3 ms"; done >/var/log/shop/shop.log
printf '[[source]]\npaths = ["/var/log/shop/*.log"]\n# mine\n' >/etc/logwatchd.toml
mkdir -p /var/lib/logwatchd
logwatchd baseline build --config /etc/logwatchd.toml --output /var/lib/logwatchd/baseline || exit 92
systemctl enable --now logwatchd || { journalctl --no-pager -u logwatchd; exit 93; }
n=0
while [[ ! -e /enough ]]; do
  n=$((n + 1)); echo "INFO request $n GET /item/7 answered 200 in 3 ms"; sleep 0.01
done >>/var/log/shop/shop.log & load=$!
until_true 60 grep -q 'request 301 ' /var/log/shop/shop.log
dpkg -i /stage/new/*.deb || exit 94
echo "$(logwatchd --version) upgraded=$(systemctl is-active logwatchd) mine=$(grep -c '# mine' /etc/logwatchd.toml)"
echo "ERROR the left engine has stopped" >>/var/log/shop/shop.log
touch /enough; wait "$load"
until_true 60 said 'left engine'
systemctl stop logwatchd
echo "written=$(($(wc -l </var/log/shop/shop.log) - 300))"
journalctl --no-pager -u logwatchd -o json LOGWATCHD_EVENT=STOPPED --output-fields=LOGWATCHD_LINES |
  sed 's/.*"LOGWATCHD_LINES":"\([0-9]*\)".*/judged=\1/'
systemctl start logwatchd
dpkg --remove logwatchd && ls /etc/logwatchd.toml /var/lib/logwatchd/baseline
systemctl is-active logwatchd
dpkg --purge logwatchd; echo "purged=$?"
files >/after
diff /before /after && echo clean
getent passwd logwatchd || echo "no user"
"""


def _root(suite: str) -> Path:
    """A bare Debian, made where there is none yet."""
    if reason := why_not():
        pytest.skip(reason)
    folder = ROOTS / suite
    if not folder.is_dir():
        if not shutil.which("mmdebstrap"):
            pytest.skip("mmdebstrap is not installed (scripts/test does it as root)")
        ROOTS.mkdir(parents=True, exist_ok=True)
        new = ROOTS / f"{suite}.{os.getpid()}"
        made = subprocess.run([*_MAKE, suite, str(new)], capture_output=True, text=True, timeout=300, check=False)
        if made.returncode != 0:
            shutil.rmtree(new, ignore_errors=True)
            pytest.skip(f"Debian {suite} cannot be fetched here: {made.stderr.strip()[-200:]}")
        new.rename(folder)
    return folder


@LONG
@pytest.mark.parametrize(("suite", "release"), [("bookworm", "12"), ("trixie", "13")])
def test_it_installs_upgrades_without_losing_a_line_and_purges_clean(suite: str, release: str, tmp_path: Path) -> None:
    root, stage = _root(suite), tmp_path / "stage"
    for name, version in (("old", None), ("new", "90.1")):
        source = tmp_path / name
        copy_checkout(source, version)
        build = [str(source / "scripts" / "build-deb"), "--root", str(root), "--output", str(stage / name)]
        built = subprocess.run(build, capture_output=True, text=True, timeout=300, check=False)
        assert built.returncode == 0, built.stderr
        (package,) = (stage / name).glob("*.deb")
        assert re.fullmatch(rf"logwatchd_{version or '0[.]'}[\d.]*-1~deb{release}_[a-z0-9]+\.deb", package.name)
    (stage / "script").write_text(SCRIPT)
    command = [
        str(BED),
        "-q",
        "--root",
        str(root),
        "--ro",
        f"{stage}:/stage",
        "--chdir",
        "/",
        "--",
        "bash",
        "/stage/script",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    out = done.stdout
    assert "logwatchd 0." in out
    assert ".TH LOGWATCHD 1" in out
    assert "verify=0" in out
    assert "prefix=/opt/logwatchd" in out
    assert "compiled=1.00" in out, "the daemon's user cannot write any, and would compile at each start"
    assert "logwatchd 90.1 upgraded=active mine=1" in out
    first, second = map(int, re.findall(r"judged=(\d+)", out))
    assert f"written={first + second}\n" in out, "each line once, none lost"
    assert "/etc/logwatchd.toml\n/var/lib/logwatchd/baseline\n" in out, "removed is not purged"
    assert "purged=0" in out
    assert "\nclean\nno user\n" in out, out


# What is installed lies in /opt/logwatchd already; the package has the rest, and the scripts that this is about.
_LIGHT = r"""
set -eu
for version in 1 2; do
  tree=/root/tree$version
  mkdir -p $tree/DEBIAN $tree/usr/lib/systemd/system $tree/usr/lib/sysusers.d $tree/usr/lib/tmpfiles.d
  cp /src/packaging/debian/p* $tree/DEBIAN/
  sed -e "s/@VERSION@/$version/" -e s/@ARCHITECTURE@/all/ -e s/@SIZE@/1/ -e s/@PYTHON@/3.11/ -e s/@NEXT@/4/ \
    /src/packaging/debian/control >$tree/DEBIAN/control
  cp /src/packaging/systemd/logwatchd.service $tree/usr/lib/systemd/system/
  cp /src/packaging/sysusers.d/* $tree/usr/lib/sysusers.d/
  cp /src/packaging/tmpfiles.d/* $tree/usr/lib/tmpfiles.d/
  dpkg-deb --root-owner-group --build $tree /root/$version.deb >/dev/null
done
rm -f /etc/systemd/system/logwatchd.service /etc/sysusers.d/logwatchd.conf /etc/tmpfiles.d/logwatchd.conf
"""


def test_its_scripts_upgrade_a_running_daemon_without_losing_a_line_and_purge_clean(machine: Machine) -> None:
    ended = machine.run(
        r"""
        dpkg -i /root/1.deb && systemctl enable --now logwatchd || exit 91
        before=$(wc -l </var/log/shop/shop.log) n=0
        while [[ ! -e /enough ]]; do
          n=$((n + 1)); echo "2026-01-02T05:00:00Z INFO request $n GET /item/7 answered 200 in 3 ms"; sleep 0.01
        done >>/var/log/shop/shop.log & load=$!
        until_true 60 grep -q 'request 50 ' /var/log/shop/shop.log
        dpkg -i /root/2.deb || exit 92
        echo "upgraded=$(systemctl is-active logwatchd) version=$(dpkg-query -W -f '${Version}' logwatchd)"
        echo "2026-01-02T05:00:00Z ERROR the left engine has stopped" >>/var/log/shop/shop.log
        touch /enough; wait "$load"
        until_true 60 said 'left engine'
        systemctl stop logwatchd
        echo "written=$(($(wc -l </var/log/shop/shop.log) - before))"
        systemctl start logwatchd
        dpkg --remove logwatchd; echo "removed=$? $(systemctl is-active logwatchd)"
        ls /etc/logwatchd.toml /var/lib/private/logwatchd/baseline
        touch /etc/logwatchd.toml.old /etc/logwatchd.toml.old1 # as 'setup --force' keeps them
        dpkg --purge logwatchd; echo "purged=$?"
        ls -d /etc/logwatchd* /var/lib/logwatchd /var/lib/private/logwatchd /opt/logwatchd/* 2>/dev/null
        getent passwd logwatchd || echo "no user"
        """,
        setup=_LIGHT,
    )
    assert ended.code == 0, ended.err
    assert "upgraded=active version=2" in ended.out
    judged = sum(int(entry["LOGWATCHD_LINES"]) for entry in ended.of_unit(LOGWATCHD_EVENT="STOPPED")[:2])
    assert f"written={judged}\n" in ended.out, "each line once, none lost"
    assert "removed=0 inactive\n/etc/logwatchd.toml\n/var/lib/private/logwatchd/baseline\n" in ended.out
    assert ended.out.endswith("purged=0\nno user\n"), ended.out
