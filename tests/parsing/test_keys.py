"""Keys: what of a line they keep, and what they drop."""

from __future__ import annotations

import time

import pytest
from hypothesis import given

from logwatchd.parsing import keys
from logwatchd.parsing.keys import key_of, show_kept
from logwatchd.parsing.normalise import pattern_of_key
from logwatchd.parsing.shapes import MAX_JUDGED_BYTES, shapes
from logwatchd.parsing.skeletons import skeleton
from tests.parsing.lines import LINES, LOG_LIKE


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b'1.2.3.4 "GET / HTTP/1.1" 404 1234 "-"', b'0.0.0.0 "GET / HTTP/0.0" 404 0000 "-"'),
        (b"exited with code 137 after 12s", b"exited with code 137 after 0s"),
        (b"upstream status=502 in 33ms", b"upstream status=502 in 0ms"),
        (b"[Errno 28] No space", b"[Errno 0] No space"),
        (b"errno 28: no space", b"errno 0: no space"),
        (b"killed by signal 9", b"killed by signal 9"),
        (b'{"level":50,"msg":"x"}', b'{"level":50,"msg":"x"}'),
        (b"error state 6", b"error state 0"),
        (b"took 404 ms", b"took 0 ms"),
    ],
)
def test_digits_that_carry_meaning_are_kept(raw: bytes, shown: bytes) -> None:
    assert show_kept(key_of(raw)) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"status: 4675 len: 7", b"status: 0000 len: 0"),
        (b"status: 777", b"status: 0"),
        (b"signal 95, code=8", b"signal 0, code=8"),
        (b"exit code 1000", b"exit code 0000"),
    ],
)
def test_a_number_beyond_its_kinds_range_is_a_measurement(raw: bytes, shown: bytes) -> None:
    assert show_kept(key_of(raw)) == shown


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"client 10.0.0.7:53017 sent 1 bytes", b"client 192.168.100.200:80 sent 999 bytes"),
        (b"blk_-1608999687919862906 on node7", b"blk_-160899968791986290 on node12"),
        (b"[req-54fadb41-2c4e-40cd-baed-9335e4c35a9e] x", b"[req-00000000-2c4e-40cd-baed-123456789012] x"),
        (b"tenant 54fadb412c4e40cdbaed9335e4c35a9e", b"tenant 113d3a99c3da401fbd62cc2caa5b96d2"),
        (b"Foo.java:5 took 12345 ms", b"Foo.java:300 took 1234567 ms"),
        (b'{"pid":1,"trace":"4bf92f3577b34da6"}', b'{"pid":999,"trace":"00f067aa0ba902b7"}'),
    ],
)
def test_lines_that_differ_in_lengths_and_ids_share_a_key(one: bytes, other: bytes) -> None:
    assert key_of(one) == key_of(other)


@pytest.mark.parametrize(
    "raw",
    [
        b"20171223-22:15:29:606|Step_LSC|30002312|onStandStepChanged 3579",
        b"081109 203615 148 INFO dfs.DataNode$DataXceiver: blk_-16089 terminating",
        b"- 1117838570 2005.06.03 R02-M1-N0-C:J12-U11 2005-06-03-15.42.50.675872 R02 RAS KERNEL INFO",
        b"Jun  9 06:06:20 combo sshd(pam_unix)[19939]: rhost=218.188.2.4",
        b"[Sun Dec 04 04:47:44 2005] [21/Jan/2022:05:55:22 +0000] 17/06/09 20:10:40",
        b"at 2015-10-18T18:01:47,978+02:00 from fa:16:3e:7a:0c:11 and fe80::f816:3eff:fe7a:c11",
        b"E0102 15:04:05.678901 12345 k8s.go:7] took 3.5 seconds, 12MB of 1.5GiB, txn_8a7dk",
    ],
)
def test_no_mask_tells_a_key_from_its_shape(raw: bytes) -> None:
    assert pattern_of_key(key_of(raw)) == pattern_of_key(shapes(raw))


@given(LINES | LOG_LIKE)
def test_a_key_holds_only_digits_that_are_kept(raw: bytes) -> None:
    assert not set(key_of(raw)) & set(b"123456789")


def test_what_lies_beyond_the_longest_line_is_cut() -> None:
    assert key_of(b"ab " * MAX_JUDGED_BYTES) == (b"ab " * MAX_JUDGED_BYTES)[:MAX_JUDGED_BYTES]


@pytest.mark.parametrize(
    "piece", [b"0", b"a", b"0a", b"-", b"a---", b"0x", b"00:", b"0.", b"a0 ", b"status 0", b"00000000-", b"(", b"\xff"]
)
def test_a_megabyte_of_anything_is_folded_in_no_time(piece: bytes) -> None:
    raw = piece * (2**20 // len(piece))
    began = time.process_time()
    shapes(raw)
    key_of(raw)
    assert time.process_time() - began < 5.0  # .3 at most; were it to grow with the square, an hour


def test_the_example_is_so() -> None:
    told = dict(line.split(maxsplit=1) for line in (keys.__doc__ or "").splitlines() if line.startswith("    "))
    raw = told["raw"].encode()
    assert shapes(raw).decode() == told["shape"]
    assert skeleton(shapes(raw)).decode() == told["skeleton"]
    assert pattern_of_key(key_of(raw)) == told["pattern"]
    assert key_of(raw).count(b"\x15\x10\x13") == 1
