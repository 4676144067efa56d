from hypothesis import given
from hypothesis import strategies as st

from logwatchd.parsing.newlines import beginning_with, newlines

# Whole words without a newline, with one at either end, with nothing else: whatever the search steps over or into.
_PIECES = st.sampled_from([b"\n", b"a", b"12345678", b"\n\n\n\n\n\n\n\n", b"\0\xff\n", b" at", b"\n T"])


@given(st.lists(_PIECES, max_size=40).map(b"".join))
def test_every_newline_is_found(data: bytes) -> None:
    assert newlines(data).tolist() == [place for place, byte in enumerate(data) if byte == ord("\n")]


@given(st.lists(_PIECES, max_size=40).map(b"".join))
def test_lines_are_told_by_their_first_byte(data: bytes) -> None:
    begins = [place + 1 for place, byte in enumerate(data[:-1]) if byte == ord("\n")]
    assert beginning_with(data, b" T").tolist() == [
        begin for begin in begins if data[begin : begin + 1] in (b" ", b"T")
    ]
