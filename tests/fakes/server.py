"""A real HTTP server on 127.0.0.1 that misbehaves on command.

Answers that were enqueued are used up in order, one a request; after them the service answers as it does when well.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Request:
    """One request as it came in. at: monotonic seconds. headers: names in lower case. body: JSON, or None."""

    at: float
    method: str
    path: str
    headers: Mapping[str, str]
    raw: bytes
    body: Any


@dataclass(frozen=True)
class Status:
    """A status code with a body of the service's own kind, or `body` as it stands."""

    code: int
    body: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """200 with this JSON."""

    body: Any


@dataclass(frozen=True)
class Garbage:
    """200 with something that is not what the service's content type promises."""

    raw: bytes = b"<html>not what you think"
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Huge:
    """More than anybody wants to have, with this status. taken: one entry for each MiB that was sent."""

    code: int = 200
    mib: int = 128
    taken: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Hang:
    """No answer until `until` is set or the server closes; then the connection is dropped."""

    until: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Reset:
    """The connection is reset (RST) after the request was read."""


@dataclass(frozen=True)
class Torn:
    """The answer breaks off in the middle of its body."""


@dataclass(frozen=True)
class Drip:
    """The headers, then a blank every `every_s` and never an end: no read timeout ever fires. head: in the headers."""

    every_s: float = 0.05
    head: bool = False


Answer = Status | Reply | Garbage | Huge | Hang | Reset | Torn | Drip | Callable[[Request], "Answer"]


class FakeService(ABC):
    """The part that the three services share. Use it as a context manager."""

    content_type = "application/json"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[Answer] = deque()
        self._requests: list[Request] = []
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    # what the services differ in

    @abstractmethod
    def well(self, request: Request) -> Answer:
        """The answer when nothing is enqueued."""

    def error_body(self, code: int) -> str:
        """The body that the service sends with a status code."""
        return json.dumps({"error": {"message": f"status {code}"}})

    # what tests use

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def enqueue(self, *answers: Answer) -> None:
        with self._lock:
            self._queue.extend(answers)

    def hold(self, then: Answer | None = None) -> threading.Event:
        """Enqueue an answer for when the returned event is set: `then`, or as the service answers when well."""
        release = threading.Event()

        def held(request: Request) -> Answer:
            release.wait(60)
            return self.well(request) if then is None else then

        self.enqueue(held)
        return release

    @property
    def requests(self) -> list[Request]:
        with self._lock:
            return list(self._requests)

    @property
    def history(self) -> list[Any]:
        """The JSON bodies of all requests so far, in the order of their arrival."""
        return [request.body for request in self.requests]

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # the wire

    def _answer_to(self, request: Request) -> Answer:
        with self._lock:
            self._requests.append(request)
            answer: Answer | None = self._queue.popleft() if self._queue else None
        if answer is None:
            answer = self.well(request)
        while callable(answer):
            answer = answer(request)
        return answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else a body waits .04 s for the client to confirm the headers

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                try:
                    body = json.loads(raw)
                except ValueError:
                    body = None
                at = time.monotonic()
                headers = {name.lower(): value for name, value in self.headers.items()}
                service._play(self, Request(at, self.command, self.path, headers, raw, body))

            do_GET = do_POST  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                """Test output stays readable."""

        return Handler

    def _play(self, wire: BaseHTTPRequestHandler, request: Request) -> None:
        answer = self._answer_to(request)
        try:
            match answer:
                case Status(code, body, headers):
                    self._send(wire, code, (self.error_body(code) if body is None else body).encode(), headers=headers)
                case Reply(body):
                    self._send(wire, 200, (body if isinstance(body, str) else json.dumps(body)).encode())
                case Garbage(raw, content_type, headers):
                    self._send(wire, 200, raw, content_type, headers=headers)
                case Huge(code, mib, taken):
                    self._send(wire, code, b"", declared=mib << 20)
                    for number in range(mib):
                        wire.wfile.write(b" " * (1 << 20))
                        taken.append(number)
                case Hang(until):
                    while not (until.wait(0.02) or self._closing.is_set()):
                        pass
                    wire.close_connection = True
                case Reset():
                    _reset(wire)
                case Torn():
                    self._send(wire, 200, b'{"torn', declared=1000)
                    wire.close_connection = True
                case Drip(every_s, head):
                    self._drip(wire, every_s, head)
        except (BrokenPipeError, ConnectionResetError):  # the client gave up first, as it may
            wire.close_connection = True

    def _send(
        self,
        wire: BaseHTTPRequestHandler,
        code: int,
        body: bytes,
        content_type: str | None = None,
        declared: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        wire.send_response(code)
        wire.send_header("Content-Type", content_type or self.content_type)
        wire.send_header("Content-Length", str(declared or len(body)))
        for name, value in (headers or {}).items():
            wire.send_header(name, value)
        wire.end_headers()
        wire.wfile.write(body)

    def _drip(self, wire: BaseHTTPRequestHandler, every_s: float, head: bool) -> None:
        if head:
            wire.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        else:
            self._send(wire, 200, b" ", declared=1 << 20)
        while not self._closing.wait(every_s):
            wire.wfile.write(b" ")
            wire.wfile.flush()
        wire.close_connection = True


def _reset(wire: BaseHTTPRequestHandler) -> None:
    wire.close_connection = True
    wire.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(wire.connection.detach())
