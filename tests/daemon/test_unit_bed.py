"""What the unit promises, under a real systemd: sandbox, room, secrets, and a journal that keeps every alert."""

from __future__ import annotations

import re

import pytest

from tests.daemon.bed import BOTH, Machine
from tests.helpers import LONG

pytestmark = pytest.mark.slow

START = (
    "systemctl start logwatchd || { systemctl status --no-pager logwatchd; journalctl -u logwatchd; exit 91; } >&2\n"
)
DROP_IN = r"""
drop_in() { # what stands in [Service]
  mkdir -p /etc/systemd/system/logwatchd.service.d
  { echo '[Service]'; cat; } >/etc/systemd/system/logwatchd.service.d/test.conf
  systemctl daemon-reload
}
"""


@BOTH
def test_the_sandbox_is_tight_and_the_unit_without_a_fault(machine: Machine) -> None:
    ended = machine.run(
        r"""
        systemd-analyze verify logwatchd.service 2>&1; echo "verify=$?"
        systemd-analyze security --offline=true --no-pager /etc/systemd/system/logwatchd.service | tail -n 1
        """
    )
    assert ended.code == 0, ended.err
    assert ended.out.startswith("verify=0\n"), "nothing is said of it"
    exposure = re.search(r"Overall exposure level for logwatchd.service: ([\d.]+)", ended.out)
    assert exposure, ended.out
    assert float(exposure[1]) <= 1.2


@LONG
def test_full_load_leaves_half_of_the_memory_and_tasks_free(machine: Machine) -> None:
    ended = machine.run(
        DROP_IN
        + r"""
        drop_in <<'END'
Environment=ANTHROPIC_API_KEY=sk-not-a-real-one ANTHROPIC_BASE_URL=http://127.0.0.1:9
END
        cat >>/etc/logwatchd.toml <<'END'
[[source]]
journal = true
[incidents]
group_by = "none"
group_wait_s = 0
max_alerts_per_hour = 0
[workers]
threads = 16
END
        for n in 1 2 3 4; do
          printf '[[sink]]\nname = "sink%s"\ntype = "command"\ncommand = ["/bin/cat"]\n' "$n" >>/etc/logwatchd.toml
        done
        """
        + START
        + r"""
        python3 - <<'END'
import random
words = [a + b + c for a in ("re", "un", "de", "con") for b in ("mount", "lock", "pair", "sign") for c in ("ed", "er")]
random.seed(7)
for file in range(20):
    with open(f"/var/log/shop/{file}.log", "w") as out:
        for n in range(10_000):
            print(f"2026-01-02T05:00:00Z INFO request {n} GET /item/{n % 97} answered 200 in {n % 50} ms", file=out)
            if n % 100 == 0:
                print("2026-01-02T05:00:00Z ERROR", *random.choices(words, k=6), file=out)
END
        chgrp adm /var/log/shop/*.log
        for n in $(seq 2000); do echo "<6>INFO request $n GET /item/7 answered 200 in 3 ms"; done | systemd-cat -t shop
        pid=$(show MainPID) threads=0
        judged() { grep -o '"lines": [0-9]*' /var/lib/logwatchd/status.json | grep -o '[0-9]*'; }
        end=$(($(date +%s) + 60))
        while (($(judged) < 202000 && $(date +%s) < end)); do
          now=$(ls "/proc/$pid/task" | wc -l); ((now <= threads)) || threads=$now
          sleep 0.1
        done
        echo "lines=$(judged) threads=$threads peak=$(awk '/^VmHWM/ {print $2}' "/proc/$pid/status")"
        echo "memory=$(show MemoryMax) tasks=$(show TasksMax) state=$(show ActiveState) restarts=$(show NRestarts)"
        systemctl stop logwatchd
        echo "result=$(show Result)"
        """,
        timeout_s=180,
    )
    assert ended.code == 0, ended.err
    words = dict(word.split("=") for word in ended.out.split())
    assert (words["state"], words["restarts"], words["result"]) == ("active", "0", "success")
    assert int(words["lines"]) >= 202_000
    assert int(words["peak"]) * 1024 < int(words["memory"]) / 2, ended.out
    assert int(words["threads"]) < int(words["tasks"]) / 2, ended.out


@BOTH
def test_journalds_rate_limit_never_eats_an_alert(machine: Machine) -> None:
    ended = machine.run(
        r"""
        mkdir -p /etc/systemd/journald.conf.d
        printf '[Journal]\nRateLimitIntervalSec=1h\nRateLimitBurst=10\n' >/etc/systemd/journald.conf.d/strict.conf
        systemctl restart systemd-journald
        printf '[incidents]\ngroup_by = "none"\ngroup_wait_s = 0\nmax_alerts_per_hour = 0\n' >>/etc/logwatchd.toml
        systemd-run --quiet --wait --unit=chatty bash -c 'for n in {1..5000}; do echo "chatter $n"; done'
        """
        + START
        + r"""
        python3 - >>/var/log/shop/shop.log <<'END'
consonants = "bdfgklmnprst"
for n in range(500):
    word = "".join(consonants[n // 12**k % 12] + "aeio"[n // 7 % 4] for k in range(3))
    print(f"2026-01-02T05:00:00Z ERROR the {word} has fallen off its {word[::-1]}")
END
        all_there() { (($(grep -o '"lines": [0-9]*' /var/lib/logwatchd/status.json | grep -o '[0-9]*') >= 500)); }
        until_true 120 all_there
        systemctl stop logwatchd; journalctl --sync
        journalctl -t logwatchd -o json LOGWATCHD_EVENT=STOPPED --output-fields=LOGWATCHD_ANOMALIES |
          sed 's/.*"LOGWATCHD_ANOMALIES":"\([0-9]*\)".*/anomalies=\1/'
        echo "chatter=$(journalctl -u chatty -o cat | grep -c '^chatter')"
        """
    )
    assert ended.code == 0, ended.err
    # Not by their unit: what journald reads after the daemon's end has none.
    alerts = [entry for entry in ended.journal if entry.get("LOGWATCHD_EVENT") == "ANOMALY"]
    assert len(alerts) == len({entry["LOGWATCHD_ALERT_ID"] for entry in alerts}) >= 400
    assert f"anomalies={len(alerts)}\n" in ended.out, "each is an entry of its own"
    assert int(ended.out.split("chatter=")[1]) < 5000, "the limit is in force for others"


@BOTH
def test_an_alert_while_journald_is_away_is_in_the_journal_once_it_is_back(machine: Machine) -> None:
    ended = machine.run(
        "printf '[incidents]\\ngroup_by = \"none\"\\n' >>/etc/logwatchd.toml\n"
        + START
        + r"""
        stopped=(systemd-journald.socket systemd-journald-dev-log.socket systemd-journald.service)
        systemctl stop "${stopped[@]}" 2>/dev/null
        systemctl --quiet is-active "${stopped[@]}" && exit 92
        incidents() { grep -q "\"incidents\": $1[,}]" /var/lib/logwatchd/status.json; }
        echo "2026-01-02T05:00:00Z ERROR the left engine has stopped" >>/var/log/shop/shop.log
        until_true 60 incidents 1
        echo "2026-01-02T05:00:01Z ERROR coffee machine refuses tokens" >>/var/log/shop/shop.log
        until_true 60 incidents 2
        systemctl start "${stopped[@]}"
        back() { journalctl -o cat LOGWATCHD_EVENT=ANOMALY | grep -q 'coffee machine'; }
        until_true 60 back
        systemctl stop logwatchd
        journalctl --sync
        """
    )
    assert ended.code == 0, ended.err
    alerts = [entry for entry in ended.journal if entry.get("LOGWATCHD_EVENT") == "ANOMALY"]
    assert ["left engine" in entry["LOGWATCHD_LINE"] for entry in alerts] == [True, False]
    assert len({entry["LOGWATCHD_ALERT_ID"] for entry in alerts}) == 2
    assert all(entry["MESSAGE"].startswith(f"(said at {entry['LOGWATCHD_SAID_AT'][:19]}Z, ") for entry in alerts)


@BOTH
def test_without_inotify_it_polls_and_says_so(machine: Machine) -> None:
    ended = machine.run(
        DROP_IN
        + "drop_in <<<'SystemCallFilter=~inotify_init inotify_init1'\n"
        + START
        + r"""
        echo "2026-01-02T05:00:00Z ERROR the left engine has stopped" >>/var/log/shop/shop.log
        until_true 60 said 'left engine'
        says_so() { show StatusText | grep -q '1 incident open; .*polling only'; }
        until_true 60 says_so
        echo "status=$(show StatusText)"
        """
    )
    assert ended.code == 0, ended.err
    assert re.search(r"status=ready: 1 file, \d+ lines/s; 1 incident open; without inotify, polling only\n", ended.out)
    assert len(ended.of_unit(LOGWATCHD_EVENT="POLLING_ONLY")) == 1


def test_a_secret_that_is_missing_or_cannot_be_read_is_said_in_a_line(machine: Machine) -> None:
    ended = machine.run(
        DROP_IN
        + r"""
        outcome() {
          systemctl start logwatchd
          echo "$1: start=$? code=$(show ExecMainStatus) restarts=$(show NRestarts)"
        }
        printf '[slack]\nenabled = true\n[analysis]\nenabled = true\n' >>/etc/logwatchd.toml
        outcome none
        mkdir -p /etc/logwatchd
        printf 'two\nlines\n' >/etc/logwatchd/key; echo 'https://hooks.example.com/services/x' >/etc/logwatchd/hook
        systemctl reset-failed logwatchd
        drop_in <<'END'
LoadCredential=anthropic_api_key:/etc/logwatchd/key
LoadCredential=slack_webhook_url:/etc/logwatchd/hook
END
        outcome garbled
        systemctl reset-failed logwatchd
        drop_in <<'END'
RestartSec=1h
LoadCredential=anthropic_api_key:/etc/logwatchd/not-there
END
        outcome absent
        """
    )
    assert ended.code == 0, ended.err
    assert "none: start=1 code=78 restarts=0" in ended.out
    assert "garbled: start=1 code=78 restarts=0" in ended.out
    assert "absent: start=1 code=243 restarts=0" in ended.out
    said = "\n".join(str(entry["MESSAGE"]) for entry in ended.journal if "logwatchd" in str(entry))
    for table, name in (("slack", "slack_webhook_url"), ("analysis", "anthropic_api_key")):
        assert (
            f"{table}.enabled = true: needs a secret and there is none; give it as the systemd credential '{name}'"
            in said
        )
    assert "anthropic_api_key: more than one line, or no text (it is not shown)" in said
    assert "lines\n" not in said
    assert "credentials" in said.lower(), "systemd says what it could not set up"


def test_check_config_tells_what_the_unit_cannot_read_and_the_mend_holds(machine: Machine) -> None:
    ended = machine.run(
        DROP_IN
        + r"""
        mkdir -p /home/app/logs && cp /var/log/shop/shop.log /home/app/logs/app.log && chmod o+r /home/app/logs/app.log
        mkdir -p /var/log/barred && cp /var/log/shop/shop.log /var/log/barred/own.log
        chmod -R go= /var/log/barred
        printf '[[source]]\npaths = ["/home/app/logs/*.log"]\n[[source]]\npaths = ["/var/log/barred/*.log"]\n' \
          >>/etc/logwatchd.toml
        logwatchd check-config 2>&1 | grep "daemon's" | sed 's/^/first: /'
        drop_in <<'END'
ProtectHome=tmpfs
BindReadOnlyPaths=/home/app/logs
END
        chgrp -R logwatchd /var/log/barred && chmod -R g=rX /var/log/barred
        logwatchd check-config 2>&1 | grep "daemon's" | sed 's/^/second: /'
        """
        + START
        + r"""
        tell() { # a line, into a file
          echo "2026-01-02T05:00:00Z FATAL $1" >>"$2"
          until_true 60 said "$1"
          echo "told of ${2##*/}"
        }
        tell 'the heart of the disk is broken' /home/app/logs/app.log
        tell 'a shadow fell upon the orchard' /var/log/barred/own.log
        """
    )
    assert ended.code == 0, ended.out + ended.err
    assert "first: warning: /home/app/logs/app.log: the daemon's unit does not see it (ProtectHome=yes); " in ended.out
    assert "ProtectHome=tmpfs and BindReadOnlyPaths=/home/app/logs\n" in ended.out
    assert "first: warning: /var/log/barred/own.log: the daemon's user may not read it; allow it with " in ended.out
    assert ended.out.count("first: ") == 2
    assert "second: " not in ended.out
    assert ended.out.endswith("told of app.log\ntold of own.log\n")
