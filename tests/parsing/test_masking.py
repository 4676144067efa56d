"""Rules asked part by part, and only those that may find something: the same answers as those of the rules in turn."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logwatchd.parsing import masking
from logwatchd.parsing.hints import BETWEEN
from logwatchd.parsing.keys import key_of
from logwatchd.parsing.masking import Masking
from logwatchd.parsing.rules import RULES, Rule
from tests.conftest import ROOT

LOGS = sorted((ROOT.parent / "shared" / "data").glob("*/*.log"))
EXAMPLES = [word for rule in RULES for word in rule.example[0].split(" ")]
WORDS = st.one_of(
    st.sampled_from(EXAMPLES),
    st.sampled_from([key_of(word.encode()).decode() for word in EXAMPLES]),
    st.sampled_from(
        [
            *(
                "=",
                '"',
                "'",
                "(",
                ")",
                "[",
                "]",
                "/",
                "-",
                ":",
                ".",
                "0",
                "00:00:00",
                "000000",
                "00000000",
                "0000",
                "00",
            ),
            *("a0", "x", "_", "<N>", "%", "user", "id", "Z", "UTC", "Jan", "Mon", "Mon,", "s", "ms", "KB", "seconds"),
            *("0,", "00,", "0:00:00", "PM", "CEST", "MSK", "00-Mar-0000", "Apr", "I0"),
            *("-a0000000-", "-0-", "xsmwz", "x0x0k", "kube-api-access-"),
            *("foo", "foo,", "abcdefab", "FATAL", "GET", "GET /", "@", '="', '": ', '" : ', "E0000", "0000-00-00"),
            *(
                "+0000",
                "a.b.com",
                "/foo.bar.com",
                "txn_",
                "blk_",
                "::",
                '","',
                '",',
                '":"',
                "0x0",
                "=a0",
                "Dec  0",
                "{",
                "}",
                ",",
                "<PATH>",
                *("é", "日志", "ошибка", "🚀", "\xa0", "\u3000", "µs", "deadbeef"),
            ),
        ]
    ),
    st.text(max_size=6),
)
TEXTS = st.lists(st.lists(WORDS, max_size=3).map("".join), max_size=8).map(lambda w: " ".join(w).replace("\n", " "))
mask = Masking(RULES)


def in_turn(text: str) -> str:
    """The definition."""
    for rule in RULES:
        text = rule.pattern.sub(rule.token, text)
    return text


@settings(max_examples=1000)
@given(TEXTS)
def test_parts_and_lines_give_the_same_pattern(text: str) -> None:
    for line in (text, key_of(text.encode(errors="replace")).decode(errors="replace")):
        assert mask(line) == in_turn(line)


@settings(max_examples=300)
@given(st.lists(TEXTS, min_size=1, max_size=12))
def test_lines_do_not_see_each_other(texts: list[str]) -> None:
    for lines in (texts, [f"/{text}" if len(text) % 3 else text for text in texts], [f"{text}=a0" for text in texts]):
        assert Masking(RULES).lines("\n".join(lines)).split("\n") == [in_turn(line) for line in lines]


@settings(max_examples=300)
@given(st.lists(TEXTS | WORDS.map(lambda word: word.replace("\n", "")), min_size=1, max_size=12))
def test_parts_do_not_see_each_other_whatever_they_are(texts: list[str]) -> None:
    assert masking._Parts(RULES).masked(texts) == [in_turn(f" {text}")[1:] for text in texts]


@pytest.mark.parametrize(
    "text",
    [
        "081109 203615 then 081109 203615",
        "000000 000000 INFO and 000000 000000",
        "/foo.bar.com and /foo.bar.com",
        'a "user": anna is "user" : "anna is" and user="anna is" not',
        "Mar 0, 0000 0:00:00 PM, Mar  00, 00:00:00 AM, Mar 0 00:00:00 MSK 0000 or 0, 0000 0:00:00 PM 0000",
        "00-Mar-0000 00:00:00 CEST and 0000-00-00 00:00:00 EST, I0 00:00:00.000 0 or 0 CET",
        "at 00 Jan 0000 00:00:00 Z 0000 or Sun, Jan  0 00:00:00 GMT 0000",
        "0 s of 0  s and 0 seconds, 0 MB/s",
        'it said 0" to user="a b c" and "GET /a b c"',
        "/a.b.com /a.b.com/c /a.b.com",
        "🚀Jan  0 00:00:00 at éJan 00 00:00:00",
        '{"a": "b c", "user": "anna b", "msg=": "c d", "x": "user=e f", "sha": 0} {"id": "x',
        '{"a":"b c","user":"anna","id":0,"x":"GET /a b","n":"00:00:00","url":"https://a.b.c/d",","=","}',
        "\\xe9abcdefab caf\\xe9abcdefab \\xa0 \\xe9\\xe8, \\x41 日abcdefab",
    ],
)
def test_what_spans_words_stays_together(text: str) -> None:
    assert mask(text) == in_turn(text)


@pytest.mark.skipif(not LOGS, reason="needs the logs in ../shared/data")
def test_so_they_do_in_real_logs() -> None:
    for path in LOGS:
        lines = path.read_bytes().split(b"\n")
        for key in {key_of(line) for line in lines[:: max(1, len(lines) // 200)]}:
            line = key.decode(errors="replace")
            assert mask(line) == in_turn(line)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)
@given(st.data())
def test_what_is_asked_first_is_true_of_all_that_a_rule_matches(rule: Rule, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(rule.pattern).filter(lambda text: "\n" not in text))
    assert rule.hint is None or rule.hint(BETWEEN.join(["x", text, "=", text])) == [1, 3]


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.quick is not rule.pattern], ids=lambda rule: rule.name)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)
@given(st.data())
def test_what_is_found_sooner_is_the_same(rule: Rule, data: st.DataObject) -> None:
    text = "".join(data.draw(st.lists(TEXTS | st.text("0aAfx-+._/:=<, ", max_size=8) | st.from_regex(rule.pattern))))
    assert rule.quick.sub(rule.token, BETWEEN + text) == rule.pattern.sub(rule.token, BETWEEN + text)


def test_parts_are_forgotten_before_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "MAX_PARTS", 10)
    parts = masking._Parts(RULES)
    for number in range(100):
        part = "w" * (number % 20) + "0" + "-." * (number % 7) + " "
        assert parts.masked([part, "a0"]) == [in_turn(part), in_turn("a0")]
        assert parts[part] == in_turn(part)
        assert len(parts) <= 10
    assert len(parts.masked(["y" * 1000 + "0"])[0]) == 1003
    assert max(map(len, parts), default=0) < 1000


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    [
        *("0", "a0", "a", "/", "/a", ":", "0:", ".", "a.", "a@", "@", "-", "--", "0-", "a-", "_", "a_", "=", '"', " "),
        *(
            '"GET /',
            '="',
            '" ',
            '": ',
            '": "',
            '"a":',
            '" :',
            "0 ",
            "0 s ",
            "Jan ",
            "Mon, ",
            "foo ",
            "foo, ",
            "deadbee",
        ),
    ],
)
def test_hostile_repetition_costs_no_more_than_its_length(unit: str) -> None:
    """16 times the text costs about 16 times the time; to try all over at each place would make it 256 times."""

    def cost(size: int) -> float:
        text = ("x" + unit * size)[:size]
        return max(1e-4, min(_timed(text) for _ in range(3)))

    assert cost(256_000) < 80 * cost(16_000)


def _timed(text: str) -> float:
    start = time.process_time()
    mask(text)
    return time.process_time() - start
