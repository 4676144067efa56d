"""Texts that sound the alarm by themselves, and those that only look like it."""

from __future__ import annotations

import re
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logwatchd.parsing import alarm
from logwatchd.parsing.alarm import is_alarming
from logwatchd.parsing.failing import counts_failures
from logwatchd.parsing.normalise import normalise


@pytest.mark.parametrize(
    "line",
    [
        "cp: cannot stat '/tmp/fail': No such file or directory",
        "java.io.IOException: Broken pipe",
        "sqlite3.OperationalError: database is locked",
        "connect() failed (111: Connection refused) while connecting to upstream",
        "Out of memory: Killed process 4211 (java)",
        "upstream timed out (110: Connection timed out)",
        "Traceback (most recent call last):",
        "[Zuul] Job complete, result: FAILURE",
        '10.0.0.7 - - [21/Jan/2022:05:55:22 +0000] "GET /checkout HTTP/1.1" 503 312',
        "haproxy[17]: 10.0.0.1:5669 [x] app/app3 3/0/2/21/8 500 11423 - - ---- 20/3/1/3/0 0/0",
        "GET /api/items/874 500 38.376 ms - 6908",
        "request done status=500",
        "worker exited with code 137",
        "ERROR! the playbook could not be found",
        '10.0.0.7 - - [21/Jan/2022:05:55:22 +0000] "POST /cart HTTP/1.1" 429 162 "-" "curl/8.1"',
        "haproxy[17]: 10.0.0.1:5669 [x] https~ app/app3 3/0/2/21/8 -1 11423 - - SC-- 20/3/1/3/0 0/0",
        "haproxy[17]: 10.0.0.1:5669 [x] tcp app/app3 3/0/5007 212 sD 20/3/1/3/0 0/0",
        "1773191438.609    679 10.1.252.6 TCP_MISS/503 8989 GET http://x.example.com/a - HIER_DIRECT/10.0.0.1",
        "https app/shop/8ecd 10.0.0.1:32924 10.2.122.74:80 0.573 0.929 0.000 502 - 633 2840 x",
        "Cluster health status changed from [YELLOW] to [RED] (reason: [node left])",
        '{"cluster":"logs","status":"red"}',
        "web3 : ok=12 changed=1 unreachable=0 failed=1",
        "sudo: anna : 3 incorrect password attempts ; TTY=pts/0",
        "Client sensor disconnected, not authorised.",
        "thread starvation detected",
        "Liveness probe says: unhealthy",
        "worker 7 died",
        "stock exhausted",
        "sync finished: 412 ok, 31 failed",
        "3 received, 70% packet loss",
        '{"errors":0,"failedCount":7}',
    ],
)
def test_failures_are_heard(line: str) -> None:
    assert is_alarming(normalise(line))


@pytest.mark.parametrize(
    "line",
    [
        "writing output... [ 12%] contributor/command-errors",
        "localhost : ok=1 changed=0 unreachable=0 failed=0",
        "scan complete, errors: 0, warnings: 3",
        "finished without error",
        "3 torus receiver x+ input pipe error(s) detected and corrected",
        "loaded /usr/lib/python3/dist-packages/requests/exceptions.py",
        '10.0.0.7 - - [21/Jan/2022:05:55:22 +0000] "GET /checkout HTTP/1.1" 200 5031',
        '10.0.0.7 - - [21/Jan/2022:05:55:22 +0000] "POST /checkout HTTP/1.1" 200 5031 "-" "curl/8.1" 504 0.03',
        "haproxy[17]: 10.0.0.1:5669 [x] https~ app/app3 3/0/2/21/8 200 11423 - - ---- 20/3/1/3/0 0/0",
        "haproxy[17]: 10.0.0.1:5669 [x] https~ app/app3 3/0/2/21/8 -1 11423 - - CD-- 20/3/1/3/0 0/0",
        "1773191438.609    679 10.1.252.6 TCP_HIT/200 5031 GET http://x.example.com/a - HIER_DIRECT/10.0.0.1",
        "Cluster health status changed from [RED] to [GREEN] (reason: [shards started])",
        'current.health=\\"GREEN\\" previous.health=\\"RED\\"',
        '{"status":"reduced"}',
        "worker exited with code 0",
        "status=200 in 512ms",
        "timeout=30 retries=3",
        '{"errors":0,"timeout":30,"error":null,"failed":false,"faults":"0","exception":"","rejected":[]}',
        "sync finished: 412 ok, 0 failed",
        "Build succeeded: 0 Error(s)",
        "3 received, 0% packet loss",
        "user died_hard logged in",
        "connections: exhausted=0, forbidden: none",
    ],
)
def test_what_only_looks_like_a_failure_is_not(line: str) -> None:
    assert not is_alarming(normalise(line))


PIECES = st.one_of(
    st.sampled_from(
        [
            *("error", "Errors", "errno", "FAILED", "fails", "fault", "exceptions", "Traceback", "fatal", "panicked"),
            *(
                "crashes",
                "aborting",
                "refused",
                "time",
                "timed",
                "out",
                "-",
                "cannot",
                "can't",
                "could not",
                "couldn't",
            ),
            *("unable to", "no", "such", "not", "found", "too many", "exceeds", "gave up", "bad", "corruption", "oom"),
            *("out of memory", "dead", "KeyError", "IOException", "Failure", "status", "exited with", "exit code"),
            *(
                " ",
                " ",
                " ",
                "/",
                ".",
                ":",
                "=",
                "_",
                "0",
                "5",
                "503",
                "<N>",
                "(s)",
                '" ',
                "none",
                "é",
                "429",
                "TCP_MISS/5",
                "- SC-- ",
                "<N> <N>",
            ),
            *("\u017fegfault", "\u212ailled", "fa\u0130led", "fa\u0131lure", "\ud800"),
        ]
    ),
    st.from_regex(alarm._WORDS, fullmatch=True),
    st.text(max_size=3),
)


@settings(max_examples=1000, deadline=None)
@given(st.lists(PIECES, max_size=8).map("".join))
def test_what_is_asked_first_changes_no_answer(text: str) -> None:
    assert is_alarming(text) == (
        any(each.search(text) for each in (alarm._WORD, alarm._EXCEPTION, alarm._STATUS, alarm._CUT))
        or counts_failures(text)
    )


def test_no_other_letters_are_taken_for_those_of_words() -> None:
    letter = re.compile("[a-z]", re.IGNORECASE)
    found = filter(letter.match, map(chr, range(0x80, sys.maxunicode + 1)))
    assert list(found) == sorted(alarm._ALIKE)


@given(st.text(max_size=200))
def test_any_text_has_an_answer(text: str) -> None:
    assert is_alarming(text) in {True, False}


@pytest.mark.parametrize("piece", ["no ", "error=", "time ", "a", "aError", "status: ", "exit code ", '" 5', "[=: "])
def test_the_cost_grows_with_the_length_alone(piece: str) -> None:
    """Ten times the text takes no more than thirty times as long, whatever it repeats."""

    def took_s(text: str) -> float:
        began = time.process_time()
        is_alarming(text)
        return time.process_time() - began

    short, long = piece * (20_000 // len(piece)), piece * (200_000 // len(piece))
    assert min(took_s(long) for _ in range(3)) < 30 * max(min(took_s(short) for _ in range(3)), 1e-3)
