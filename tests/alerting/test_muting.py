"""What is muted is not told, and all else is."""

from __future__ import annotations

import re
import tomllib
from collections.abc import MutableMapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd import clock
from logwatchd.alerting.desk import AlertDesk, Policy
from logwatchd.alerting.explain import fingerprint_of
from logwatchd.alerting.grouping import Rules
from logwatchd.alerting.message import Message, Story
from logwatchd.alerting.muting import Mute, split
from logwatchd.alerting.notify import Timers
from logwatchd.alerting.opening import as_it_is
from logwatchd.alerting.outbox import Outbox
from logwatchd.alerting.payload import text_of
from logwatchd.alerting.slack_blocks import blocks_of
from logwatchd.errors import RetryableError
from logwatchd.journal import Event
from logwatchd.records import Level, Severity
from tests.alerting.builders import NOON, alert, anomaly, full_disk, message, waiting

Entries = list[MutableMapping[str, Any]]
LOCKED, FULL = "ERROR database is locked", "CRITICAL disk /dev/sdb1 is full"
OURS = frozenset([fingerprint_of("shop", LOCKED)])


def _desk(folder: Path, *mutes: Mute, rules: Rules | None = None) -> AlertDesk:
    return AlertDesk(Outbox(folder), _policy(*mutes, rules=rules))


def _policy(*mutes: Mute, rules: Rules | None = None) -> Policy:
    return Policy(rules or Rules(), Timers(group_wait_s=0), mutes=mutes)


def _told(folder: Path) -> list[str]:
    return [line for _, line in waiting(folder)]


def _muted(entries: Entries) -> list[str]:
    return [entry["line"] for entry in entries if entry["event"] is Event.LINES_MUTED]


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """What the clock says: its only item."""
    now = [NOON]
    monkeypatch.setattr(clock, "utc_now", lambda: now[0])
    return now


@given(
    st.sampled_from(["shop", "shop-api", "pay"]),
    st.sampled_from(["/var/log/shop.log", "/srv/pay.log"]),
    st.sampled_from([LOCKED, FULL, "", "INFO pay is slow"]),
    st.fixed_dictionaries(
        {},
        optional={
            "fingerprints": st.sampled_from([OURS, OURS | {"0" * 16}, frozenset(["0" * 16])]),
            "pattern": st.sampled_from([re.compile("database|slow"), re.compile("^ERROR"), re.compile("nothing")]),
            "services": st.sampled_from([("shop",), ("shop*",), ("web", "p?y")]),
            "sources": st.sampled_from([("/var/log/*",), ("/srv/pay.log", "/x")]),
            "until": st.sampled_from([NOON - timedelta(seconds=1), NOON, NOON + timedelta(seconds=1)]),
        },
    ),
)
def test_a_mute_covers_what_all_of_its_conditions_hold_for(
    service: str, path: str, line: str, conditions: dict[str, Any]
) -> None:
    """One condition more never covers more; each by itself is what its name says."""
    one = anomaly(line, service=service, path=path)
    alone = {name: Mute("m", **{name: value}).covers(one, NOON) for name, value in conditions.items()}
    assert Mute("m", **conditions).covers(one, NOON) == all(alone.values())
    expected = {
        "fingerprints": fingerprint_of(service, line) in conditions.get("fingerprints", ()),
        "pattern": bool("pattern" in conditions and conditions["pattern"].search(line)),
        "services": service.startswith("shop") if conditions.get("services") == ("shop*",) else None,
        "sources": path.startswith("/var/log/") if conditions.get("sources") == ("/var/log/*",) else None,
        "until": conditions.get("until", NOON) > NOON,
    }
    assert alone == {name: alone[name] if expected[name] is None else expected[name] for name in alone}


def test_the_first_mute_that_covers_a_line_has_it_and_their_order_is_kept() -> None:
    lines = [anomaly(f"{word} {number}", number) for number, word in enumerate(("a", "b", "c", "b", "a"))]
    a, ab = Mute("a", pattern=re.compile("^a")), Mute("ab", pattern=re.compile("^[ab]"))
    told, muted = split(lines, [a, ab], NOON)
    assert told == [lines[2]]
    assert muted == [(a, lines[0]), (ab, lines[1]), (ab, lines[3]), (a, lines[4])]


def test_what_is_muted_opens_no_incident_and_joins_none(tmp_path: Path, entries: Entries) -> None:
    desk = _desk(tmp_path, Mute("m", pattern=re.compile("locked")))
    desk.observe([anomaly(LOCKED, 0), anomaly(FULL, 100), anomaly(LOCKED, 200)], 100.0)
    assert _told(tmp_path) == [FULL]
    status = desk.status()
    assert (status.anomalies, status.anomalies_muted, status.incidents, status.incidents_open) == (3, 2, 1, 1)
    (raised,) = [entry for entry in entries if entry["event"] is Event.ANOMALY]
    story = desk.story(raised["alert_id"])
    assert story is not None
    assert (story.lines, story.kinds) == (1, 1)
    assert not [entry for entry in entries if entry["event"] is Event.INCIDENT_GREW]


def test_the_most_urgent_lines_are_muted_as_well(tmp_path: Path) -> None:
    desk = _desk(tmp_path, Mute("m", services=("shop",)))
    desk.observe([anomaly(FULL, level=Level.CRITICAL)], 100.0)
    assert _told(tmp_path) == []


def test_the_journal_has_a_muted_line_an_hour_for_each_mute_redacted(tmp_path: Path, entries: Entries) -> None:
    mutes = (Mute("mute[1] (OPS-1)", pattern=re.compile("hunter2")), Mute("mute[2]", pattern=re.compile("slow")))
    desk = AlertDesk(Outbox(tmp_path), _policy(*mutes), redact=lambda text: text.replace("hunter2", "<secret>"))
    for now in (0.0, 3599.0, 3600.0):
        desk.observe([anomaly(f"hunter2 at {now:g}", int(now) * 100 + n * 10) for n in range(3)], now)
        desk.observe([anomaly(f"slow at {now:g}", int(now) * 100 + 50)], now)
    assert _muted(entries) == ["<secret> at 0", "slow at 0", "<secret> at 3600", "slow at 3600"]
    first = entries[0]
    assert (first["mute"], first["service"], first["severity"]) == ("mute[1] (OPS-1)", "shop", Severity.P2)
    assert first["message"] == "mute[1] (OPS-1) covers shop: <secret> at 0"
    assert first["fingerprint"] == fingerprint_of("shop", "hunter2 at 0")
    assert desk.status().anomalies_muted == 12


def test_from_its_end_on_it_is_told_again(tmp_path: Path, wall: list[datetime]) -> None:
    desk = _desk(tmp_path, Mute("m", pattern=re.compile("locked"), until=NOON + timedelta(hours=1)))
    desk.observe([anomaly(LOCKED, 0)], 0.0)
    wall[0] += timedelta(hours=1) - timedelta(microseconds=1)
    desk.observe([anomaly(LOCKED, 100)], 3600.0)
    assert _told(tmp_path) == []
    wall[0] += timedelta(microseconds=1)
    desk.observe([anomaly(LOCKED, 200)], 3601.0)
    assert _told(tmp_path) == [LOCKED]


def test_an_incident_that_is_open_when_its_kind_is_muted_grows_no_more_and_ends(
    tmp_path: Path, entries: Entries
) -> None:
    desk = _desk(tmp_path)
    desk.observe([anomaly(LOCKED, 0)], 0.0)
    desk.use(_policy(Mute("m", fingerprints=OURS)), as_it_is)
    for minute in range(1, 16):
        desk.observe([anomaly(LOCKED, minute * 100)], minute * 60.0)
    desk.run_once(901.0)
    (over,) = [entry for entry in entries if entry["event"] is Event.INCIDENT_RESOLVED]
    assert over["lines"] == 1
    desk.use(_policy(), as_it_is)
    desk.observe([anomaly(LOCKED, 2000)], 1000.0)
    assert desk.status().incidents == 2


def test_what_cannot_be_stored_is_counted_once(tmp_path: Path, entries: Entries) -> None:
    desk = _desk(tmp_path, Mute("m", pattern=re.compile("locked")))
    block = [anomaly(LOCKED, 0), anomaly(FULL, 100)]
    with full_disk(), pytest.raises(RetryableError):
        desk.observe(block, 100.0)
    assert desk.status().anomalies_muted == 0
    desk.observe(block, 101.0)
    assert (desk.status().anomalies_muted, _muted(entries), _told(tmp_path)) == (1, [LOCKED], [FULL])


def test_an_alert_tells_what_to_write_for_all_of_its_kinds(tmp_path: Path, entries: Entries) -> None:
    """A crash and what it breaks: the same lines again are not told when that is written."""
    crash = [anomaly(f"ERROR {what} failed of a lost connection", n * 100) for n, what in enumerate(("cart", "pay"))]
    desk = _desk(tmp_path)
    desk.observe(crash, 100.0)
    (raised,) = [entry for entry in entries if entry["event"] is Event.ANOMALY]
    (grew,) = [entry for entry in entries if entry["event"] is Event.INCIDENT_GREW]
    story = desk.story(raised["alert_id"])
    assert story is not None
    assert story.fingerprints == (raised["fingerprint"], grew["fingerprint"])
    about = message(alert(crash[0].line), story=story)
    for text in (text_of(about), blocks_of(about)[-1]["elements"][0]["text"]):
        (written,) = re.findall(r"fingerprints = \[.*?\]", text)
        named = frozenset(tomllib.loads(written)["fingerprints"])
        assert split(crash, [Mute("m", named)], NOON)[0] == []


def test_grouped_by_text_an_alert_names_its_kind_all_the_same(tmp_path: Path, entries: Entries) -> None:
    """What its incident is known by is no kind then, but a text."""
    one = anomaly("ERROR order 17 is lost", pattern="ERROR order <N> is lost")
    desk = _desk(tmp_path, rules=Rules(group_by="none"))
    desk.observe([one], 100.0)
    (raised,) = entries
    story = desk.story(raised["alert_id"])
    assert story is not None
    assert story.fingerprints == (raised["fingerprint"],)
    assert split([one], [Mute("m", frozenset(story.fingerprints))], NOON)[0] == []


def test_of_many_kinds_the_first_ones_are_named(tmp_path: Path) -> None:
    kinds = tuple(f"{number:016x}" for number in range(64))
    story = Story(64, 64, NOON, NOON, ("/var/log/shop.log",), fingerprints=kinds)
    about: Message = message(story=story)
    (written,) = re.findall(r"fingerprints = \[.*?\]", blocks_of(about)[-1]["elements"][0]["text"])
    assert tuple(tomllib.loads(written)["fingerprints"]) == kinds[:16]
