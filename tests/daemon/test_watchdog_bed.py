"""How long systemd waits for the daemon: a hang ends in a restart, and what takes long for a reason is waited for."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from logwatchd.scoring import baseline
from tests.daemon.bed import BOTH, Machine, normal_lines

pytestmark = pytest.mark.slow

START = (
    "systemctl start logwatchd || { systemctl status --no-pager logwatchd; journalctl -u logwatchd; exit 91; } >&2\n"
)

# Makes a stage of the daemon stop where it is once /run/hang/NAME is there, as a system call that never returns would.
_HANG = r"""
mkdir -p /run/hang /etc/systemd/system/logwatchd.service.d /srv/hang
cat >/srv/hang/sitecustomize.py <<'END'
import os, sys, threading
if sys.argv[-3:-2] == ["run"]:
    import logwatchd.stage as stage
    begin = stage.StageThread.__init__
    def init(self, work, on_crash, max_turn_s=0.0):
        begin(self, work, on_crash, max_turn_s / 10)
        run_once = work.run_once
        def hanging(now):
            if os.path.exists("/run/hang/" + work.name.rstrip("-0123456789 ")):
                threading.Event().wait()
            return run_once(now)
        work.run_once = hanging
    stage.StageThread.__init__ = init
END
cat >/etc/systemd/system/logwatchd.service.d/hang.conf <<'END'
[Unit]
StartLimitIntervalSec=0
[Service]
Environment=PYTHONPATH=/srv/hang
Environment=ANTHROPIC_API_KEY=sk-not-a-real-one
Environment=ANTHROPIC_BASE_URL=http://127.0.0.1:9
WatchdogSec=1s
RestartSec=50ms
END
systemctl daemon-reload
"""

_STAGES = ("tail", "score", "embed", "incidents", "courier", "analyst")


def test_a_stage_that_hangs_has_the_daemon_restarted(machine: Machine) -> None:
    ended = machine.run(
        _HANG
        + START
        + f"stages='{' '.join(_STAGES)}'\n"
        + r"""
        came_back() { state active/running && [[ $(show NRestarts) == "$n" ]]; }
        n=0
        for stage in $stages; do
          n=$((n + 1))
          touch "/run/hang/$stage"
          echo "2026-01-02T05:00:00Z ERROR the $stage and its $n cousins are gone" >>"/var/log/shop/$stage.log"
          chgrp adm "/var/log/shop/$stage.log"
          until_true 60 eval '[[ $(show NRestarts) == $n ]]'
          rm "/run/hang/$stage"
          until_true 60 came_back
          echo "$stage: restarts=$(show NRestarts)"
        done
        # The main thread, which gives the signs of life.
        n=$((n + 1))
        kill -STOP "$(show MainPID)"
        until_true 60 came_back
        echo "main: restarts=$(show NRestarts)"
        echo "2026-01-02T05:00:00Z ERROR after all that" >>/var/log/shop/shop.log
        until_true 60 said 'after all that'
        systemctl stop logwatchd
        """
    )
    assert ended.code == 0, ended.err
    told = " ".join(entry["MESSAGE"] for entry in ended.of_unit())
    hung = [entry["LOGWATCHD_STAGE"].rstrip("-0123456789") for entry in ended.of_unit(LOGWATCHD_EVENT="STAGE_HANGS")]
    assert list(dict.fromkeys(hung)) == list(_STAGES)
    for number, stage in enumerate(_STAGES, start=1):
        assert f"{stage}: restarts={number}" in ended.out
        assert f"the {stage} and its" in told, "no line is lost by that"
    assert f"main: restarts={len(_STAGES) + 1}" in ended.out


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baseline of two and a half million patterns, which takes some five seconds to load."""
    folder = tmp_path_factory.mktemp("large")
    (folder / "shop.log").write_text(normal_lines(2000))
    build = ["baseline", "build", "--output", str(folder / "baseline"), str(folder / "shop.log")]
    subprocess.run([sys.executable, "-m", "logwatchd", *build], capture_output=True, timeout=60, check=True)
    small = baseline.load(folder / "baseline")
    patterns = small.patterns | {f"INFO part {n} of a system that has much to say": 1 for n in range(2_500_000)}
    levels = small.levels + small.levels[:1] * (len(patterns) - len(small.patterns))
    manifest = dataclasses.replace(small.manifest, patterns=len(patterns))
    made = dataclasses.replace(small, manifest=manifest, patterns=patterns, levels=levels)
    baseline.save(made, folder / "baseline")
    return folder / "baseline"


def test_a_large_baseline_has_the_start_and_a_reload_waited_for(machine: Machine, large: Path) -> None:
    ended = machine.run(
        r"""
        mkdir -p /etc/systemd/system/logwatchd.service.d
        printf '[Service]\nTimeoutStartSec=3s\nMemoryMax=4G\n' >/etc/systemd/system/logwatchd.service.d/hurry.conf
        systemctl daemon-reload
        cp /large/baseline /var/lib/logwatchd/baseline
        began=$(date +%s%N)
        """
        + START
        + r"""
        echo "start=$((($(date +%s%N) - began) / 1000000)) restarts=$(show NRestarts)"
        began=$(date +%s%N)
        systemctl reload logwatchd; code=$?
        echo "reload=$((($(date +%s%N) - began) / 1000000)) code=$code state=$(show ActiveState)"
        systemctl stop logwatchd
        """,
        bind={large.parent: "/large"},
    )
    assert ended.code == 0, ended.err
    words = dict(word.split("=") for word in ended.out.split())
    assert (words["restarts"], words["code"], words["state"]) == ("0", "0", "active")
    assert int(words["start"]) > 3000, "longer than TimeoutStartSec="
    assert int(words["reload"]) > 3000, "longer than TimeoutStartSec="


@BOTH
def test_an_outbox_that_drains_has_the_stop_waited_for(machine: Machine) -> None:
    ended = machine.run(
        r"""
        mkdir -p /etc/systemd/system/logwatchd.service.d
        printf '[Service]\nTimeoutStopSec=2s\n' >/etc/systemd/system/logwatchd.service.d/hurry.conf
        systemctl daemon-reload
        cat >>/etc/logwatchd.toml <<'END'
[incidents]
group_wait_s = 0
[[sink]]
name = "slow"
type = "command"
command = ["/bin/sh", "-c", "touch $STATE_DIRECTORY/begun; sleep 5; cat >$STATE_DIRECTORY/told"]
END
        """
        + START
        + r"""
        echo "2026-01-02T05:00:00Z ERROR the left engine has stopped" >>/var/log/shop/shop.log
        until_true 60 test -e /var/lib/logwatchd/begun
        began=$(date +%s%N)
        systemctl stop logwatchd
        echo "stop=$((($(date +%s%N) - began) / 1000000)) result=$(show Result) code=$(show ExecMainStatus)"
        grep -o 'left engine has stopped' /var/lib/logwatchd/told | head -n 1
        """
    )
    assert ended.code == 0, ended.err
    assert int(ended.out.split("stop=")[1].split()[0]) > 2000, "longer than TimeoutStopSec="
    assert "result=success code=0\nleft engine has stopped\n" in ended.out
