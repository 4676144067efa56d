"""The shop's two log files: what it did (shop.log) and what it was asked (access.log)."""

from __future__ import annotations

import logging
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

request_id: ContextVar[str] = ContextVar("request_id", default="")
user_id: ContextVar[int] = ContextVar("user_id", default=0)


class _WithRequest(logging.Formatter):
    """`2026-07-19T10:12:33.412Z INFO    shop.orders [7f3a9c21 user=41] message`, tracebacks in lines of their own."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        who = f" user={user_id.get()}" if user_id.get() else ""
        record.request = f"[{request_id.get()}{who}]" if request_id.get() else "[-]"
        return super().format(record)


def open_log(file: Path) -> None:
    """Send everything that is logged to the file."""
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(_WithRequest("%(asctime)s %(levelname)-7s %(name)s %(request)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class AccessLog:
    """The combined format with the duration in seconds and the request id behind it. One write a line."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("ab", buffering=0)

    def write(
        self, client: str, user: int, request_line: str, status: int, size: int, agent: str, took_s: float, request: str
    ) -> None:
        at = datetime.now(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
        line = (
            f'{client} - {user or "-"} [{at}] "{request_line}" {status} {size} "-" "{agent}" {took_s:.3f} {request}\n'
        )
        self._file.write(line.encode("utf-8", "backslashreplace"))
