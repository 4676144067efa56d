"""The cheap half of normalising: what it keeps, what it drops, and that the fast path is the definition."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from logwatchd.parsing import fold
from logwatchd.parsing.fold import (
    MAX_LINE_BYTES,
    key_of,
    meaningful,
    places,
    shapes,
    show_kept,
    skeleton,
    with_ids,
    without_ids,
)
from logwatchd.parsing.normalise import pattern_of_key

LINES = st.binary(max_size=200).filter(lambda raw: b"\n" not in raw)
UUIDS = st.uuids().map(lambda uuid: str(uuid).encode())
PIECES = [
    *(
        b'" ',
        b"status=",
        b"exit code ",
        b"404",
        b"137",
        b" ",
        b"12",
        b"errno ",
        b"x",
        b'"',
        b"HTTP/1.1 ",
        b"7\t",
        b"\x13",
    ),
    *(
        b",",
        b"signal 9",
        b"code: -5",
        b"12:30:44",
        b"2024-01-02",
        b"10.0.0.1",
        b":80",
        b"0x7f",
        b"deadbeef01",
        b"-",
        b"\r",
    ),
]
LOG_LIKE = st.lists(st.sampled_from(PIECES) | UUIDS, max_size=12).map(b"".join)
DIGESTS = st.binary(min_size=14, max_size=18).map(lambda raw: raw.hex().encode())
BASED = st.integers(0, 2**72).map(lambda number: b"0x%x" % number)
# What `shapes` folds in place, as expressions over the block with its digits as '0'.
UUID = re.compile(rb"(?<![0A-Za-z])[0a-fA-F]{8}-(?:[0a-fA-F]{4}-){3}[0a-fA-F]{12}(?![0A-Za-z])")
DIGEST = re.compile(rb"(?<![0A-Za-z])[0a-f]{32}(?![0A-Za-z])")
BASED_DIGITS = re.compile(rb"(?<![0A-Za-z])(0x)([0a-fA-F]{1,16})")


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


@given(st.lists(LINES | LOG_LIKE, max_size=8))
@example([b"00000000-0000-0000-0000-00000000000a"] * 2)
@example([b"4bf92f3577b34da6a3ce929d0e0e4736 4bf92f3577b34da6a3ce929d0e0e4736"] * 2)
@example([b"12:00:00abcdef-0123-4567-89ab-0123456789ab-"])
def test_a_block_is_folded_as_its_lines_are(lines: list[bytes]) -> None:
    block = b"".join(line + b"\n" for line in lines)
    assert shapes(block).split(b"\n")[:-1] == [shapes(line) for line in lines]


@given(st.lists(LINES | LOG_LIKE, max_size=8), st.sampled_from([b"09:15 a5", b"a\tb 7", b"", b"\x13\x80\xff 4\r"]))
def test_a_large_block_is_folded_as_its_lines_are(lines: list[bytes], filling: bytes) -> None:
    many = [*lines, *[filling] * 9000]
    assert with_ids(b"\n".join(many)).split(b"\n") == [*map(with_ids, lines), *[with_ids(filling)] * 9000]


@settings(max_examples=500)
@given(
    st.lists(
        UUIDS
        | DIGESTS
        | BASED
        | st.sampled_from([b" ", b"-", b"x", b"a", b"0", b"_", b"/", b"\n", b"0x", b"A", b"\xe9"]),
        max_size=12,
    ).map(b"".join)
)
def test_ids_are_found_as_the_expressions_find_them(block: bytes) -> None:
    text = block.translate(bytes.maketrans(b"123456789", b"0" * 9))
    text = DIGEST.sub(b"0" * 32, UUID.sub(b"00000000-0000-0000-0000-000000000000", text))
    assert shapes(block) == BASED_DIGITS.sub(lambda match: match[1] + b"0" * len(match[2]), text)


@given(st.lists(LINES | LOG_LIKE | DIGESTS | BASED, max_size=8))
@example([b"0xabx0 0xax0 ax0", b"0x0ax0f"])
def test_a_shape_is_its_own_shape(lines: list[bytes]) -> None:
    block = shapes(b"\n".join(lines))
    assert without_ids(block) == shapes(block) == block


@settings(max_examples=300)
@given(LINES | LOG_LIKE)
def test_where_meaning_stands_depends_on_the_shape_alone(raw: bytes) -> None:
    shape = shapes(raw)
    assert len(shape) == len(raw)
    bare = skeleton(shape)
    there = places(shape, bare, meaningful(bare))
    assert all(set(shape[slot.start : slot.end]) == {ord("0")} for slot in there)
    assert shapes(raw.translate(bytes.maketrans(b"123456789", b"987654321"))) == shape


@given(LINES | LOG_LIKE)
def test_a_key_holds_only_digits_that_are_kept(raw: bytes) -> None:
    assert not set(key_of(raw)) & set(b"123456789")


def test_what_lies_beyond_the_longest_line_is_cut() -> None:
    assert key_of(b"ab " * MAX_LINE_BYTES) == (b"ab " * MAX_LINE_BYTES)[:MAX_LINE_BYTES]


@pytest.mark.parametrize(
    "piece", [b"0", b"a", b"0a", b"-", b"a---", b"0x", b"00:", b"0.", b"a0 ", b"status 0", b"00000000-", b"(", b"\xff"]
)
def test_a_megabyte_of_anything_is_folded_in_no_time(piece: bytes) -> None:
    raw = piece * (2**20 // len(piece))
    began = time.process_time()
    shapes(raw)
    key_of(raw)
    assert time.process_time() - began < 5.0  # .3 at most; were it to grow with the square, an hour


NUMBERED = st.from_regex(fold._MEANINGFUL) | st.lists(
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
            "x",
        ]
    ),
    max_size=12,
).map(lambda pieces: "".join(pieces).encode())


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(NUMBERED)
def test_no_number_that_carries_meaning_is_passed_over(text: bytes) -> None:
    found = [match.span(match.lastgroup or "") for match in fold._MEANINGFUL.finditer(text)]
    assert [(slot.start, slot.end) for slot in meaningful(text)] == found


@settings(max_examples=500)
@given(st.text("0aAfgxT-+_:./, <(Kms", max_size=24).map(str.encode) | UUIDS.map(lambda uuid: shapes(b"a" + uuid)))
def test_what_varies_is_tried_wherever_it_may_begin(shape: bytes) -> None:
    assert fold.part(shape) == re.sub(fold._VARIES, fold._shortened, shape, flags=re.VERBOSE)
