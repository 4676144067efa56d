"""How long to wait before a failed request is tried again."""

from __future__ import annotations

import email.utils
import math
import random
from collections.abc import Mapping

from logwatchd import clock

_FIRST_PAUSE_S = 0.5
_LONGEST_WISH_S = 3600.0  # nobody's Retry-After keeps us away for days


def pause_s(attempt: int, wanted_s: float | None, *, longest_s: float) -> float:
    """After the failed attempt 0, 1, 2 ...: longer each time, different for everybody, no less than is wanted."""
    ceiling_s = min(longest_s, _FIRST_PAUSE_S * 2.0 ** min(max(attempt, 0), 10))
    return (wanted_s or 0.0) + ceiling_s * random.uniform(0.5, 1.0)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """What Retry-After asks for, in seconds from now; a date is one as well. None: nothing, or nothing sensible."""
    text = headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        at = email.utils.parsedate_tz(text)
        if at is None:
            return None
        seconds = email.utils.mktime_tz(at) - clock.utc_now().timestamp()
    return min(_LONGEST_WISH_S, max(0.0, seconds)) if math.isfinite(seconds) else None
