"""HTTP with an end: a request is over after its time, however slowly its answer drips in, and however much it is.

A client's own time-outs bound the silence between two bytes; a byte a second would hold its thread for ever.
"""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from typing import Any

import httpx2
from openai import DefaultHttpxClient

from logwatchd.bounded_answers import ASK_FOR, bound

_CONNECTED = ("connection.connect_tcp.complete", "connection.start_tls.complete")


class DeadlineClient(DefaultHttpxClient):
    """openai's own client, except that it takes an answer whole and in time or not at all.

    One request at a time; its connection is kept for the next one.
    """

    def __init__(self, limit_s: float, most_bytes: int, tls: ssl.SSLContext) -> None:
        """tls: as `httpx2.create_ssl_context` makes it; each holds all certificates anew, so clients share one."""
        hooks = {"response": [lambda response: bound(response, most_bytes)]}
        super().__init__(timeout=limit_s, verify=tls, headers=ASK_FOR, event_hooks=hooks)
        self._limit_s = limit_s
        self._socket: socket.socket | None = None

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """The answer with its body.

        Raises:
            httpx2.ReadTimeout: it was not all there in time.
            httpx2.TransportError: the connection failed.
            UnusableAnswerError: it is longer than `most_bytes`.
        """
        over = threading.Event()

        def end() -> None:
            over.set()
            if self._socket is not None:
                with suppress(OSError):  # TLS's own farewell would have to wait for the other side
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # wakes who reads; a close would not

        request.extensions = {**request.extensions, "trace": self._trace}
        timer = threading.Timer(self._limit_s, end)
        timer.daemon = True
        timer.start()
        try:
            return super().send(request, **options)
        except httpx2.TransportError as error:
            if over.is_set():
                raise httpx2.ReadTimeout(f"no whole answer within {self._limit_s:g} s", request=request) from error
            raise
        finally:
            timer.cancel()

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        if event in _CONNECTED:
            self._socket = info["return_value"].get_extra_info("socket")
