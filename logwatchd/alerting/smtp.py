"""One SMTP session: what a mail server is, and a connection to it whose whole exchange is over in time."""

from __future__ import annotations

import io
import smtplib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import SecretStr

from logwatchd import clock
from logwatchd.alerting.in_time import InTime, wait_until

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


@dataclass(frozen=True, slots=True)
class MailServer:
    host: str
    port: int
    tls: Literal["starttls", "tls", "none"]
    username: str | None
    password: SecretStr | None


def connect(server: MailServer, timeout_s: float) -> smtplib.SMTP:
    """A session that is open and logged in.

    Args:
        timeout_s: for all that is said in it, from now on.

    Raises:
        OSError, smtplib.SMTPException: there is none.
    """
    until = clock.monotonic() + timeout_s
    secure = ssl.create_default_context()
    if server.tls == "tls":
        session: _Session = _SecureSession(server.host, server.port, timeout=timeout_s, context=secure, until=until)
    else:
        session = _Session(server.host, server.port, timeout=timeout_s, until=until)
    try:
        if server.tls == "starttls":
            session.starttls(context=secure)
        if server.username and server.password:
            session.login(server.username, server.password.get_secret_value())
    except BaseException:
        session.close()
        raise
    return session


class _Session(smtplib.SMTP):
    """Every reply is to be read, and every command to be sent, until one moment."""

    def __init__(self, *args: Any, until: float, **options: Any) -> None:
        self._until = until
        super().__init__(*args, **options)

    def send(self, s: ReadableBuffer | str) -> None:
        if self.sock is not None:
            wait_until(self.sock, self._until)
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:  # TLS begins with another socket
            raw = self.sock.makefile("rb", buffering=0)
            self.file = io.BufferedReader(InTime(raw, self.sock, self._until))
        return super().getreply()


class _SecureSession(_Session, smtplib.SMTP_SSL):
    """In TLS from the first byte."""
