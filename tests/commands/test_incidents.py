"""`logwatchd incidents` as an operator runs it, on what a desk has really stored."""

from __future__ import annotations

import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
import tomllib
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from logwatchd.alerting import archive
from logwatchd.alerting.desk import AlertDesk, Policy
from logwatchd.alerting.notify import Timers
from logwatchd.alerting.outbox import FILE_NAME, Outbox
from logwatchd.alerting.payload import VERSION
from logwatchd.errors import StateError
from logwatchd.records import Analysis, Level, Severity
from tests.alerting.builders import NOON, anomaly
from tests.commands.process import logwatchd
from tests.helpers import ROOT_ONLY, nobody

TRACE = "ERROR database is locked\n  File x\nsqlite3.OperationalError: database is locked"
FULL = "CRITICAL disk [bold]full[/]\x1b[31m"
LEFT = b"no logwatchd runs on this state folder: this is how it was left\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Of a state folder in which one incident is open, with an analysis, and one is over."""
    state = tmp_path / "state"
    state.mkdir()
    outbox = Outbox(state)
    desk = AlertDesk(outbox, Policy(timers=Timers(group_wait_s=0), analyse=True))
    desk.observe([anomaly(FULL, service="kern", level=Level.CRITICAL, read_at=NOON)], 0.0)
    later = NOON + timedelta(hours=1)
    first, *others = [anomaly(TRACE, number * 1000, read_at=later) for number in range(1, 1203)]
    desk.observe([first, anomaly("ERROR cart is lost", 1500, read_at=later), *others], 3600.0)
    desk.run_once(3600.0)
    pending = next(one for one in outbox.unanalysed(10) if one.alert and one.alert.line == TRACE)
    words = Analysis("a writer holds it", Severity.P1, "stop the writer", "model-1")
    outbox.analysed(pending.seq, words)
    desk.close()
    outbox.close()
    file = tmp_path / "logwatchd.toml"
    file.write_text(f'state_dir = "{state}"\n[[source]]\njournal = true\n')
    return file


def test_what_is_open_is_listed(config: Path) -> None:
    done = logwatchd("incidents", "--config", config)
    head, row = done.stdout.decode().splitlines()
    assert head.split() == ["incident", "sev", "service", "lines", "first", "last", "line"]
    assert row.split()[1:4] == ["P1", "shop", "1,203"]
    assert row.endswith("  ERROR database is locked ... sqlite3.OperationalError: database is locked")
    assert (done.returncode, done.stderr) == (0, LEFT + b"1 open incident\n")


def test_what_is_over_is_listed_as_well_the_latest_first(config: Path) -> None:
    done = logwatchd("incidents", "--config", config, "--all")
    _, first, second = done.stdout.decode().splitlines()
    assert re.search(r" open +ERROR database", first)
    assert second.endswith("  CRITICAL disk [bold]full[/]\\x1b[31m")
    assert " open " not in second
    assert (done.returncode, done.stderr) == (0, LEFT + b"2 incidents\n")


def test_programs_get_what_a_webhook_gets(config: Path) -> None:
    done = logwatchd("incidents", "--config", config, "--all", "--json")
    still, over = json.loads(done.stdout)
    assert (still["version"], still["kind"], still["over_at"]) == (VERSION, "alert", None)
    assert (over["kind"], over["alert"]["service"]) == ("resolved", "kern")
    assert over["over_at"] is not None
    assert (still["incident"]["lines"], still["analysis"]["likely_cause"]) == (1203, "a writer holds it")
    assert logwatchd("incidents", "--config", config, "--json").stdout.count(b'"key"') == 1


def test_all_of_one_is_told_with_how_to_mute_it(config: Path) -> None:
    (one,) = json.loads(logwatchd("incidents", "--config", config, "--json").stdout)
    done = logwatchd("incidents", "--config", config, one["key"])
    text = done.stdout.decode()
    assert text.startswith("P1 shop: ERROR database is locked ... sqlite3.OperationalError: database is locked\n")
    assert "2 kinds of lines, open\n" in text
    for told in (TRACE, "a writer holds it", "Do first: stop the writer", "With it: ERROR cart is lost", "1203 lines"):
        assert told in text
    written = text.partition("[[mute]] with ")[2].partition(" in logwatchd.toml")[0]
    assert tomllib.loads(written)["fingerprints"] == one["incident"]["fingerprints"]
    assert len(one["incident"]["fingerprints"]) == 2


def test_one_that_is_over_is_found_by_its_id(config: Path) -> None:
    over = json.loads(logwatchd("incidents", "--config", config, "--all", "--json").stdout)[1]
    assert b"over at 2" in logwatchd("incidents", "--config", config, over["key"]).stdout


def test_one_that_is_not_there_is_a_mistake_in_the_call(config: Path) -> None:
    done = logwatchd("incidents", "--config", config, "0123456789ab")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.endswith(
        b"alerts.sqlite3: no incident '0123456789ab'; 'logwatchd incidents --all' lists those that are kept\n"
    )


def test_before_the_first_start_there_are_none(tmp_path: Path) -> None:
    file = tmp_path / "logwatchd.toml"
    file.write_text(f'state_dir = "{tmp_path / "none"}"\n[[source]]\njournal = true\n')
    done = logwatchd("incidents", "--config", file)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", LEFT + b"0 open incidents\n")
    assert json.loads(logwatchd("incidents", "--config", file, "--json").stdout) == []
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("PRAGMA user_version = 99", "version 99, this logwatchd knows"),
        ("PRAGMA user_version = 1", "version 1, this logwatchd knows"),
        ("DROP TABLE incidents", "no such table: incidents; run this as"),
    ],
)
def test_a_file_of_another_version_is_left_as_it_is(change: str, said: str, config: Path) -> None:
    file = config.parent / "state" / FILE_NAME
    with closing(sqlite3.connect(file)) as other:
        other.execute(change)
    done = logwatchd("incidents", "--config", config)
    assert (done.returncode, done.stdout) == (78, b"")
    assert f"{file}: {said}" in done.stderr.decode()
    assert sorted(path.name for path in file.parent.glob("*.damaged*")) == []


def test_what_cannot_be_read_is_counted(config: Path) -> None:
    with closing(sqlite3.connect(config.parent / "state" / FILE_NAME)) as other:
        other.execute("UPDATE alerts SET alert = CAST(x'7bff' AS TEXT) WHERE kind = 'alert' AND alert LIKE '%kern%'")
        other.commit()
    done = logwatchd("incidents", "--config", config, "--all")
    assert done.stderr == LEFT + b"1 incident, and 1 of which only the number is known\n"
    assert len(done.stdout.splitlines()) == 2


def test_on_a_terminal_each_takes_one_row(config: Path) -> None:
    command = [sys.executable, "-m", "logwatchd", "incidents", "--config", str(config), "--all"]
    ours, theirs = pty.openpty()
    env = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"COLUMNS": "80", "TERM": "xterm"}
    subprocess.run(command, stdout=theirs, stderr=subprocess.DEVNULL, env=env, check=True, timeout=60)
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert len(shown.splitlines()) == 3
    assert "\x1b[1;37;41mP1" in shown
    assert "\N{HORIZONTAL ELLIPSIS}" in shown


@ROOT_ONLY
def test_a_folder_that_may_not_be_entered_is_named(config: Path) -> None:
    (config.parent / "state").chmod(0o700)
    with (
        nobody(),
        pytest.raises(StateError, match=r"alerts\.sqlite3: Permission denied; run this as root or as the daemon"),
    ):
        archive.look(config.parent / "state" / FILE_NAME)


@ROOT_ONLY
def test_what_root_looks_at_stays_the_daemons(config: Path) -> None:
    """SQLite makes files beside the one that it reads."""
    state = config.parent / "state"
    for path in (state, *state.iterdir()):
        os.chown(path, 65534, 65534)
    assert logwatchd("incidents", "--config", config).returncode == 0
    assert {path.stat().st_uid for path in state.iterdir()} == {65534}
