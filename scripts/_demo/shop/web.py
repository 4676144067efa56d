"""The shop over HTTP: one request in, one answer out, one line in the access log."""

from __future__ import annotations

import json
import logging
import secrets
import sqlite3
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from _demo.shop.log import AccessLog, request_id, user_id
from _demo.shop.shipping import ShippingError

MAX_BODY_BYTES = 1 << 20
IDLE_CONNECTION_S = 10.0

log = logging.getLogger("shop.http")

Answer = tuple[int, dict[str, Any]]


def status_of(error: Exception) -> int:
    """The HTTP status of a request that ended in an exception."""
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return 503
    if isinstance(error, ShippingError):
        return 502
    if isinstance(error, OSError):
        return 507
    return 500


class ShopServer(ThreadingHTTPServer):
    """A thread a connection. `routes` answers (method, path, query, body, token)."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, routes: Callable[[str, str, str, bytes, str], Answer], access: AccessLog) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.routes = routes
        self.access = access


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_CONNECTION_S
    disable_nagle_algorithm = True
    server: ShopServer

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        began = time.monotonic()
        request_id.set(secrets.token_hex(4))
        user_id.set(0)
        url = urlsplit(self.path)
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), MAX_BODY_BYTES))
        try:
            status, content = self.server.routes(
                self.command, url.path, url.query, body, self.headers.get("X-Session", "")
            )
        except Exception as error:
            status, content = status_of(error), {"error": "not your fault, please try again"}
            took_ms = (time.monotonic() - began) * 1000
            log.exception("%s %s failed with %d after %.0f ms: %s", self.command, url.path, status, took_ms, error)
        answer = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("X-Request-Id", request_id.get())
        self.end_headers()
        self.wfile.write(answer)
        self.server.access.write(
            client=self.client_address[0],
            user=user_id.get(),
            request_line=self.requestline,
            status=status,
            size=len(answer),
            agent=self.headers.get("User-Agent", "-"),
            took_s=time.monotonic() - began,
            request=request_id.get(),
        )

    def log_message(self, format: str, *args: object) -> None:
        """The access log has its own form."""
