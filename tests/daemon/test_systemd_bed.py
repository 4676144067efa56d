"""The installed unit under a real systemd: start, alert, reload, stop, refusal."""

from __future__ import annotations

import json

import pytest

from tests.daemon.bed import BOTH, Machine

pytestmark = pytest.mark.slow

START = (
    "systemctl start logwatchd || { systemctl status --no-pager logwatchd; journalctl -u logwatchd; exit 91; } >&2\n"
)


@BOTH
def test_it_starts_alerts_and_stops(machine: Machine) -> None:
    ended = machine.run(
        START
        + r"""
        echo "state=$(show ActiveState)/$(show SubState) status=$(show StatusText) user=$(show User)"
        echo "2026-01-02T05:00:00Z ERROR payment gateway refused: certificate has expired" >>/var/log/shop/shop.log
        until_true 60 said 'certificate has expired'
        id=$(journalctl -u logwatchd -o json LOGWATCHD_EVENT=ANOMALY | python3 -c 'import json, sys
print(json.loads(sys.stdin.readline())["LOGWATCHD_ALERT_ID"])')
        echo "by-id=$(journalctl "LOGWATCHD_ALERT_ID=$id" -o cat --output-fields=LOGWATCHD_FINGERPRINT -n 1)"
        journalctl "LOGWATCHD_ALERT_ID=$id" -x --no-pager | grep Subject:
        echo "built=$(/opt/logwatchd/bin/logwatchd baseline show --json /var/lib/logwatchd/baseline |
          python3 -c 'import json, sys; print(json.load(sys.stdin)["built_at"])')"
        systemctl stop logwatchd
        echo "result=$(show Result) code=$(show ExecMainStatus) state=$(show ActiveState)"
        """
    )
    assert ended.code == 0, ended.err
    assert "state=active/running status=ready: 1 file," in ended.out
    assert "result=success code=0 state=inactive" in ended.out
    (alert,) = ended.of_unit(LOGWATCHD_EVENT="ANOMALY")
    assert alert["SYSLOG_IDENTIFIER"] == "logwatchd"
    assert alert["PRIORITY"] in {"3", "4"}
    assert len(alert["MESSAGE_ID"]) == 32
    assert alert["LOGWATCHD_SERVICE"] == "shop"
    assert alert["LOGWATCHD_PATH"] == "/var/log/shop/shop.log"
    assert float(alert["LOGWATCHD_SCORE"]) > float(alert["LOGWATCHD_THRESHOLD"])
    assert "certificate has expired" in alert["MESSAGE"]
    assert alert["LOGWATCHD_SOURCE"] == "/var/log/shop/shop.log"
    assert alert["LOGWATCHD_CENTROID"].isdecimal()
    assert alert["LOGWATCHD_BASELINE"] == ended.out.split("built=")[1].split()[0]
    assert f"by-id={alert['LOGWATCHD_FINGERPRINT']}" in ended.out, "LOGWATCHD_ALERT_ID= serves as a query"
    assert "Subject: New incident" in ended.out
    assert [entry["LOGWATCHD_EVENT"] for entry in ended.of_unit() if entry.get("LOGWATCHD_PART") == "daemon"] == [
        "STARTING",
        "READY",
        "STOPPING",
        "STOPPED",
    ]


def test_it_is_ready_only_when_the_files_are_followed(machine: Machine) -> None:
    ended = machine.run(
        START
        + r"""
        # No wait: what is written after 'systemctl start' returned must be seen, and judged by the baseline.
        echo "2026-01-02T05:00:00Z ERROR disk quota exceeded on volume seven" >>/var/log/shop/shop.log
        until_true 60 said 'disk quota exceeded'
        """
    )
    assert ended.code == 0, ended.err
    events = [entry.get("LOGWATCHD_EVENT") for entry in ended.of_unit()]
    assert events.index("READY") < events.index("ANOMALY")


@BOTH
def test_a_reload_waits_for_its_outcome(machine: Machine) -> None:
    ended = machine.run(
        START
        + r"""
        pid=$(show MainPID)
        mkdir /var/log/second && chgrp adm /var/log/second && chmod 0750 /var/log/second
        printf '[[source]]\npaths = ["/var/log/second/*.log"]\nservice = "second"\n' >>/etc/logwatchd.toml
        systemctl reload logwatchd; echo "first=$?"
        echo "ERROR tape robot jammed in bay nine" >/var/log/second/new.log
        chgrp adm /var/log/second/new.log && chmod 0640 /var/log/second/new.log
        until_true 60 said 'tape robot jammed'

        echo 'colour = "red' >>/etc/logwatchd.toml
        systemctl reload logwatchd; echo "second=$?"
        echo "status=$(show StatusText)"
        echo "2026-01-02T05:00:00Z ERROR the vault door is open" >>/var/log/shop/shop.log
        until_true 60 said 'vault door'

        cp /stage/logwatchd.toml /etc/logwatchd.toml
        rm /var/lib/logwatchd/baseline
        systemctl reload logwatchd; echo "third=$?"
        /opt/logwatchd/bin/logwatchd reload; echo "by-hand=$?"
        echo "same=$([[ $(show MainPID) == "$pid" ]] && echo yes) state=$(show ActiveState) restarts=$(show NRestarts)"
        """
    )
    assert ended.code == 0, ended.err
    assert "first=0" in ended.out
    assert "second=1" in ended.out
    assert "last reload refused: /etc/logwatchd.toml: not valid TOML" in ended.out
    assert "third=1" in ended.out
    assert "by-hand=78" in ended.out
    assert "same=yes state=active restarts=0" in ended.out
    refused = ended.of_unit(LOGWATCHD_EVENT="RELOAD_REFUSED")
    assert ["not valid TOML" in entry["LOGWATCHD_REASON"] for entry in refused] == [True, False, False]
    assert "no baseline there" in refused[1]["LOGWATCHD_REASON"]
    assert any("not valid TOML" in entry["MESSAGE"] for entry in ended.of_unit() if "LOGWATCHD_EVENT" not in entry)


@BOTH
def test_it_stops_within_its_time_under_load_and_goes_on_where_it_was(machine: Machine) -> None:
    ended = machine.run(
        START
        + r"""
        line="2026-01-02T05:00:00Z INFO request"
        shop() { for i in $(seq 200000); do echo "$line $i GET /item/7 answered 200 in 3 ms"; done; }
        shop >>/var/log/shop/shop.log & load=$!
        until_true 60 grep -q 'request 20000 ' /var/log/shop/shop.log
        began=$(date +%s)
        systemctl stop logwatchd
        echo "result=$(show Result) took=$(($(date +%s) - began))"
        wait "$load"
        echo "2026-01-02T05:00:00Z ERROR written while nobody looked" >>/var/log/shop/shop.log
        systemctl start logwatchd
        until_true 60 said 'written while nobody looked'
        systemctl stop logwatchd
        """
    )
    assert ended.code == 0, ended.err
    assert "result=success" in ended.out
    took_s = int(ended.out.split("took=")[1].split()[0])
    assert took_s < 45  # TimeoutStopSec=, after which systemd kills
    stopped = ended.of_unit(LOGWATCHD_EVENT="STOPPED")
    first, second = (int(entry["LOGWATCHD_LINES"]) for entry in stopped)
    assert first + second == 200_001, "each line once, none lost"


@pytest.mark.parametrize(
    ("setup", "reason"),
    [
        ("echo 'nonsense = 1' >>/etc/logwatchd.toml", "source[1].nonsense: unknown key"),
        ("sed -i '1i nonsense = 1' /etc/logwatchd.toml", ": nonsense: unknown key; known keys here: state_dir"),
        (
            "rm /var/lib/logwatchd/baseline; printf '[baseline]\\nwarmup = \"off\"\\n' >>/etc/logwatchd.toml",
            "no baseline there; learn one with",
        ),
        (
            "mv /var/lib/logwatchd/baseline /root; "
            "printf '[baseline]\\npath = \"/root/baseline\"\\n' >>/etc/logwatchd.toml",
            "baseline.path = /root/baseline: the baseline cannot be read: Permission denied; let this user read it",
        ),
        (
            'printf \'[embedder]\\nprovider = "onnx"\\nfolder = "/root/model"\\n\' >>/etc/logwatchd.toml',
            "embedder.folder = '/root/model': model.onnx cannot be read: Permission denied; let this user read it",
        ),
    ],
)
def test_a_configuration_that_is_refused_is_not_tried_again(setup: str, reason: str, machine: Machine) -> None:
    ended = machine.run(
        r"""
        systemctl start logwatchd; echo "start=$?"
        until_true 60 state failed/failed
        echo "code=$(show ExecMainStatus) restarts=$(show NRestarts) result=$(show Result)"
        systemctl is-failed logwatchd
        """,
        setup=setup,
    )
    assert ended.code == 0, ended.err
    assert "start=1" in ended.out
    assert "code=78 restarts=0 result=exit-code" in ended.out
    assert any(reason in entry["MESSAGE"] for entry in ended.of_unit())


def test_setup_on_a_fresh_machine_and_then_it_watches(machine: Machine) -> None:
    ended = machine.run(
        r"""
        logwatchd setup --yes && logwatchd check-config || exit 92
        systemctl enable --now logwatchd || { journalctl -u logwatchd >&2; exit 91; }
        echo "status=$(show StatusText)"
        echo "2026-01-02T05:00:00Z ERROR the left engine has stopped" >>/var/log/shop/shop.log
        until_true 60 said 'left engine'
        """,
        setup="cp /src/logwatchd/reference.toml /etc/logwatchd.toml; rm /var/lib/logwatchd/baseline\n",
    )
    assert ended.code == 0, ended.err
    assert "wrote /etc/logwatchd.toml" in ended.out
    assert "wrote /var/lib/logwatchd/baseline: " in ended.out
    assert "/var/log/shop/*.log" in ended.out
    assert "status=ready: " in ended.out
    assert [entry["LOGWATCHD_SERVICE"] for entry in ended.of_unit(LOGWATCHD_EVENT="ANOMALY")] == ["shop"]


def test_a_fresh_install_without_a_baseline_learns_and_then_watches(machine: Machine) -> None:
    ended = machine.run(
        START
        + r"""
        echo "status=$(show StatusText)"
        for n in 1 2 3 4 5 6 7 8 9; do
          echo "2026-01-02T05:00:00Z INFO request $n GET /item/7 answered 200 in 3 ms" >>/var/log/shop/shop.log
        done
        until_true 60 said 'learned what is normal'
        echo "2026-01-02T05:00:00Z ERROR the left engine has stopped" >>/var/log/shop/shop.log
        until_true 60 said 'left engine'
        echo "restarts=$(show NRestarts)"
        """,
        setup="rm /var/lib/logwatchd/baseline; printf '[baseline]\\nwarmup = \"2s\"\\n' >>/etc/logwatchd.toml\n",
    )
    assert ended.code == 0, ended.err
    assert "status=learning: 1 file" in ended.out
    assert "restarts=0" in ended.out


@BOTH
def test_a_daemon_that_is_killed_comes_back(machine: Machine) -> None:
    ended = machine.run(
        START
        + r"""
        pid=$(show MainPID)
        kill -KILL "$pid"
        came_back() { state active/running && [[ $(show MainPID) != "$pid" && $(show NRestarts) == 1 ]]; }
        until_true 60 came_back
        echo "2026-01-02T05:00:00Z ERROR after the fall" >>/var/log/shop/shop.log
        until_true 60 said 'after the fall'
        """
    )
    assert ended.code == 0, ended.err


def test_secrets_come_as_credentials(machine: Machine) -> None:
    ended = machine.run(
        r"""
        mkdir -p /etc/systemd/system/logwatchd.service.d /etc/logwatchd
        printf 'https://hooks.example.com/services/not-a-real-one\n' >/etc/logwatchd/slack_webhook_url
        chmod 0600 /etc/logwatchd/slack_webhook_url
        printf '[Service]\nLoadCredential=slack_webhook_url:/etc/logwatchd/slack_webhook_url\n' \
          >/etc/systemd/system/logwatchd.service.d/secrets.conf
        printf '[slack]\nenabled = true\n' >>/etc/logwatchd.toml
        """
        + START
        + "echo up"
    )
    assert ended.code == 0, ended.err
    assert "up" in ended.out
    assert not any("not-a-real-one" in str(entry.get("MESSAGE")) for entry in ended.of_unit())


@BOTH
def test_secrets_may_be_encrypted(machine: Machine) -> None:
    ended = machine.run(
        r"""
        mkdir -p /etc/systemd/system/logwatchd.service.d
        systemd-creds setup >/dev/null 2>&1
        printf 'https://hooks.example.com/services/not-a-real-one' |
          systemd-creds encrypt --with-key=host --name=slack_webhook_url - /etc/logwatchd/hook.cred || exit 93
        credential=slack_webhook_url:/etc/logwatchd/hook.cred
        printf '[Service]\nLoadCredentialEncrypted=%s\n' "$credential" \
          >/etc/systemd/system/logwatchd.service.d/secrets.conf
        printf '[slack]\nenabled = true\n' >>/etc/logwatchd.toml
        systemctl daemon-reload
        systemctl start logwatchd; echo "state=$(show ActiveState)"
        """
    )
    assert ended.code == 0, ended.err
    assert "state=active" in ended.out


@pytest.mark.parametrize("machine", ["bpo"], indirect=True)
def test_with_systemd_253_and_newer_it_reloads_without_a_command(machine: Machine) -> None:
    ended = machine.run(
        r"""
        install -D -m 644 /usr/local/share/doc/logwatchd/notify-reload.conf \
          /etc/systemd/system/logwatchd.service.d/notify-reload.conf
        systemctl daemon-reload
        """
        + START
        + r"""
        echo "type=$(show Type) reload=$(show ExecReload)"
        printf '[[source]]\npaths = ["/var/log/second/*.log"]\n' >>/etc/logwatchd.toml
        mkdir -m 755 /var/log/second
        systemctl reload logwatchd; echo "first=$?"
        echo "ERROR tape robot jammed in bay nine" >/var/log/second/new.log; chmod 644 /var/log/second/new.log
        until_true 60 said 'tape robot jammed'
        echo 'colour = "red' >>/etc/logwatchd.toml
        systemctl reload logwatchd
        echo "state=$(show ActiveState) status=$(show StatusText)"
        """
    )
    assert ended.code == 0, ended.err
    assert "type=notify-reload reload=\n" in ended.out
    assert "first=0" in ended.out
    assert "state=active status=ready: 2 files" in ended.out
    assert "last reload refused: /etc/logwatchd.toml: not valid TOML" in ended.out


@BOTH
def test_journald_keeps_tracebacks_and_large_entries_whole(machine: Machine) -> None:
    code = r"""
from logwatchd import journal
journal.configure()
log = journal.logger("test")
try:
    raise ValueError("several\nlines")
except ValueError:
    log.exception("it broke")
log.error("large", line="x" * 300_000 + "\n" + "y" * 300_000)
"""
    ended = machine.run(
        f"cat >/etc/say.py <<'END'\n{code}\nEND\n"
        + r"""
        # The unit's own sandbox, with another command.
        sed -e 's|^ExecStart=.*|ExecStart=/opt/logwatchd/bin/python3 /etc/say.py|' -e 's|^Type=.*|Type=oneshot|' \
          /etc/systemd/system/logwatchd.service >/etc/systemd/system/say.service
        systemctl daemon-reload
        systemctl start say || { journalctl -u say >&2; exit 91; }
        until_true 60 journalctl -u say --grep large
        journalctl -u say -o json --all LOGWATCHD_PART=test
        """
    )
    assert ended.code == 0, ended.err
    broke, large = (json.loads(line) for line in ended.out.splitlines())
    assert broke["MESSAGE"].startswith("it broke\nTraceback (most recent call last):\n")
    assert broke["MESSAGE"].endswith("\nValueError: several\nlines")
    assert (broke["PRIORITY"], broke["_TRANSPORT"], broke["_SYSTEMD_UNIT"]) == ("3", "journal", "say.service")
    assert large["LOGWATCHD_LINE"] == "x" * 300_000 + "\n" + "y" * 300_000
