"""Entries as journalctl's JSON tells them, in every form that a field can have."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.ingest.journal_entry import Oneself, joined, parse
from logwatchd.ingest.lines import MAX_LINE_BYTES
from logwatchd.parsing.level import level_of
from logwatchd.parsing.own import is_own
from logwatchd.parsing.service import service_of
from logwatchd.records import Level

NOBODY = Oneself()


def line(**fields: Any) -> bytes:
    given = {
        "__CURSOR": "s=1;i=2",
        "__REALTIME_TIMESTAMP": "1795383173128280",
        "MESSAGE": "hello",
        "SYSLOG_IDENTIFIER": "app",
        "_PID": "12",
        "_HOSTNAME": "web1",
        "PRIORITY": "6",
    }
    return json.dumps({name: value for name, value in (given | fields).items() if value is not None}).encode()


def event(**fields: Any) -> bytes:
    return parse(line(**fields), NOBODY).event


def test_an_entry_looks_as_in_syslog() -> None:
    found = parse(line(), NOBODY)
    assert found.event == b"2026-11-22T21:32:53.128280+00:00 web1 app[12]: hello\n"
    assert found.cursor == "s=1;i=2"
    assert not found.own
    assert service_of(found.event.decode(), None, "journal") == "app"


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        ({"MESSAGE": [98, 255, 27, 10]}, b" app[12]: b\xff\x1b\n"),
        ({"MESSAGE": ["first", "second"]}, b" app[12]: first\n"),
        ({"MESSAGE": [[104, 105], "second"]}, b" app[12]: hi\n"),
        ({"MESSAGE": None}, b" app[12]: \n"),
        ({"MESSAGE": []}, b" app[12]: \n"),
        ({"MESSAGE": "two\nlines\n\n"}, b" app[12]: two\nlines\n"),
        ({"MESSAGE": "gr\u00fcn \ud800"}, " app[12]: grün \\ud800\n".encode()),
        ({"SYSLOG_IDENTIFIER": None, "_COMM": "cron"}, b" cron[12]: hello\n"),
        ({"SYSLOG_IDENTIFIER": None, "_PID": None}, b" unknown: hello\n"),
        ({"SYSLOG_IDENTIFIER": "two words", "_PID": None, "SYSLOG_PID": "9"}, b" two_words[9]: hello\n"),
        ({"PRIORITY": "3"}, b" app[12]: <err> hello\n"),
        ({"_HOSTNAME": None}, b" localhost app[12]: hello\n"),
        ({"__REALTIME_TIMESTAMP": "nonsense"}, b" web1 app[12]: hello\n"),
    ],
)
def test_every_form_of_a_field_is_read(fields: dict[str, Any], end: bytes) -> None:
    assert event(**fields).endswith(end)


@pytest.mark.parametrize(
    ("priority", "level"),
    [
        ("0", Level.FATAL),
        ("1", Level.FATAL),
        ("2", Level.CRITICAL),
        ("3", Level.ERROR),
        ("4", Level.WARNING),
        ("5", Level.UNKNOWN),
        ("6", Level.UNKNOWN),
        ("7", Level.DEBUG),
    ],
)
def test_a_priority_that_tells_something_is_the_level(priority: str, level: Level) -> None:
    assert level_of(event(PRIORITY=priority).decode()) is level


def test_a_message_of_many_megabytes_is_cut() -> None:
    assert len(event(MESSAGE="x" * 3_000_000)) == MAX_LINE_BYTES + 1


@pytest.mark.parametrize(
    ("fields", "own"),
    [
        ({"SYSLOG_IDENTIFIER": "logwatchd"}, True),
        ({"SYSLOG_IDENTIFIER": None, "_COMM": "logwatchd"}, True),
        ({"_SYSTEMD_UNIT": "logwatchd-web.service"}, True),
        ({"_PID": "4711"}, True),
        ({"_PID": "4711", "__REALTIME_TIMESTAMP": "5"}, False),  # somebody else's number then
        ({"_PID": "471"}, False),
        ({"_SYSTEMD_UNIT": "init.scope", "UNIT": "logwatchd-web.service", "SYSLOG_IDENTIFIER": "systemd"}, False),
        ({"MESSAGE": "logwatchd is mentioned"}, False),
    ],
)
def test_its_own_entries_are_known(fields: dict[str, Any], own: bool) -> None:
    oneself = Oneself(pid=4711, since=1795383173000000, unit="logwatchd-web.service")
    assert parse(line(**fields), oneself).own is own


def test_outside_of_systemd_only_the_name_tells() -> None:
    """In a container our number is 1, and that is systemd's in the host's journal."""
    assert Oneself.found({}, 0) == Oneself(None, 0, None)
    assert not parse(line(_PID="1", _SYSTEMD_UNIT="init.scope"), Oneself.found({}, 0)).own


def test_an_own_entry_is_own_to_the_scorer_as_well() -> None:
    assert is_own(event(SYSLOG_IDENTIFIER="logwatchd").decode())


@given(st.lists(st.lists(st.text(alphabet="ab", max_size=3), min_size=1, max_size=4).map("\n".join), max_size=6))
def test_joined_events_come_apart_again(messages: list[str]) -> None:
    entries = [parse(line(MESSAGE=message), NOBODY) for message in messages]
    data, inner = joined(entries)
    flat = bytearray(data)
    for place in inner:
        assert flat[place] == ord("\n")
        flat[place] = 0
    assert [part.replace(b"\0", b"\n") + b"\n" for part in bytes(flat).split(b"\n")[:-1]] == [e.event for e in entries]


@pytest.mark.parametrize(
    "text", [b"", b"-- No entries --", b"[]", b"{}", b'{"__CURSOR": 5}', b'{"MESSAGE": "x"}', b"\xff"]
)
def test_what_is_no_entry_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        parse(text, NOBODY)


@given(
    st.dictionaries(
        st.sampled_from(["MESSAGE", "PRIORITY", "_PID", "_HOSTNAME"]),
        st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=4),
    )
)
def test_nonsense_in_a_field_is_an_entry_or_refused(fields: dict[str, Any]) -> None:
    try:
        found = parse(json.dumps({"__CURSOR": "s=1", **fields}).encode(), NOBODY)
    except (ValueError, TypeError):
        return
    assert found.event.endswith(b"\n")
