"""Anomalies, alerts and configurations for the tests of alerting."""

from __future__ import annotations

import hashlib
import resource
import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import SecretStr

from logwatchd.alerting.explain import alert_of
from logwatchd.alerting.grouping import Incident
from logwatchd.alerting.message import Kind, Message, Story
from logwatchd.alerting.opening import as_it_is, begin, kind_of
from logwatchd.alerting.outbox import FILE_NAME, NewAlert
from logwatchd.config import Config, Settings
from logwatchd.config_secrets import Secrets
from logwatchd.records import (
    Alert,
    Analysis,
    Anomaly,
    Background,
    FileId,
    Level,
    Nearest,
    Severity,
    SourceSpec,
    Verdict,
)
from logwatchd.scoring.difference import MAX_WORDS, lacking
from logwatchd.vectors import Vectors

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FILE = FileId(8, 1001, 0)
EXAMPLES = ("user <N> logged in", "cache hit for <PATH>")
ANTHROPIC_KEY = "sk-ant-loopback-0123456789"


def direction(text: str, dimensions: int = 64) -> Vectors:
    """A unit vector of its own for each text; two of them are nearly orthogonal."""
    seed = int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "big")
    vector = np.random.default_rng(seed).standard_normal(dimensions).astype(np.float32)
    return vector / np.float32(np.linalg.norm(vector))


@dataclass(frozen=True)
class Found:
    """Details that are known."""

    told: Background
    at: datetime | None
    embedding: Vectors

    def background(self) -> Background:
        return self.told

    def timestamp(self) -> datetime | None:
        return self.at

    def vector(self) -> Vectors:
        return self.embedding


def anomaly(
    line: str,
    offset: int = 0,
    *,
    service: str = "shop",
    path: str = "/var/log/shop.log",
    file: FileId = FILE,
    level: Level = Level.ERROR,
    pattern: str | None = None,
    vector: Vectors | None = None,
    score: float = 0.9,
    at: datetime | None = None,
    read_at: datetime = NOON,
    context: tuple[str, ...] = ("GET /cart 200", "GET /pay 200"),
    examples: tuple[str, ...] = EXAMPLES,
    differs: tuple[str, ...] | None = None,
) -> Anomaly:
    """at: the line's own time; None for a line without one. differs: None for what the examples lack."""
    pattern = line if pattern is None else pattern
    differs = lacking(pattern, examples)[:MAX_WORDS] if differs is None else differs
    nearest = Nearest(3, 0.71, 0.1, examples)
    return Anomaly(
        source=SourceSpec(paths=(path,)),
        service=service,
        path=path,
        file=file,
        offset=offset,
        end=offset + len(line.encode("utf-8", "surrogatepass")) + 1,
        line=line,
        verdict=Verdict(pattern, level, score, 0.3, anomaly=True, nearest=nearest, novelty=0.8),
        read_at=read_at,
        details=Found(Background(differs, context), at, direction(pattern) if vector is None else vector),
    )


def alert(line: str = "database is locked", offset: int = 0, **fields: Any) -> Alert:
    return alert_of(anomaly(line, offset, **fields), 10, as_it_is)


def incident(first: Anomaly, at: float = 100.0, severity: Severity = Severity.P2, **fields: Any) -> Incident:
    """The incident that this anomaly opens at `at`."""
    made = begin(first, alert_of(first, 10, as_it_is), kind_of(first, "meaning"), severity, at)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def message(
    about: Alert | None = None,
    analysis: Analysis | None = None,
    lines: int = 1,
    *,
    kind: Kind = Kind.ALERT,
    **fields: Any,
) -> Message:
    """A message about an incident of so many lines."""
    about = about or alert()
    story = Story(lines, 1, about.read_at, about.read_at, (about.path,))
    return Message(kind, about, analysis, fields.pop("story", story), **fields)


def new(key: str, made: Alert, **fields: Any) -> NewAlert:
    """An alert to be kept under this key."""
    return NewAlert(key, made, **fields)


def waiting(folder: Path, sink: str = "") -> list[tuple[int, str]]:
    """The messages that wait for this sink, or for any, by place and line; read by another connection."""
    sql = (
        "SELECT seq, json_extract(alert, '$.line') FROM alerts a WHERE state = 'pending' AND held = 0"
        " AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.seq = a.seq AND d.sink = ?) ORDER BY seq"
    )
    with closing(sqlite3.connect(folder / FILE_NAME)) as other:
        return [(seq, line) for seq, line in other.execute(sql, (sink,))]


def faults(count: int, start: int = 0, read_at: datetime = NOON) -> list[Anomaly]:
    """Anomalies that are incidents of their own: distinct patterns, an hour between them."""
    return [
        anomaly(f"fault number {i:04d}", i * 100_000, at=NOON + timedelta(hours=i), read_at=read_at)
        for i in range(start, start + count)
    ]


def config(
    state_dir: Path,
    *,
    claude_url: str | None = None,
    slack_url: str | None = None,
    threads: int = 2,
    incidents: dict[str, Any] | None = None,
    **analysis: Any,
) -> Config:
    """Claude and Slack are on where they have an address."""
    settings = Settings.model_validate(
        {
            "state_dir": state_dir,
            "source": [{"paths": ["/var/log/shop.log"]}],
            "analysis": {"base_url": claude_url} | analysis,
            "incidents": {"group_wait_s": 0} | (incidents or {}),
            "workers": {"threads": threads},
        }
    )
    secrets = Secrets(
        openai_api_key=None,
        anthropic_api_key=SecretStr(ANTHROPIC_KEY) if claude_url else None,
        slack_webhook_url=SecretStr(slack_url) if slack_url else None,
    )
    return Config(path=state_dir / "logwatchd.toml", settings=settings, secrets=secrets)


def steers_nothing(text: str, keep: str = "") -> bool:
    """Whether no character but those in `keep` is invisible or has an effect of its own."""
    hidden = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    return not any(unicodedata.category(char) in hidden for char in text if char not in keep)


def no_updates(folder: Path) -> AbstractContextManager[None]:
    """SQLite refuses to change any incident in this outbox, and takes new ones."""
    return _refused(folder, "UPDATE ON incidents")


def no_deletions(folder: Path) -> AbstractContextManager[None]:
    """SQLite refuses to forget any message in this outbox, and takes new ones."""
    return _refused(folder, "DELETE ON alerts")


@contextmanager
def _refused(folder: Path, change: str) -> Iterator[None]:
    stop = f"CREATE TRIGGER stop BEFORE {change} BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"
    for statement in (stop, "DROP TRIGGER stop"):
        with closing(sqlite3.connect(folder / FILE_NAME)) as other:
            other.execute(statement)
            other.commit()
        if statement is stop:
            yield


@contextmanager
def full_disk() -> Iterator[None]:
    """The kernel refuses to let any file of this process grow beyond a few bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
