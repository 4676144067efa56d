"""Raw lines as strategies: any bytes, and what logs are made of."""

from __future__ import annotations

from hypothesis import strategies as st

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
