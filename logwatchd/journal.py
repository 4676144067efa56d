"""What logwatchd itself says: structlog set-up and the names of all events in one place."""

from __future__ import annotations

from enum import StrEnum

import structlog


class Event(StrEnum):
    """Every event that logwatchd logs; the text is what people read."""


def logger(part: str) -> structlog.stdlib.BoundLogger:
    """A logger for one part of the program ('tail', 'score', 'slack' ...)."""
    return structlog.stdlib.get_logger(part=part)
