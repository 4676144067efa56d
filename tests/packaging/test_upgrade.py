"""scripts/install from one version to another, under a daemon at work: no line is lost, and a failed one is undone."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.daemon.bed import Machine
from tests.helpers import LONG

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that an installation fetches: there is no registry inside."""
    folder = tmp_path_factory.mktemp("wheels")
    source = tmp_path_factory.mktemp("source")
    command = ["cp", "-R", *(str(ROOT / name) for name in ("pyproject.toml", "README.md", "LICENSE", "logwatchd"))]
    subprocess.run([*command, str(source)], check=True)
    fetch = [sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(folder), str(source), "setuptools>=77"]
    done = subprocess.run(fetch, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        pytest.skip(f"the packages cannot be fetched here: {done.stderr.strip()[-200:]}")
    return folder


SCRIPT = r"""
export PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels
version() { # FROM TO NUMBER
  cp -R "$1" "$2"
  sed -i "s/^version = .*/version = \"$3\"/" "$2/pyproject.toml"
  sed -i "s/^__version__ = .*/__version__ = \"$3\"/" "$2/logwatchd/__init__.py"
}
version /src /newer 90.1
sed -i 's/^Description=.*/Description=The newer one/' /newer/packaging/systemd/logwatchd.service
version /src /broken 90.2
sed -i 's/^Description=.*/Description=The broken one/' /broken/packaging/systemd/logwatchd.service
sed -i 's/^from __future__.*/&\nraise SystemError("it is broken")/' /broken/logwatchd/daemon.py
version /src /worse 90.3
echo 'nonsense(' >>/worse/logwatchd/cli.py
echo '# mine' >>/etc/logwatchd.toml
systemctl start logwatchd || { journalctl --no-pager -u logwatchd >&2; exit 91; }
load() {
  local n=0
  while [[ ! -e /enough ]]; do
    n=$((n + 1)); echo "2026-01-02T05:00:00Z INFO request $n GET /item/7 answered 200 in 3 ms"; sleep 0.01
  done >>/var/log/shop/shop.log
}
before=$(wc -l </var/log/shop/shop.log)
load & load=$!
tell() { echo "$1: code=$? $(logwatchd --version) $(show ActiveState) $(show Description) pid=$(show MainPID)"; }

/newer/scripts/install --upgrade; tell upgraded
/newer/scripts/install; tell again
/broken/scripts/install --upgrade; tell broken
/worse/scripts/install --upgrade; tell worse
PIP_FIND_LINKS=/nowhere /newer/scripts/install --upgrade; tell nowhere
ls -A /opt/logwatchd | tr '\n' ' '; echo
echo "2026-01-02T05:00:00Z ERROR the left engine has stopped" >>/var/log/shop/shop.log
touch /enough; wait "$load"
until_true 60 said 'left engine'
systemctl stop logwatchd
echo "written=$(($(wc -l </var/log/shop/shop.log) - before)) mine=$(grep -c '# mine' /etc/logwatchd.toml)"
"""


@LONG
def test_an_upgrade_loses_no_line_and_one_that_fails_is_undone(machine: Machine, wheels: Path) -> None:
    ended = machine.run(SCRIPT, bind={wheels: "/wheels"}, timeout_s=400)
    assert ended.code == 0, ended.err
    told = dict(re.findall(r"^(\w+): (code=.*)$", ended.out, re.MULTILINE))
    newer = "code=0 logwatchd 90.1 active The newer one pid="
    assert told["upgraded"].startswith(newer)
    assert told["again"] == told["upgraded"], "nothing to do, and nothing was done"
    back = "code=1 logwatchd 90.1 active The newer one pid="
    assert told["broken"].startswith(back), "it does not start, so the other one was put back"
    assert "SystemError: it is broken" in ended.err
    assert "the old version was put back\ninstall: the daemon runs again" in ended.err
    assert told["worse"] == told["broken"], "nothing was changed"
    assert told["nowhere"] == told["broken"], "nothing was changed"
    assert ended.err.count("nothing was changed") == 2
    assert " .new" not in ended.out
    assert " .old" not in ended.out
    judged = sum(int(entry["LOGWATCHD_LINES"]) for entry in ended.of_unit(LOGWATCHD_EVENT="STOPPED"))
    assert f"written={judged} mine=1\n" in ended.out, "each line once, none lost"
    (alert,) = ended.of_unit(LOGWATCHD_EVENT="ANOMALY")
    assert "left engine" in alert["MESSAGE"]


def test_one_that_cannot_fetch_what_it_needs_leaves_the_daemon_as_it_was(machine: Machine) -> None:
    ended = machine.run(
        r"""
        systemctl start logwatchd || { journalctl --no-pager -u logwatchd >&2; exit 91; }
        pid=$(show MainPID)
        PIP_NO_INDEX=1 PIP_FIND_LINKS=/nowhere /src/scripts/install --upgrade
        echo "failed=$? same=$([[ $(show MainPID) == "$pid" ]] && echo yes) $(logwatchd --version)"
        ls -A /opt/logwatchd | tr '\n' ' '
        """
    )
    assert ended.code == 0, ended.err
    assert "failed=1 same=yes logwatchd 0." in ended.out
    assert "nothing was changed" in ended.err
    assert ".new" not in ended.out
