"""Shapes of blocks: those that each line has by itself, with ids found as the expressions find them."""

from __future__ import annotations

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from logwatchd.parsing.shapes import shapes, with_ids, without_ids
from tests.parsing.lines import LINES, LOG_LIKE, UUIDS

DIGESTS = st.binary(min_size=14, max_size=18).map(lambda raw: raw.hex().encode())
BASED = st.integers(0, 2**72).map(lambda number: b"0x%x" % number)
# What `shapes` folds in place, as expressions over the block with its digits as '0'.
UUID = re.compile(rb"(?<![0A-Za-z])[0a-fA-F]{8}-(?:[0a-fA-F]{4}-){3}[0a-fA-F]{12}(?![0A-Za-z])")
DIGEST = re.compile(rb"(?<![0A-Za-z])[0a-f]{32}(?![0A-Za-z])")
BASED_DIGITS = re.compile(rb"(?<![0A-Za-z])(0x)([0a-fA-F]{1,16})")


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
