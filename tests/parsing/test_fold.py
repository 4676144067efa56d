"""The cheap half of normalising: what it keeps, and that the fast path is the definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.parsing.fold import key, key_of, meaningful, shapes, show_kept

LINES = st.binary(max_size=200).filter(lambda raw: b"\n" not in raw)
LOG_LIKE = st.lists(
    st.sampled_from(
        [
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
        ]
    ),
    max_size=12,
).map(b"".join)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b'1.2.3.4 "GET / HTTP/1.1" 404 1234 "-"', b'0.0.0.0 "GET / HTTP/0.0" 404 0000 "-"'),
        (b"exited with code 137 after 12s", b"exited with code 137 after 00s"),
        (b"upstream status=502 in 33ms", b"upstream status=502 in 00ms"),
        (b"[Errno 28] No space", b"[Errno 00] No space"),
        (b"errno 28: no space", b"errno 00: no space"),
        (b"killed by signal 9", b"killed by signal 9"),
        (b'{"level":50,"msg":"x"}', b'{"level":50,"msg":"x"}'),
        (b"error state 6", b"error state 0"),
        (b"took 404 ms", b"took 000 ms"),
    ],
)
def test_digits_that_carry_meaning_are_kept(raw: bytes, shown: bytes) -> None:
    assert show_kept(key_of(raw)) == shown


@given(st.lists(LINES | LOG_LIKE, max_size=8))
def test_a_block_is_folded_as_its_lines_are(lines: list[bytes]) -> None:
    block = b"".join(line + b"\n" for line in lines)
    assert shapes(block).split(b"\n")[:-1] == [shapes(line) for line in lines]


@given(LINES | LOG_LIKE)
def test_where_meaning_stands_depends_on_the_shape_alone(raw: bytes) -> None:
    other = raw.translate(bytes.maketrans(b"0123456789", b"9876543210"))
    assert meaningful(shapes(raw)) == meaningful(shapes(other))
    assert len(key_of(raw)) == len(raw)


@given(LINES | LOG_LIKE)
def test_a_key_hides_every_other_digit(raw: bytes) -> None:
    shape = shapes(raw)
    spans = meaningful(shape)
    folded = key(raw, shape, spans)
    for index, byte in enumerate(raw):
        inside = any(a <= index < b for a, b in spans)
        if chr(byte).isdigit() and byte < 128:
            assert folded[index] == (byte - 0x20 if inside else ord("0"))
