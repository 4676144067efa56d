"""What many delays come to."""

from __future__ import annotations

import math
from collections.abc import Sequence


def p99(delays: Sequence[float]) -> float:
    """What 99 of 100 do not exceed: of fewer than 100, the longest."""
    return sorted(delays)[math.ceil(0.99 * len(delays)) - 1]
