from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import MutableMapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from logwatchd import clock
from logwatchd.alerting.codec import (
    alert_from_json,
    alert_to_json,
    analysis_from_json,
    analysis_to_json,
    incident_to_row,
    story_of,
)
from logwatchd.alerting.message import Kind
from logwatchd.alerting.outbox import FILE_NAME, Outbox
from logwatchd.alerting.retention import Limits
from logwatchd.errors import RetryableError, StateError
from logwatchd.journal import Event
from logwatchd.records import Analysis, Severity
from tests.alerting.builders import alert, anomaly, full_disk, incident, new, waiting

Entries = list[MutableMapping[str, Any]]
WORDS = Analysis("The disk is full.", Severity.P2, "Look at df.", "claude-opus-4-6")


def test_what_is_stored_is_read_back_as_it_was(tmp_path: Path) -> None:
    made = alert("weird \udcff \x00 \u202e line", 3)
    outbox = Outbox(tmp_path)
    opened = incident(
        anomaly("x"),
        told_lines=3,
        told_reach=1,
        hosts=["web1"],
        samples=["y"],
        ties={"req-1"},
        held=True,
        lines=7,
        keys={"b", "a"},
    )
    assert outbox.store([new("k", made)], [incident_to_row(opened)]) == {made.id}
    outbox.analysed(1, WORDS)
    outbox.close()
    again = Outbox(tmp_path)
    pending = again.pending("slack")
    assert pending is not None
    assert (pending.alert, pending.analysis, pending.kind, pending.receipt) == (made, WORDS, Kind.ALERT, None)
    (back,) = again.open_incidents(99.0)
    assert incident_to_row(back) == incident_to_row(opened)
    assert (back.first_at, back.keys, back.vector.tolist()) == (99.0, {"a", "b"}, opened.vector.tolist())
    assert again.story(opened.alert_id) == story_of(opened)


def test_json_goes_both_ways() -> None:
    assert alert_from_json(alert_to_json(alert())) == alert()
    assert analysis_from_json(analysis_to_json(WORDS)) == WORDS


def test_a_line_that_was_seen_before_adds_nothing(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    first, second = alert("one"), alert("two")
    assert outbox.store([new("k1", first)], []) == {first.id}
    assert outbox.store([new("k1", first), new("k2", second)], []) == {second.id}
    assert [line for _, line in waiting(tmp_path)] == [first.line, second.line]


def test_an_alert_is_sent_when_every_sink_has_it(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.store([new("k1", alert("one")), new("k2", alert("two"))], [])
    outbox.failed(1, "no answer from Slack")
    assert not outbox.delivered(1, "journal", ["journal", "slack"])
    assert waiting(tmp_path, "journal") == [(2, "two")]
    assert waiting(tmp_path, "slack") == [(1, "one"), (2, "two")]
    assert [outbox.pending(sink).seq for sink in ("journal", "slack")] == [2, 1]  # type: ignore[union-attr]
    assert outbox.delivered(1, "slack", ["journal", "slack"])
    assert outbox.counts() == {"pending": 1, "sent": 1, "refused": 0, "held": 0}


def test_a_sink_that_was_removed_holds_nothing_back(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.store([new("k1", alert("one")), new("k2", alert("two"))], [])
    outbox.delivered(1, "journal", ["journal", "slack"])
    assert outbox.settle(["journal"]) == 1
    assert outbox.counts() == {"pending": 1, "sent": 1, "refused": 0, "held": 0}


def test_old_and_surplus_rows_go_and_the_file_stays_small(tmp_path: Path, entries: Entries) -> None:
    outbox = Outbox(tmp_path, Limits(max_done=5, max_pending=3))
    size = 0
    for turn in range(60):
        outbox.store([new(f"{turn} {i}", alert(f"line {turn} {i} " + "x" * 3000)) for i in range(10)], [])
        for seq, _ in waiting(tmp_path)[:7]:
            outbox.delivered(seq, "journal", ["journal"])
        outbox.prune()
        size = max(size, sum(file.stat().st_size for file in tmp_path.iterdir()))
        if turn == 10:
            early = size
    assert outbox.counts()["pending"] == 3
    assert sum(outbox.counts().values()) <= 8
    assert size <= early + (4 << 20)  # the write-ahead log may reach its limit
    assert (tmp_path / FILE_NAME).stat().st_size < 1 << 20
    given_up = [entry for entry in entries if entry["event"] is Event.ALERTS_GIVEN_UP]
    assert given_up
    assert "more than 3 waited" in given_up[0]["reason"]


def test_a_week_without_network_loses_nothing_and_keeps_the_order(
    tmp_path: Path, entries: Entries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started anew each day; the alerts of all of it leave in their order once there is a network again."""
    began = clock.utc_now()
    for day in range(8):
        monkeypatch.setattr(clock, "utc_now", lambda day=day: began + timedelta(days=day))
        outbox = Outbox(tmp_path)
        outbox.prune()
        outbox.store([new(f"{day} {i}", alert(f"line {day} {i}")) for i in range(100)], [])
        outbox.failed(1, "no network")
        outbox.close()
    again = Outbox(tmp_path)
    taken = []
    while (pending := again.pending("slack")) is not None:
        assert pending.alert is not None
        taken.append(pending.alert.line)
        again.delivered(pending.seq, "slack", ["slack"])
    assert taken == [f"line {day} {i}" for day in range(8) for i in range(100)]
    assert entries == []


def test_alerts_that_waited_too_long_are_given_up_loudly(tmp_path: Path, entries: Entries) -> None:
    outbox = Outbox(tmp_path, Limits(pending_for=timedelta(0), done_for=timedelta(days=1)))
    outbox.store([new("k", alert())], [])
    assert outbox.prune() == 1
    assert outbox.counts() == {"pending": 0, "sent": 0, "refused": 1, "held": 0}
    assert [entry["log_level"] for entry in entries] == ["error"]


@pytest.mark.parametrize(
    "content", [b"this is no database, but long enough to be looked at" * 100, b"SQLite format 3\0"]
)
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path: Path, entries: Entries, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    outbox = Outbox(tmp_path)
    outbox.store([new("k", alert())], [])
    assert outbox.counts()["pending"] == 1
    (aside,) = tmp_path.glob(f"{FILE_NAME}.damaged-*Z")
    assert aside.read_bytes() == content
    assert [(entry["event"], entry["log_level"]) for entry in entries] == [(Event.FILE_SET_ASIDE, "error")]
    assert str(aside) == str(entries[0]["kept_as"])


def test_pages_that_were_overwritten_are_found_at_the_start(tmp_path: Path, entries: Entries) -> None:
    outbox = Outbox(tmp_path)
    outbox.store([new(f"k{i}", alert(f"line {i} " + "x" * 2000)) for i in range(50)], [])
    outbox.close()
    with (tmp_path / FILE_NAME).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 20_000)
    again = Outbox(tmp_path)
    again.store([new("new", alert())], [])
    assert [line for _, line in waiting(tmp_path)] == [alert().line]
    assert [entry["event"] for entry in entries] == [Event.FILE_SET_ASIDE]


def test_damage_while_it_runs_loses_nothing_that_is_stored_afterwards(tmp_path: Path, entries: Entries) -> None:
    outbox = Outbox(tmp_path)
    outbox.store([new(f"k{i}", alert(f"line {i} " + "x" * 2000)) for i in range(50)], [])
    outbox.give_up(1, "so that the log is written back")
    with sqlite3.connect(tmp_path / FILE_NAME) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    with (tmp_path / FILE_NAME).open("r+b") as file:
        file.write(b"\xa5" * 40_000)
    outbox.store([new("new", alert())], [])
    assert waiting(tmp_path)[-1][1] == alert().line
    outbox.close()
    Outbox(tmp_path)
    assert [line for _, line in waiting(tmp_path)] == [alert().line]
    assert [entry["event"] for entry in entries] == [Event.FILE_SET_ASIDE]


def test_an_unreadable_row_stops_no_other(tmp_path: Path, entries: Entries) -> None:
    outbox = Outbox(tmp_path)
    outbox.store([new("k1", alert("one")), new("k2", alert("two"))], [])
    with sqlite3.connect(tmp_path / FILE_NAME) as other:
        other.execute("""UPDATE alerts SET alert = '{"no": "alert"}' WHERE seq = 1""")
    other.close()
    found = outbox.pending("journal")
    assert found is not None
    assert found.seq == 2
    assert outbox.counts() == {"pending": 1, "sent": 0, "refused": 1, "held": 0}
    assert [entry["event"] for entry in entries] == [Event.ALERTS_GIVEN_UP]


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    Outbox(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(StateError, match="version 99 of a newer logwatchd"):
        Outbox(tmp_path)
    assert [file.name for file in tmp_path.glob("*damaged*")] == []


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="give logwatchd a state_dir that it may write to"):
        Outbox(tmp_path / "missing")


def test_a_full_disk_is_an_error_that_passes(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.store([new("k1", alert("one"))], [])
    with full_disk(), pytest.raises(RetryableError, match="look at the disk's free space"):
        outbox.store([new("k2", alert("two" + "x" * 3000))], [])
    assert [line for _, line in waiting(tmp_path)] == ["one"]
    outbox.store([new("k2", alert("two"))], [])
    assert [line for _, line in waiting(tmp_path)] == ["one", "two"]


def test_only_the_daemon_may_read_it(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.store([new("k", alert())], [])
    assert {oct(file.stat().st_mode & 0o777) for file in tmp_path.iterdir()} == {"0o600"}


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the sqlite3 command is not installed")
def test_it_is_readable_by_sqlite3_while_it_is_open(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.store([new("k", alert())], [])
    query = "SELECT seq, state, json_extract(alert, '$.line') FROM alerts; PRAGMA journal_mode; PRAGMA integrity_check"
    shown = subprocess.run(["sqlite3", tmp_path / FILE_NAME, query], capture_output=True, text=True, check=True)
    assert shown.stdout.split("\n")[:3] == ["1|pending|database is locked", "wal", "ok"]


CHILD = """
import sys
from pathlib import Path
from logwatchd.alerting.outbox import Outbox
from tests.alerting.builders import alert, new

outbox = Outbox(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), 10**9):
    made = alert(f"line {number}")
    outbox.store([new(f"key {number}", made)], [])
    print(f"stored {number}", flush=True)
    if number % 3 == 0:
        seq = outbox.pending("journal").seq
        outbox.delivered(seq, "journal", ["journal"])
        print(f"sent {seq}", flush=True)
"""


@pytest.mark.slow
def test_what_was_stored_survives_sigkill(tmp_path: Path) -> None:
    """Ten times killed at whatever it is doing: every line that `store` returned for is there, once, in order."""
    stored: list[int] = []
    sent = 0
    for turn in range(10):
        begin = stored[-1] + 1 if stored else 0
        command = [sys.executable, "-c", CHILD, str(tmp_path), str(begin)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for count, said in enumerate(child.stdout):
                word, number = said.split()
                stored += [int(number)] if word == "stored" else []
                sent += word == "sent"
                if count == 5 + turn * 7:
                    os.kill(child.pid, signal.SIGKILL)
        assert child.returncode == -signal.SIGKILL
    outbox = Outbox(tmp_path)
    with sqlite3.connect(tmp_path / FILE_NAME) as other:
        keys = [int(key.split()[1]) for (key,) in other.execute("SELECT line_key FROM alerts ORDER BY seq")]
    other.close()
    # One more may be stored than was said: the kill came between the two.
    assert keys == list(range(len(keys)))
    assert stored == keys[: len(stored)]
    assert 0 <= len(keys) - len(stored) <= 1
    assert 0 <= outbox.counts()["sent"] - sent <= 10
    assert [line for _, line in waiting(tmp_path)] == [f"line {i}" for i in keys[outbox.counts()["sent"] :]]


class OutboxModel(RuleBasedStateMachine):
    """The outbox against a plain list: order, uniqueness, deliveries; it may be opened anew at any time."""

    SINKS = ("journal", "slack")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"logwatchd-outbox-{os.getpid()}-{id(self)}"
        self.folder.mkdir()
        self.outbox = Outbox(self.folder)
        self.keys: list[int] = []
        self.taken: dict[int, set[str]] = {}

    @rule(keys=st.lists(st.integers(0, 30), max_size=4))
    def store(self, keys: list[int]) -> None:
        stored = self.outbox.store([new(str(key), alert(f"line {key}", key)) for key in keys], [])
        fresh = [key for key in dict.fromkeys(keys) if key not in self.keys]
        assert stored == {alert(f"line {key}", key).id for key in fresh}
        self.keys += fresh

    @precondition(lambda self: self.keys)
    @rule(data=st.data(), sink=st.sampled_from(SINKS))
    def deliver(self, data: st.DataObject, sink: str) -> None:
        index = data.draw(st.integers(0, len(self.keys) - 1))
        seq = {int(line.split()[1]): seq for seq, line in waiting(self.folder)}.get(self.keys[index])
        if seq is not None:
            self.taken.setdefault(self.keys[index], set()).add(sink)
            done = self.outbox.delivered(seq, sink, self.SINKS)
            assert done is (self.taken[self.keys[index]] == set(self.SINKS))

    @rule()
    def open_anew(self) -> None:
        self.outbox.close()
        self.outbox = Outbox(self.folder)

    @invariant()
    def agrees(self) -> None:
        open_keys = [key for key in self.keys if self.taken.get(key, set()) != set(self.SINKS)]
        assert [line for _, line in waiting(self.folder)] == [f"line {key}" for key in open_keys]
        for sink in self.SINKS:
            left = [key for key in open_keys if sink not in self.taken.get(key, set())]
            assert [line for _, line in waiting(self.folder, sink)] == [f"line {key}" for key in left]
            first = self.outbox.pending(sink)
            assert (first.alert.line if first and first.alert else None) == (f"line {left[0]}" if left else None)
        assert self.outbox.counts()["sent"] == len(self.keys) - len(open_keys)

    def teardown(self) -> None:
        self.outbox.close()
        shutil.rmtree(self.folder)


TestOutboxModel = OutboxModel.TestCase
TestOutboxModel.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
