"""What a digest says of the incidents that were held back: all of them, the most urgent first."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from logwatchd import clock
from logwatchd.alerting import digests
from logwatchd.alerting.codec import incident_to_row
from logwatchd.alerting.outbox import Outbox
from logwatchd.records import Level
from tests.alerting.builders import NOON, anomaly, incident, new
from tests.alerting.builders import alert as alert_of


def hold(outbox: Outbox, service: str, count: int, level: Level = Level.ERROR) -> None:
    """Hold back so many incidents."""
    lines = [f"{service} {level.name} {number}" for number in range(count)]
    outbox.store([new(line, alert_of(line, service=service, level=level, score=0.4), held=True) for line in lines], [])


def test_it_names_the_most_urgent_first_and_of_those_the_most(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    hold(outbox, "mail", 3, Level.WARNING)
    hold(outbox, "shop", 1)
    hold(outbox, "web", 2)
    hold(outbox, "auth", 2)
    digest = outbox.make_digest()
    assert digest is not None
    shown = [(service, count) for service, _, count in digest.groups]
    assert shown == [("auth", 2), ("web", 2), ("shop", 1), ("mail", 3)]
    assert [sample.split()[0] for sample in digest.samples] == [
        "shop",
        "web",
        "web",
        "auth",
        "auth",
        "mail",
        "mail",
        "mail",
    ]
    assert (digest.incidents, digest.others) == (8, 0)
    assert outbox.make_digest() is None


def test_groups_that_are_not_named_are_counted(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    for number in range(20):
        hold(outbox, f"service{number:02d}", 2)
    digest = outbox.make_digest()
    assert digest is not None
    assert len(digest.groups) < 20
    assert sum(count for *_, count in digest.groups) + digest.others == digest.incidents == 40


def test_it_counts_every_line_and_says_when_they_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "MAX_HELD", 2)
    outbox = Outbox(tmp_path)
    for minutes in range(4):  # two are kept one by one, two are only counted
        monkeypatch.setattr(clock, "utc_now", lambda minutes=minutes: NOON + timedelta(minutes=minutes))
        first = anomaly(f"fault {minutes}")
        held = new(first.line, alert_of(first.line), held=True)
        told = new(f"told {minutes}", alert_of(f"told {minutes}"))
        outbox.store([told, held], [incident_to_row(incident(first, lines=10, held=True))])
    assert outbox.held_back() == 4
    digest = outbox.make_digest()
    assert digest is not None
    assert (digest.incidents, digest.lines, digest.groups) == (4, 22, (("shop", "P2-High", 4),))
    assert (digest.began, digest.ended) == (NOON, NOON + timedelta(minutes=3))
    assert outbox.held_back() == 0
    assert outbox.make_digest() is None
