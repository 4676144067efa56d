"""One HTTP exchange of a sink: its answer is there in time, and no more of it is read than is wanted."""

from __future__ import annotations

import http.client
import io
import socket
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from logwatchd import clock
from logwatchd.alerting.in_time import InTime


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered, whatever its status.

    body: its beginning. broken_off: more of it was promised, and did not come.
    """

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    broken_off: bool

    def text(self) -> str:
        """The body in its own charset.

        Raises:
            UnicodeError, LookupError: it is not in that, or there is none of that name.
            http.client.IncompleteRead: it is broken off.
        """
        if self.broken_off:
            raise http.client.IncompleteRead(self.body)
        return self.body.decode(self.headers.get_content_charset() or "utf-8")


def exchange(request: urllib.request.Request, timeout_s: float, most_bytes: int, proxy: str | None = None) -> Reply:
    """Send a request once, and follow no redirect: what was signed for one place goes to no other.

    Args:
        timeout_s: from now until the answer is read.
        most_bytes: what of its body is read.
        proxy: to be used in place of those that the environment names.

    Raises:
        OSError, http.client.HTTPException: there is no such answer.
        ValueError: the address or a header is none.
    """
    until = clock.monotonic() + timeout_s
    proxies = [urllib.request.ProxyHandler({"http": proxy, "https": proxy})] if proxy else []
    opener = urllib.request.build_opener(_AsItIs, _Http(until), _Https(until), *proxies)
    with opener.open(request, timeout=timeout_s) as answer:
        body = answer.read(most_bytes)
        return Reply(answer.status, answer.headers, body, len(body) < most_bytes and bool(answer.length))


class _AsItIs(urllib.request.HTTPErrorProcessor):
    """An answer is an answer: no status is an exception, none is a reason to ask elsewhere."""

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:
        return response

    https_response = http_response


class _Http(urllib.request.HTTPHandler):
    def __init__(self, until: float) -> None:
        super().__init__()
        self._until = until

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_connecting(http.client.HTTPConnection, self._until), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, until: float) -> None:
        super().__init__()
        self._until = until

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_connecting(http.client.HTTPSConnection, self._until), req)


def _connecting(kind: type[http.client.HTTPConnection], until: float) -> Callable[..., http.client.HTTPConnection]:
    """Makes connections of this kind, whose answers are over at `until`."""

    def make(*args: Any, **options: Any) -> http.client.HTTPConnection:
        connection = kind(*args, **options)
        connection.response_class = partial(_Answer, until=until)  # type: ignore[assignment]  # it is only called
        return connection

    return make


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, until: float, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(InTime(self.fp.detach(), sock, until))
