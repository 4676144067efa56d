"""Numbers that carry meaning: read backwards, the same are found as by the expressions that say what they are."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logwatchd.parsing import counts
from logwatchd.parsing.alarm import is_failed_answer
from logwatchd.parsing.failing import counts_failures
from logwatchd.parsing.keys import key_of
from logwatchd.parsing.normalise import normalise
from logwatchd.parsing.shapes import shapes
from logwatchd.parsing.skeletons import skeleton
from logwatchd.parsing.slots import MAX_SLOTS, kept, meaningful, places
from tests.parsing.lines import LINES, LOG_LIKE

NUMBER = re.compile(rb"0+(?![0A-Za-z_.:/-])")
CAPITAL, CAPITAL_COUNTABLE = ("|".join(map(str.capitalize, words)) for words in (counts.NAMES, counts.COUNTABLE))
COUNT = rf"""
    (?: (?<![A-Za-z])(?:{"|".join(counts.NAMES)}|{"|".join(counts.NAMES).upper()}) | (?<![A-Z])(?:{CAPITAL})
      | (?: (?<![A-Za-z])(?:{"|".join(counts.COUNTABLE)}) | (?<![A-Z])(?:{CAPITAL_COUNTABLE}) )
        (?:{"|".join(map(re.escape, counts.SUFFIXES))}) )
    ["']?[ ]?[=:][ ]{{0,3}}["']?
"""
BEFORE = r"""
    (?: (?P<code> \b(?: (?:errno|(?:log)?level|lvl|severity|[Cc]ode|[Ee]rror)["']?[=:\ \#\[(]{1,3}
                     | err=[=:\ \#\[(]{0,2} )(?:-|["'])? )
      | (?P<count>COUNT)
      | (?P<exit> \b[Ee]xit(?:ed|s)?(?:[ ]with)?[ _-]?(?:code|status|value)?["']?[=:\ ]{1,3}
              | \b(?:returned|rc|ret)["']?[=:\ \#\[(]{1,3}-? )
      | (?P<status> \b[Ss]tatus(?:[ _-]?[Cc]ode)?["']?[=:\ ]{1,3}["']? )
      | (?P<signal> \b(?:[Ss]ignal|SIG)["']?[=:\ \#\[(]{1,3} )
      | (?P<priority> \b(?:priority|PRIORITY)["']?[=:][ ]?["']? )
      | (?P<http> \bHTTP/0(?:\.0)?(?:\\?"|')?[ ]
              | \b(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)[ ]
                (?:/[^ "]{0,254}|http://[^ "]{0,248}|https://[^ "]{0,247}|<PATH>[^ "]{0,249})"?
                [ ](?:->?[ ]|responded[ ])?
              | \][ ]\\?"[^"]{0,255}"[ ]
              | [ ](?:[+-]?0+/){4}[+-]?0+[ ]
              | (?::0+|[ ]-)(?:[ ](?:0+\.0+|-0+)){3}(?:[ ](?:0+|-))?[ ]
              | \b(?:(?:TCP|UDP)_[A-Z_]{1,31}[A-Z]|NONE)/
              | \bafter[ ][0.]+ms[ ]-[ ]
              | [ ]-[ ]00:00:00[ ]\|[ ] ) )
""".replace("COUNT", COUNT)


def written(words: tuple[str, ...]) -> str:
    return "|".join(re.escape(word).replace(word[0], f"[{word[0]}{word[0].upper()}]", 1) for word in words)


AROUND = re.compile(
    rf"""
    (?<![0A-Za-z_.:/-])0+(?:\ (?:{written(counts.COUNTED)})(?![A-Za-z0_=:])|%\ packet\ loss)
  | (?:(?<=[,;:|=(\[]\ )|(?<=[(\[])|(?<=\ and\ )|(?<=\ with\ )|^)0+\ (?:{written(counts.LISTED)})(?![A-Za-z0_=:])
    """.encode(),
    re.VERBOSE,
)
READ_FORWARDS = re.compile(rf"{BEFORE}\Z".encode(), re.VERBOSE)
NUMBERED = st.from_regex(re.compile(rf"{BEFORE}0+".encode(), re.VERBOSE)) | st.lists(
    st.sampled_from(
        [
            "exit",
            "ed",
            " ",
            "_",
            "-",
            "code",
            "status",
            "Status",
            "Code",
            ":",
            "=",
            '"',
            "0",
            "HTTP/0",
            "HTTP/0.0",
            "'",
            ".0",
            "with",
            "severity[",
            "rc",
            "error",
            " err=",
            "priority",
            "loglevel",
            "x",
            "GET /",
            "POST https://x/",
            '"GET <PATH>" ',
            "] ",
            "- ",
            "responded ",
            "/0/0",
            "0/-0/+0",
            " - 00:00:00 | ",
            "\\",
            *(":0 ", " 0.0", " -0", "TCP_MISS/", "NONE/", "Completed ", "Sent ", "0 OK", "000 in", "after 0.0ms - "),
            *("errors", "Failed", "FAILED", "lost", "Count", "_total", " count", "error", "(s)", "00 ", ", ", "(["),
            *("% packet loss", " and ", " with ", "0 failed", "0 Errors", "disk "),
        ]
    ),
    max_size=12,
).map(lambda pieces: "".join(pieces).encode())
DONE = re.compile(rb"(?<=\bCompleted )0(?:00)? [A-Z]|(?<=\bSent )0(?:00)? in")


@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(NUMBERED)
def test_no_number_that_carries_meaning_is_passed_over(text: bytes) -> None:
    text = text.replace(b"\n", b"")
    found = []
    for number in NUMBER.finditer(text):
        if before := READ_FORWARDS.search(text[: number.start()]):
            found.append((*number.span(), before.lastgroup))
        elif DONE.match(text, number.start()):
            found.append((*number.span(), "http"))
        elif AROUND.match(text, number.start()):
            found.append((*number.span(), "counted"))
    assert list(meaningful(text)) == found[:MAX_SLOTS]


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (
            '10.0.0.1 - - [11/Mar/2026:00:08:30 +0000] "POST /a HTTP/2.0" 502 56 "-" "curl/8.8.0" 504 0.913 [a] [] 1',
            b"502",
        ),
        ('10.0.0.1 - - [11/Mar/2026:00:08:30 +0000] "GET / HTTP/1.1" 200 17 "-" "-" 504 "a@docker" "-" 3ms', b"200"),
        ('[2026-03-11T00:24:44.341Z] "POST /a HTTP/1.1" 500 - via_upstream - "-" 504 87563 5', b"500"),
        ('10.0.0.1 - - [11/Mar/2026:00:08:30 +0000] "-" 408 0 "-" "-" 504', b"408"),
        ('10.0.0.1 - - [11/Mar/2026:00:08:30 +0000] "\\x16\\x03 x" 400 157 "-" "-"', b"400"),
        ('{"log":"[11/Mar/2026:00:08:30 +0000] \\"GET /a HTTP/1.1\\" 500 17 \\"-\\" 504\\n"}', b"500"),
        ("haproxy[17]: 10.0.0.1:5669 [x] https~ app/app3 3/0/2/21/8 500 11423 - - ---- 20/3/1/3/0 0/0", b"500"),
        ("haproxy[17]: 10.0.0.1:5669 [x] https~ app/<NOSRV> 3/-1/-1/-1/+8 503 11423 - - SC--", b"503"),
        ('[GIN] 2026/03/11 - 00:48:00 | 503 | 75.68ms | 34.82.50.98 | GET "/v1/items/269"', b"503"),
        ("GET /api/items/874 500 38.376 ms - 6908", b"500"),
        ("GET /products/5008/ -> 500 (49 ms)", b"500"),
        ("Request finished HTTP/1.1 GET http://shop/items/871 - 500 0 null 85.5998ms", b"500"),
        ("HTTP GET /items/944 responded 503 in 59.1051 ms", b"503"),
        ('"GET /x" 500 12', b"500"),
        ("https app/shop/8ecd 10.0.0.1:32924 10.2.122.74:80 0.573 0.929 0.000 502 - 633 2840 x", b"502"),
        ("https app/shop/8ecd 10.0.0.1:32924 10.2.122.74:80 0.573 0.929 0.000 504 500 633 2840 x", b"504,500"),
        ("https app/shop/8ecd 10.0.0.1:32924 - -1 -1 -1 503 - 633 0 x", b"503"),
        (
            "1773191438.609    679 10.1.252.6 TCP_MISS/503 8989 GET http://x.example.com/a - HIER_DIRECT/10.0.0.1",
            b"503",
        ),
        ("1773191438.609    0 10.1.252.6 NONE/400 8989 GET http://x.example.com/a - HIER_DIRECT/10.0.0.1", b"400"),
        ("Completed 500 Internal Server Error in 12ms (Views: 0.2ms)", b"500"),
        ("[info] Sent 503 in 46ms", b"503"),
        ("Received HTTP response headers after 61.4180ms - 502", b"502"),
        ("Completed 500 files", b""),
        ("Sent 500 bytes in 5 s", b""),
        ("load average 0.52 0.58 0.59 502", b""),
        ("copied A/503 B/504", b""),
        ("2026-03-11 17:34:08 | 504 | worker", b""),
        ("moved 500 files, 3/4/5/6 502", b""),
        ("WIDGET /x 504", b""),
        ("GET hits 504", b""),
    ],
)
def test_a_status_follows_the_request_wherever_it_is_written(line: str, status: bytes) -> None:
    raw = line.encode()
    shape = shapes(raw)
    bare = skeleton(shape)
    assert kept(raw, places(shape, bare, meaningful(bare))) == status
    assert is_failed_answer(normalise(line)) == status.startswith(b"5")


@pytest.mark.parametrize(
    "line",
    [
        "ok=12 changed=1 unreachable={} failed=7 skipped=2",
        "Tests run: 12, Failures: 7, Errors: {}, Skipped: 1",
        '{"level":"info","errors":{},"failed": 7,"retries":3}',
        '{"errorCount":{},"totalErrors":7,"upstream_errors_total": 3}',
        "rx_errors:{} FAILED=3 error count: 7",
        "sync finished: 412 ok, {} failed",
        "backup: 7123 files, {} errors in 400 s",
        "done with {} error",
        "{} Error(s)",
        "3 received, {}% packet loss",
    ],
)
def test_of_a_count_of_failures_only_that_it_is_0_is_kept(line: str) -> None:
    none, some, more = (normalise(line.replace("{}", number)) for number in ("0", "1", "4711"))
    assert none != some == more
    assert not counts_failures(none.replace("<N>", "0"))
    assert counts_failures(some)


@pytest.mark.parametrize(
    "line",
    [
        "disk {} failed",
        "attempt {} refused",
        "timeout={} retries=3",
        "changed={} errors=7",
        "2026-03-11 17:34:08,{} ERROR shop",
        "prefailed={} 5 errors",
        "1/{} errors",
    ],
)
def test_other_numbers_beside_such_words_are_measurements(line: str) -> None:
    assert normalise(line.replace("{}", "0")) == normalise(line.replace("{}", "7"))


@settings(max_examples=300)
@given(LINES | LOG_LIKE)
def test_where_meaning_stands_depends_on_the_shape_alone(raw: bytes) -> None:
    shape = shapes(raw)
    assert len(shape) == len(raw)
    bare = skeleton(shape)
    there = places(shape, bare, meaningful(bare))
    assert all(set(shape[start:end]) == {ord("0")} for start, end, _ in there)
    assert shapes(raw.translate(bytes.maketrans(b"123456789", b"987654321"))) == shape


def test_of_a_table_of_codes_the_first_ones_count() -> None:
    shape = shapes(b"rc=1 " * 3000)
    found = meaningful(shape)
    assert [start for start, _, _ in found] == [3 + 5 * number for number in range(MAX_SLOTS)]
    bare = skeleton(shape)
    assert places(shape, bare, meaningful(bare)) == found


def test_places_are_found_though_bytes_that_are_no_text_are_left_out() -> None:
    raw = b'\xffexit 5" 1code \x01codeexit 5x HTTP/1.1" 22'
    shape = shapes(raw)
    bare = skeleton(shape)
    assert bare.startswith(b"<BINARY>")
    assert [raw[start:end] for start, end, _ in places(shape, bare, meaningful(bare))] == [b"5", b"22"]


@pytest.mark.parametrize(
    "piece",
    [
        *(b"rc=1 ", b"ret 1 ", b"code 1,", b'" 200 ', b' 0, "', b"status=200 "),
        *(b"errors=1 ", b"1 errors ", b", 1 failed", b"error_count_total", b"0 0 0 lost", b"error count: ", b"errors:"),
        *(b"GET /a 1 ", b"GET /0 ", b'] "1" 1 ', b"1/", b"1.1 ", b" -1", b"TCP_", b"/A", b"1/1/1/1/1 ", b"/ 1"),
    ],
)
def test_time_grows_with_a_lines_length_and_not_with_its_square(piece: bytes) -> None:
    def seconds(size: int) -> float:
        raw, took = piece * (size // len(piece)), []
        for _ in range(5):  # the least of them: a collection of garbage falls into one
            began = time.process_time()
            key_of(raw)
            took.append(time.process_time() - began)
        return min(took)

    assert seconds(16_000) < 60 * max(seconds(1000), 0.00015)
