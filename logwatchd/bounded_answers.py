"""Answers of bounded size for the clients of OpenAI and Anthropic, which read all of one into memory."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator

import httpx2

from logwatchd import clock

ASK_FOR = {"Accept-Encoding": "gzip"}
"""Headers of requests whose answers are bounded: what is packed otherwise is not unpacked here."""
_PACKED = zlib.MAX_WBITS + 32  # gzip, or deflate with its header
_CODINGS = {"": None, "identity": None, "gzip": _PACKED, "x-gzip": _PACKED, "deflate": _PACKED}


class UnusableAnswerError(httpx2.RequestError):
    """It is longer than any that the service gives. The clients take this for a failed connection."""


def bound(response: httpx2.Response, most_bytes: int, within_s: float = math.inf) -> None:
    """Have the body, unpacked, end with an error where it is too long or not there in time.

    A response hook, to be called before anything of the body is read.

    Raises:
        UnusableAnswerError: it is packed in a way that nobody asked for.
    """
    coding = response.headers.pop("Content-Encoding", "").strip().lower()
    if coding not in _CODINGS:
        raise UnusableAnswerError(f"an answer packed as '{coding[:40]}', which nobody asked for")
    assert isinstance(response.stream, httpx2.SyncByteStream)  # a client that waits for its answers
    until = clock.monotonic() + within_s
    response.stream = _Bounded(response.stream, _CODINGS[coding], most_bytes, until, within_s)


class _Bounded(httpx2.SyncByteStream):
    def __init__(
        self, stream: httpx2.SyncByteStream, packed: int | None, most_bytes: int, until: float, within_s: float
    ) -> None:
        self._stream = stream
        self._packed = packed
        self._most_bytes = most_bytes
        self._until = until
        self._within_s = within_s

    def __iter__(self) -> Iterator[bytes]:
        unpacking = None if self._packed is None else zlib.decompressobj(self._packed)
        left = self._most_bytes
        for chunk in self._stream:
            if clock.monotonic() > self._until:
                raise httpx2.ReadTimeout(f"no whole answer within {self._within_s:g} s")
            if unpacking is not None:
                try:
                    chunk = unpacking.decompress(chunk, left + 1)
                except zlib.error as error:
                    raise httpx2.DecodingError(f"an answer that cannot be unpacked: {error}") from error
            left -= len(chunk)
            if left < 0:
                raise UnusableAnswerError(f"an answer of more than {self._most_bytes:,} bytes")
            yield chunk

    def close(self) -> None:
        self._stream.close()
