"""Levels found by words first: the answers are those of the expressions alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logwatchd.parsing import level
from logwatchd.parsing.keys import key_of, show_kept
from logwatchd.parsing.level import level_of
from logwatchd.parsing.normalise import decode
from logwatchd.records import Level
from tests.conftest import ROOT

LOGS = sorted((ROOT.parent / "shared" / "data").glob("*/*.log"))
PIECES = st.one_of(
    st.sampled_from(
        [
            *(
                "ERROR",
                "error",
                "Err",
                "ERR",
                "WARN",
                "WARNING",
                "warn",
                "info",
                "INFO",
                "DBG",
                "INF",
                "ALERT",
                "alert",
            ),
            *("EMERG", "EMERGENCY", "level", "severity", "lvl", "levelname", "core", "foo", "5", "x", "_"),
            *(": ERROR/", "/Main]", "production.", "a.INFO: ", "[00:00:00 INF]", "00:00 "),
            *(
                "é",
                "错误",
                "\N{LATIN SMALL LETTER DOTLESS I}nfo",
                "\N{LATIN SMALL LETTER LONG S}evere",
                "\udc80",
                "\x85",
                "\N{SUPERSCRIPT ONE}",
                "\N{ARABIC-INDIC DIGIT FOUR}",
            ),
            *("[", "]", "<", "|", "(", ")", ":", "=", '"', "'", "-", "/", ".", " ", "  ", "\t", "\n"),
        ]
    ),
    st.text(max_size=3),
)
TEXTS = st.lists(PIECES, max_size=14).map("".join)


@settings(max_examples=1000)
@given(TEXTS)
def test_words_show_where_to_look_and_what_is_found_there(text: str) -> None:
    assert level._written(text) is level._searched(text, 0)


@pytest.mark.skipif(not LOGS, reason="needs the logs in ../shared/data")
def test_so_they_do_in_real_logs() -> None:
    for path in LOGS:
        lines = path.read_bytes().split(b"\n")
        for text in {decode(line)[: level._MAX_CHARS] for line in lines[:: max(1, len(lines) // 300)]}:
            assert level._written(text) is level._searched(text, 0), text


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a NOTICE of an ERROR", Level.NOTICE),
        ("an error of INFO", Level.INFO),
        ("an [error] of INFO", Level.ERROR),
        ("level=odd but WARN", Level.WARNING),
        ("x/ERROR WARN", Level.WARNING),
        ('Server web1 is DOWN, reason: L4 problem, info: "Connection refused"', Level.UNKNOWN),
        ("cannot open it, error: no such file", Level.ERROR),
        ("app: info: started", Level.INFO),
        ("\N{LATIN SMALL LETTER LONG S}EVERE: é", Level.ERROR),
        ("Не удалось, é: WARN", Level.WARNING),
        ("Не удалось éERROR [crit]", Level.CRITICAL),
        ("[2026-03-11 17:34:08,123: ERROR/ForkPoolWorker-3] Task x raised", Level.ERROR),
        ("[2026-03-11 17:34:08] production.ERROR: Class not found", Level.ERROR),
        ("[2026-03-11T17:34:08.123456+00:00] request.INFO: Matched route", Level.INFO),
        ("[17:34:08 INF] started", Level.INFO),
        ("[17:34:08 FTL] stopped", Level.FATAL),
        ("see docs/ERROR/readme and a.ERROR.b", Level.UNKNOWN),
        ("x" * 1022 + " ERROR", Level.UNKNOWN),
        ("level:\N{SUPERSCRIPT ONE}", Level.UNKNOWN),
        ('{"level": "\N{SUPERSCRIPT TWO}"}', Level.UNKNOWN),
        ("level=\N{ARABIC-INDIC DIGIT THREE}", Level.ERROR),
    ],
)
def test_the_first_word_that_stands_where_a_level_stands_counts(line: str, expected: Level) -> None:
    assert level_of(line) is expected


@pytest.mark.parametrize(
    ("letter", "expected"),
    [("I", Level.INFO), ("W", Level.WARNING), ("E", Level.ERROR), ("F", Level.FATAL)],
)
@pytest.mark.parametrize("line", ["0311 02:00:00.860560     806 a.go:107] x"])
def test_klogs_letter_is_a_level_in_lines_and_in_keys(line: str, letter: str, expected: Level) -> None:
    assert level_of(letter + line) is expected
    assert level_of(decode(key_of((letter + line).encode()))) is expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"PRIORITY":"6","MESSAGE":"started"}', Level.INFO),
        ('{"PRIORITY": "3", "MESSAGE": "failed"}', Level.ERROR),
        ('{"priority":4,"msg":"slow"}', Level.WARNING),
        ('{"priority":10,"msg":"queued"}', Level.UNKNOWN),
        ('{"level":"30","msg":"started"}', Level.INFO),
        ('{"loglevel":50,"msg":"failed"}', Level.ERROR),
        ('{"level":0,"msg":"down"}', Level.FATAL),
        ("lvl=3 msg=failed", Level.ERROR),
    ],
)
def test_a_number_is_the_same_level_in_a_line_and_in_its_key(line: str, expected: Level) -> None:
    assert level_of(line) is expected
    assert level_of(decode(show_kept(key_of(line.encode())))) is expected
