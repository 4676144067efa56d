"""The outbox's tables, and what makes them of an earlier version's."""

from __future__ import annotations

from logwatchd.alerting.codec import INCIDENT_COLUMNS
from logwatchd.database import Schema

_INCIDENTS = """
CREATE TABLE incidents (
    alert_id TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    service TEXT NOT NULL,
    path TEXT NOT NULL,
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    first_offset INTEGER NOT NULL,
    severity TEXT NOT NULL,
    patterns TEXT NOT NULL,
    vector BLOB NOT NULL,
    began TEXT,
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    lines INTEGER NOT NULL,
    held INTEGER NOT NULL,
    more TEXT NOT NULL,
    resolved_at TEXT
);
CREATE INDEX incidents_by_kind ON incidents (fingerprint, resolved_at)"""
_OVERFLOW = """
CREATE TABLE overflow (
    service TEXT NOT NULL,
    severity TEXT NOT NULL,
    incidents INTEGER NOT NULL,
    began TEXT NOT NULL,
    ended TEXT NOT NULL,
    PRIMARY KEY (service, severity)
) WITHOUT ROWID"""

_SPENDING = """
CREATE TABLE spending (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    alert_id TEXT NOT NULL,
    usd REAL NOT NULL
)"""

# held: 0 goes out, 1 waits for a digest, 2 stands in one. target: the only sink that a message is for, or all of them.
# refused: why the sink never gets this message; NULL where it has it.
_TABLES = f"""
CREATE TABLE alerts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    line_key TEXT NOT NULL UNIQUE,
    id TEXT NOT NULL,
    stored_at TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'refused')),
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    alert TEXT NOT NULL,
    analysis TEXT,
    kind TEXT NOT NULL DEFAULT 'alert',
    target TEXT,
    why TEXT NOT NULL DEFAULT '',
    held INTEGER NOT NULL DEFAULT 0,
    wants_analysis INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX pending ON alerts (seq) WHERE state = 'pending';
CREATE INDEX alerts_by_incident ON alerts (id);
CREATE INDEX unanalysed ON alerts (seq) WHERE wants_analysis = 1;
CREATE TABLE deliveries (
    seq INTEGER NOT NULL REFERENCES alerts ON DELETE CASCADE,
    sink TEXT NOT NULL,
    at TEXT NOT NULL,
    receipt TEXT,
    refused TEXT,
    PRIMARY KEY (seq, sink)
) WITHOUT ROWID;
{_OVERFLOW};
{_SPENDING};
{_INCIDENTS}"""

# Incidents that were open are begun anew: their alerts have what people need.
_UPGRADES = {
    1: f"""
ALTER TABLE alerts ADD COLUMN kind TEXT NOT NULL DEFAULT 'alert';
ALTER TABLE alerts ADD COLUMN target TEXT;
ALTER TABLE alerts ADD COLUMN why TEXT NOT NULL DEFAULT '';
ALTER TABLE alerts ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN wants_analysis INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN receipt TEXT;
CREATE INDEX alerts_by_incident ON alerts (id);
CREATE INDEX unanalysed ON alerts (seq) WHERE wants_analysis = 1;
{_OVERFLOW};
DROP TABLE incidents;
{_INCIDENTS}""",
    2: _SPENDING,
    3: "ALTER TABLE deliveries ADD COLUMN refused TEXT",
}

_CHECK = (
    f"SELECT {', '.join('incidents.' + column.strip() for column in INCIDENT_COLUMNS.split(','))}, resolved_at,"
    " alerts.line_key, alerts.wants_analysis, deliveries.receipt, deliveries.refused, overflow.incidents, spending.usd"
    " FROM incidents, alerts, deliveries, overflow, spending LIMIT 0"
)
# What is on its way, refused or tried is known by its place in the order: none in a new file is to be one of the old.
_ANEW = (
    "INSERT INTO sqlite_sequence (name, seq)"
    " VALUES ('alerts', CAST((julianday('now') - julianday('1970-01-01')) * 86400000 AS INTEGER))"
)
SCHEMA = Schema(4, _TABLES, _CHECK, _UPGRADES, _ANEW)
