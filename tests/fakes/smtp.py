"""A mail server on loopback that speaks enough of SMTP (RFC 5321) for smtplib, and refuses or drips on command."""

from __future__ import annotations

import socketserver
import threading
from contextlib import suppress
from email import message_from_bytes
from email.message import Message
from types import TracebackType
from typing import Literal, Self


class FakeSmtp:
    """`mails` are those that were taken. `answers`: by verb, what is said in place of the good reply. drips: the verb
    whose reply comes a byte at a time and never ends; "" is the greeting, "." the end of a mail. stalls: where TLS
    begins, with STARTTLS or from the first byte on, nothing more is said; "drips": a record that never ends."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.answers: dict[str, str] = {}
        self.drips: str | None = None
        self.stalls: Literal["", "silent", "drips"] = ""
        self.stalled = threading.Event()
        self._closing = threading.Event()
        fake = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                if fake.stalls and "STARTTLS" not in fake.answers:
                    self._stall()
                    return
                self._say("220 loopback", "")
                while line := self.rfile.readline().decode().strip():
                    verb = line.split()[0].split(":")[0].upper()
                    self._say(fake.answers.get(verb) or self._well(verb), verb)
                    if verb == "QUIT":
                        return
                    if verb == "STARTTLS" and fake.stalls:
                        self._stall()
                        return
                    if verb == "DATA" and "DATA" not in fake.answers:
                        self._take()

            def _well(self, verb: str) -> str:
                return {"EHLO": "250 loopback", "DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 ok")

            def _take(self) -> None:
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line)
                fake.mails.append(message_from_bytes(b"".join(lines)))
                self._say("250 taken", ".")

            def _stall(self) -> None:
                fake.stalled.set()
                drop = b"\x16\x03\x03\x3f\xff" if fake.stalls == "drips" else b""  # a handshake's record of 16 KiB
                with suppress(OSError):
                    while not fake._closing.wait(0.02):
                        self.wfile.write(drop)
                        drop = drop and b"\x02"

            def _say(self, text: str, verb: str) -> None:
                if verb == fake.drips:
                    with suppress(OSError):  # the client gives up, as it may
                        while not fake._closing.wait(0.02):
                            self.wfile.write(b"2")
                    return
                self.wfile.write(f"{text}\r\n".encode())

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
