"""The journal as a source, under a real journald: exactly once, after kill -9 at least once, and never itself."""

from __future__ import annotations

import pytest

from tests.daemon.bed import Machine

pytestmark = pytest.mark.slow

# tail in a shell, so that what it delivers can be counted; `located` once it knows from where on it reads.
TAIL = r"""
printf 'state_dir = "/var/lib/tail"\n[[source]]\njournal = true\n%s\n' "${FILTERS:-}" >/etc/tail.toml
tail_on() {
  /opt/logwatchd/bin/logwatchd tail --config /etc/tail.toml --output /out 2>>/err & pid=$!
  until_true 60 located
}
located() { test -s /var/lib/tail/journal.json; }
tail_off() { kill "$pid"; wait "$pid"; }
holds() { (($(grep -acF -- "$1" /out) >= $2)); }
say() { logger --tag app -- "$@"; }
"""

JOURNAL = r"""
cat >/etc/logwatchd.toml <<'END'
[[source]]
journal = true
identifiers = ["app", "logwatchd"]
END
"""


def test_entries_come_once_whatever_is_in_them_and_none_is_lost_over_a_stop(machine: Machine) -> None:
    ended = machine.run(
        TAIL
        + r"""
        say "before the first start"; journalctl --sync
        tail_on
        for i in $(seq 200); do echo "number $i of the first run"; done | logger --tag app
        until_true 60 holds 'of the first run' 200
        tail_off; echo "code=$?"
        for i in $(seq 100); do echo "number $i while down"; done | logger --tag app
        tail_on
        until_true 60 holds 'while down' 100
        logger --tag app --priority user.err "an error"
        python3 - <<'END'
import socket, struct
def field(name, value):
    return name + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"
to = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for message in (b"\x1b[31mred\x1b[0m and \xff", b"first of two\nsecond of two", b"long " + b"x" * 60_000, b"the end"):
    to.sendto(field(b"MESSAGE", message) + b"SYSLOG_IDENTIFIER=app\n", "/run/systemd/journal/socket")
END
        until_true 60 holds 'the end' 1
        tail_off; echo "code=$?"
        echo "before=$(grep -ac 'before the first' /out) first=$(grep -ac 'of the first run' /out)"
        echo "down=$(grep -ac 'while down' /out)"
        echo "distinct=$(grep -ao 'number.*' /out | sort -u | wc -l)"
        grep -a -A1 -e 'an error' -e 'first of two' /out | grep -av 'red'
        echo "binary=$(LC_ALL=C grep -ac 'red.* and' /out)"
        echo "long=$(awk '/long x/ && length > 60000' /out | wc -l)"
        cat /err
        """
    )
    assert ended.code == 0, ended.err
    assert "before=0 first=200\ndown=100" in ended.out
    assert "distinct=300" in ended.out
    assert "<err> an error" in ended.out
    assert "first of two\nsecond of two" in ended.out
    assert "binary=1" in ended.out
    assert "long=1" in ended.out
    assert ended.out.count("code=0") == 2


def test_after_kill_9_nothing_is_lost_and_no_journalctl_stays(machine: Machine) -> None:
    ended = machine.run(
        TAIL
        + r"""
        tail_on
        (for i in $(seq 3000); do echo "number $i."; done) | logger --tag app &
        load=$!
        for round in 1 2 3 4; do
          until_true 60 holds number $((round * 500))
          kill -KILL "$pid"; wait "$pid"
          tail_on
        done
        wait "$load"
        say "the last one"
        until_true 60 holds 'the last one' 1
        tail_off
        echo "distinct=$(grep -o 'number [0-9]*\.' /out | sort -u | wc -l) all=$(grep -c number /out)"
        gone() { ! pgrep journalctl; }
        say "what a reader without a reader meets"
        until_true 60 gone
        cat /err
        """
    )
    assert ended.code == 0, ended.err
    assert "distinct=3000" in ended.out
    assert int(ended.out.split("all=")[1].split()[0]) < 3000 + 4 * 2000


def test_filters_leave_a_part_and_a_journalctl_that_dies_is_begun_anew(machine: Machine) -> None:
    ended = machine.run(
        """FILTERS='identifiers = ["app"]\npriority = "warning"'"""
        + TAIL
        + r"""
        tail_on
        logger --tag app --priority user.info "too quiet"
        logger --tag other --priority user.err "of another"
        logger --tag app --priority user.warning "just right"
        until_true 60 holds 'just right' 1
        pkill journalctl
        logger --tag app --priority user.err "after its death"
        until_true 60 holds 'after its death' 1
        tail_off
        cat /out /err
        """
    )
    assert ended.code == 0, ended.err
    assert "too quiet" not in ended.out
    assert "of another" not in ended.out
    assert ended.out.count("just right") == 1
    assert ended.out.count("the journal cannot be read; it is tried again until it can: ") == 1
    assert "the journal can be read again" in ended.out


def test_the_unit_alerts_from_the_journal_and_never_answers_itself(machine: Machine) -> None:
    ended = machine.run(
        JOURNAL
        + r"""
        logger --tag app "INFO request 17 answered 200 in 3 ms"
        systemctl start logwatchd || { journalctl -u logwatchd; exit 91; } >&2
        echo "status=$(show StatusText)"
        logger --tag app "CRITICAL the vault door is open"
        until_true 60 said 'the vault door is open'
        # As another logwatchd, or a person who shows its words, would write it.
        logger --tag logwatchd "new incident: CRITICAL the reactor is on fire"
        logger --tag app "CRITICAL a second thing that never was"
        systemctl stop logwatchd
        logger --tag app "CRITICAL turbine number nine fell off while nobody looked"
        systemctl start logwatchd
        until_true 60 said 'turbine number nine'
        kill -KILL "$(show MainPID)"
        logger --tag app "CRITICAL gearbox oil is all over the yard"
        until_true 60 said 'gearbox oil'
        systemctl stop logwatchd
        """
    )
    assert ended.code == 0, ended.err
    assert "1 stream" in ended.out
    alerts = [entry["LOGWATCHD_LINE"] for entry in ended.of_unit() if entry.get("LOGWATCHD_LINE")]
    assert not any("reactor" in line for line in alerts)
    assert not any("logwatchd[" in line for line in alerts)
    said = [entry["MESSAGE"] for entry in ended.of_unit()]
    for words in ("vault door", "turbine number nine", "gearbox oil"):
        assert sum(words in text for text in said if "new incident" in text or "joined" in text) <= 2, said
    assert len(said) < 60, said
    assert not any("cannot be read" in text for text in said)


def test_the_status_tells_of_a_journal_that_cannot_be_read(machine: Machine) -> None:
    ended = machine.run(
        JOURNAL
        + r"""
        status_has() { [[ $(show StatusText) == *"; 1 journal or pipe cannot be read"* ]]; }
        status_has_not() { ! status_has; }
        for folder in /run/log/journal /var/log/journal; do [[ ! -d $folder ]] || chmod 0700 $folder; done
        systemctl start logwatchd
        until_true 60 status_has
        for folder in /run/log/journal /var/log/journal; do [[ ! -d $folder ]] || chmod 2755 $folder; done
        until_true 60 status_has_not
        systemctl stop logwatchd
        """
    )
    assert ended.code == 0, ended.err


def test_a_baseline_is_learned_from_the_journal_and_the_configuration_is_counted(machine: Machine) -> None:
    ended = machine.run(
        JOURNAL
        + r"""
        for i in $(seq 300); do echo "INFO request $i answered 200 in $((i % 50)) ms"; done | logger --tag app
        logger --tag logwatchd "its own words are not learned"
        journalctl --sync
        /opt/logwatchd/bin/logwatchd baseline build --config /etc/logwatchd.toml --output /var/lib/logwatchd/baseline
        echo "build=$?"
        /opt/logwatchd/bin/logwatchd baseline show --json /var/lib/logwatchd/baseline
        /opt/logwatchd/bin/logwatchd check-config
        """
    )
    assert ended.code == 0, ended.err
    assert "build=0" in ended.out
    assert '"lines": 300' in ended.out
    assert '"journal"' in ended.out
    assert "1 source with the journal now" in ended.out
