"""An outbox that an earlier version left is taken over with all that waits in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from logwatchd.alerting.codec import alert_to_json
from logwatchd.alerting.message import Kind
from logwatchd.alerting.outbox import FILE_NAME, Outbox
from logwatchd.alerting.schema import SCHEMA
from tests.alerting.builders import alert, new, waiting

FIRST_VERSION = """
CREATE TABLE alerts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, line_key TEXT NOT NULL UNIQUE, id TEXT NOT NULL, stored_at TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'refused')),
    attempts INTEGER NOT NULL DEFAULT 0, last_error TEXT, alert TEXT NOT NULL, analysis TEXT
);
CREATE INDEX pending ON alerts (seq) WHERE state = 'pending';
CREATE TABLE deliveries (
    seq INTEGER NOT NULL REFERENCES alerts ON DELETE CASCADE, sink TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (seq, sink)
) WITHOUT ROWID;
CREATE TABLE incidents (alert_id TEXT PRIMARY KEY, service TEXT NOT NULL);
PRAGMA user_version = 1
"""


def test_what_waited_in_the_first_versions_outbox_is_delivered(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as old:
        old.executescript(FIRST_VERSION)
        row = ("key", alert("old").id, "2026-11-22T10:00:00+00:00", alert_to_json(alert("old")))
        old.execute("INSERT INTO alerts (line_key, id, stored_at, alert) VALUES (?, ?, ?, ?)", row)
        old.execute("INSERT INTO deliveries VALUES (1, 'journal', '2026-11-22T10:00:01+00:00')")
        old.commit()
    outbox = Outbox(tmp_path)
    assert outbox.store([new("key", alert("old")), new("other", alert("new"))], []) == {alert("new").id}
    found = outbox.pending("slack")
    assert found is not None
    assert (found.kind, found.alert) == (Kind.ALERT, alert("old"))
    assert [line for _, line in waiting(tmp_path, "journal")] == ["new"]
    assert outbox.reserve("a", 0.1, 1, 1.0) is not None
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as other:
        assert other.execute("PRAGMA user_version").fetchone() == (SCHEMA.version,)
    assert list(tmp_path.glob("*damaged*")) == []
