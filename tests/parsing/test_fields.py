"""Level, timestamp, service and structured fields of real-looking lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.parsing.level import level_of
from logwatchd.parsing.service import service_of
from logwatchd.parsing.structured import field_of, fields_of
from logwatchd.parsing.timestamp import timestamp_of
from logwatchd.records import Level

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PINO = {
    10: Level.TRACE,
    20: Level.DEBUG,
    30: Level.INFO,
    40: Level.WARNING,
    50: Level.ERROR,
    60: Level.FATAL,
}


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2025-01-01 00:00:00 DEBUG x", Level.DEBUG),
        ("RAS KERNEL INFO instruction cache parity error corrected", Level.INFO),
        ("[Sun Dec 04 04:47:44 2005] [notice] workerEnv.init() ok", Level.NOTICE),
        ("[Sun Dec 04 04:47:44 2005] [error] mod_jk child in error state 6", Level.ERROR),
        ("[core:warn] x", Level.WARNING),
        ("ts=1 level=warn msg=hello", Level.WARNING),
        ('{"level":"error","msg":"INFO is a word here"}', Level.ERROR),
        *((f'{{"level":{number},"msg":"pino"}}', level) for number, level in PINO.items()),
        ('{"level":8,"msg":"no syslog and no pino"}', Level.UNKNOWN),
        ('{"priority":"4","msg":"syslog"}', Level.WARNING),
        ('{"log":{"level":"error"},"msg":"[FATAL] is a word here"}', Level.ERROR),
        ('{"severity":"CRITICAL","message":"x"}', Level.CRITICAL),
        ("E0612 12:00:00.000000 1 main.go:1] x", Level.ERROR),
        ("ERROR: relation does not exist", Level.ERROR),
        ("sshd[1]: error: Received disconnect", Level.ERROR),
        ("sshd[1]: fatal: Write failed", Level.FATAL),
        ("2025-01-01 UTC [1] LOG:  checkpoint starting", Level.INFO),
        ("kernel: panic: x", Level.FATAL),
        ("12:00:00 WARN  c.e.Service - slow", Level.WARNING),
        ("SEVERE: Servlet threw", Level.ERROR),
        ("everything is fine, no error here", Level.UNKNOWN),
        ("", Level.UNKNOWN),
        ("GET /info/ERROR.html", Level.UNKNOWN),
    ],
)
def test_level(line: str, level: Level) -> None:
    assert level_of(line) is level


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2015-10-18T18:01:47.978Z x", datetime(2015, 10, 18, 18, 1, 47, 978000, UTC)),
        ("2015-10-18 18:01:47,978 INFO", datetime(2015, 10, 18, 18, 1, 47, 978000, UTC)),
        ("2015-10-18T18:01:47+02:00 x", datetime(2015, 10, 18, 16, 1, 47, tzinfo=UTC)),
        ("Jun 14 15:16:01 combo sshd", datetime(2025, 6, 14, 15, 16, 1, tzinfo=UTC)),
        ("Feb  9 06:06:20 combo sshd", datetime(2026, 2, 9, 6, 6, 20, tzinfo=UTC)),
        ('1.2.3.4 - - [21/Jan/2022:05:55:22 +0000] "GET /"', datetime(2022, 1, 21, 5, 55, 22, tzinfo=UTC)),
        ("[Sun Dec 04 04:47:44 2005] [notice]", datetime(2005, 12, 4, 4, 47, 44, tzinfo=UTC)),
        ("17/06/09 20:10:40 INFO", datetime(2017, 6, 9, 20, 10, 40, tzinfo=UTC)),
        ("081109 203615 148 INFO", datetime(2008, 11, 9, 20, 36, 15, tzinfo=UTC)),
        ("1117838570 2005.06.03 R02", datetime(2005, 6, 3, 22, 42, 50, tzinfo=UTC)),
        ("1117838570.125 x", datetime(2005, 6, 3, 22, 42, 50, 125000, UTC)),
        ('{"ts":"2025-01-02T03:04:05Z","msg":"x"}', datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("level=info ts=2025-01-02T03:04:05Z msg=x", datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("E0228 12:00:01.000000 1 main.go:1] x", datetime(2026, 2, 28, 12, 0, 1, tzinfo=UTC)),
        ("no time at all", None),
        ("2025-13-45 99:99:99 nonsense", None),
        ("", None),
    ],
)
def test_timestamp(line: str, expected: datetime | None) -> None:
    assert timestamp_of(line, NOW) == expected


@given(st.text(max_size=200))
def test_no_line_is_too_strange(line: str) -> None:
    found = timestamp_of(line, NOW)
    assert found is None or found.tzinfo is not None
    assert isinstance(level_of(line), Level)
    assert service_of(line, None, "/var/log/app.log")
    assert all(key == key.lower() for key in fields_of(line))


VALUES = st.sampled_from(
    [
        '"info"',
        "50",
        "0",
        "00",
        "0000",
        "-00",
        '": 00"',
        '":00,"',
        '{"level": 00}',
        '"a\\\\"b: 00"',
        "null",
        "[]",
        "[00]",
        "{}",
    ]
)
PAIRS = st.tuples(st.sampled_from(['"level"', '"Level"', '"log"', '"a: 00"']), st.sampled_from([":", ": "]), VALUES)


@given(st.lists(PAIRS.map("".join), max_size=4), st.sampled_from(["", " ", "x", "}", ': 00"}']))
def test_fields_are_those_that_json_has(pairs: list[str], behind: str) -> None:
    line = f"x {{{', '.join(pairs)}}}{behind}"
    try:
        parsed = json.loads(line[2:])
    except ValueError:
        assert fields_of(line) == {}
        return
    names = {
        inner.lower()
        for name, value in parsed.items()
        for inner in ([f"{name}.{key}" for key in value] if isinstance(value, dict) else [name])
    }
    assert fields_of(line).keys() == names
    assert field_of(line, ("none", "level", "log")) == next(
        ((name, fields_of(line)[name]) for name in ("level", "log") if name in names), None
    )


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ('Level=info msg="no route" app=shop', {"level": "info", "msg": "no route", "app": "shop"}),
        ("retry in=5s after=3", {"in": "5s", "after": "3"}),
        (
            '{"Log":{"level":"error","origin":{"line":7}},"n":1}',
            {"log.level": "error", "log.origin": "{'line': 7}", "n": "1"},
        ),
        ("GET /cart?id=7 failed", {}),
        ("retry in=5s", {}),
    ],
)
def test_json_and_two_pairs_are_fields_and_one_is_free_text(line: str, fields: dict[str, str]) -> None:
    assert fields_of(line) == fields


@given(st.datetimes(datetime(2001, 9, 10), datetime(2033, 1, 1)))
def test_any_iso_time_is_read_back(when: datetime) -> None:
    aware = when.replace(tzinfo=UTC)
    assert timestamp_of(f"{aware.isoformat()} x", NOW) == aware


@given(st.datetimes(datetime(2025, 3, 5), datetime(2026, 2, 28)))
def test_a_stamp_without_a_year_is_never_far_in_the_future(when: datetime) -> None:
    stamp = when.replace(microsecond=0, tzinfo=UTC)
    found = timestamp_of(f"{stamp:%b %e %H:%M:%S} host x: y", NOW)
    assert found is not None
    assert found - NOW <= timedelta(days=2)
    assert (found.month, found.day, found.hour) == (stamp.month, stamp.day, stamp.hour)


@pytest.mark.parametrize(
    ("line", "path", "service"),
    [
        ("Jun 14 15:16:01 combo sshd(pam_unix)[19939]: x", "/var/log/syslog", "sshd"),
        ("2025-01-01T00:00:00.1+00:00 host CRON[1]: x", "/var/log/syslog", "CRON"),
        ('{"service":"billing","msg":"x"}', "/var/log/a.log", "billing"),
        ("level=info service=checkout msg=x", "/var/log/a.log", "checkout"),
        ("Nov 23 03:20:05 n1 systemd[1]: shop.service: Main process exited, code=exited", "/var/log/syslog", "systemd"),
        ("Service Action started", "/var/log/nginx/error.log.2.gz", "nginx"),
        ("x", "/var/log/nginx/shop.log-20250101", "shop"),
        ("x", "/var/log/error.log", "error"),
        ("x", "/var/log/pods/default_shop-5d8f_11-22/checkout/3.log", "checkout"),
        ("x", "/var/log/pods/default_shop-5d8f_11-22/checkout/3.log.20251123-032005.gz", "checkout"),
        ("x", f"/var/log/containers/shop-5d8f-x2_default_check-out-{'0f' * 32}.log", "check-out"),
        ("x", "/run/svc/shop/current", "shop"),
    ],
)
def test_service(line: str, path: str, service: str) -> None:
    assert service_of(line, None, path) == service


def test_the_configured_service_wins() -> None:
    assert service_of('{"service":"billing"}', "shop", "/x.log") == "shop"


def test_a_service_can_be_stored_whatever_a_line_or_a_file_calls_it() -> None:
    """Half of a character is valid JSON, and what a writer makes of an emoji that it cuts."""
    assert service_of('{"service":"pay\\ud83d","msg":"x"}', None, "/x.log") == "pay\\ud83d"
    assert service_of("x", None, "/var/log/caf\udce9.log") == "caf\\udce9"
