"""Sinks that need no web service: a command that gets JSON on its standard input, and e-mail by SMTP."""

from __future__ import annotations

import errno
import os
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Sequence
from contextlib import closing, suppress
from email.message import EmailMessage
from email.utils import format_datetime

from logwatchd import clock
from logwatchd.alerting import smtp
from logwatchd.alerting.message import Digest, Kind, Message
from logwatchd.alerting.payload import as_json, subject_of, text_of
from logwatchd.alerting.sink import MessageRefusedError
from logwatchd.errors import PermanentError, RetryableError

TIMEOUT_S = 25.0  # for the whole of a mail's session or of a program's run
_CANNOT_RUN = {errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ENOEXEC}


class CommandSink:
    """Runs a program for each message; no shell reads anything of it.

    Its exit status 0 says that it has taken it, 65 (EX_DATAERR of sysexits.h) that it never will; any other, not now.
    """

    pace_s = 0.0

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self._command = tuple(command)

    def wants(self, kind: Kind) -> bool:
        return True

    def deliver(self, message: Message | Digest) -> None:
        program = self._command[0]
        try:
            done = subprocess.run(
                self._command,
                input=as_json(message),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise RetryableError(f"{program}: did not end within {TIMEOUT_S:g} s") from None
        except OSError as error:
            if error.errno not in _CANNOT_RUN:
                raise RetryableError(f"{program}: {error.strerror}") from None
            mend = "begin it with a line such as #!/bin/sh, or mend" if error.errno == errno.ENOEXEC else "mend"
            raise PermanentError(f"{program}: {error.strerror}: {mend} the sink's command, then reload") from None
        if done.returncode == os.EX_DATAERR:
            raise MessageRefusedError(f"{program}: ended with status {done.returncode}")
        if done.returncode != 0:
            raise RetryableError(f"{program}: ended with status {done.returncode}")


class EmailSink:
    """Plain text by SMTP; what follows an alert is a reply to it."""

    pace_s = 0.0

    def __init__(self, name: str, server: smtp.MailServer, sender: str, to: Sequence[str]) -> None:
        self.name = name
        self._server = server
        self._sender = sender
        self._to = tuple(to)

    def wants(self, kind: Kind) -> bool:
        return True

    def deliver(self, message: Message | Digest) -> str:
        mail = self._mail(message)
        try:
            with closing(smtp.connect(self._server, TIMEOUT_S)) as session:
                session.send_message(mail)
                with suppress(OSError):  # it has taken the mail, whatever it says to our leaving
                    session.quit()
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError) as error:
            raise PermanentError(
                f"{self._server.host} refuses the log-in ({type(error).__name__}): mend the sink's username, secret or"
                " tls, then reload"
            ) from None
        except smtplib.SMTPRecipientsRefused as error:
            if all(400 <= code < 500 for code, _ in error.recipients.values()):
                raise RetryableError(f"{self._server.host} takes no mail for the recipients now") from None
            refused = f"{self._server.host} refuses the recipients: mend the sink's to, then reload"
            raise PermanentError(refused) from None
        except smtplib.SMTPResponseException as error:
            if error.smtp_code < 500:
                raise RetryableError(f"{self._server.host} says {error.smtp_code}") from None
            if isinstance(error, smtplib.SMTPDataError):
                raise MessageRefusedError(f"{self._server.host} says {error.smtp_code} to this mail") from None
            raise PermanentError(
                f"{self._server.host} says {error.smtp_code}: mend the sink's sender, then reload"
            ) from None
        except ssl.SSLCertVerificationError:
            raise PermanentError(f"{self._server.host}: its certificate is not trusted; mend it or the host") from None
        except (OSError, smtplib.SMTPException) as error:
            raise RetryableError(f"no answer from {self._server.host} ({type(error).__name__})") from None
        return str(mail["Message-ID"])

    def _mail(self, message: Message | Digest) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = f"[logwatchd] {subject_of(message)}"
        mail["From"], mail["To"] = self._sender, ", ".join(self._to)
        mail["Date"] = format_datetime(clock.utc_now())
        key, kind = (message.id, Kind.DIGEST) if isinstance(message, Digest) else (message.alert.id, message.kind)
        mail["Message-ID"] = f"<{key}.{kind}.{clock.utc_now().timestamp():.3f}@{socket.gethostname()}>"
        mail["Auto-Submitted"] = "auto-generated"
        if isinstance(message, Message) and message.receipt and message.kind is not Kind.ALERT:
            mail["In-Reply-To"] = mail["References"] = message.receipt
        mail.set_content(text_of(message).encode("utf-8", "backslashreplace").decode())
        return mail
