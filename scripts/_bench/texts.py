"""Lines of which every one says something that no other says."""

from __future__ import annotations

import random
from collections.abc import Iterator

_SYLLABLES = (
    "ba",
    "de",
    "fi",
    "go",
    "ku",
    "la",
    "me",
    "ni",
    "po",
    "ru",
    "sa",
    "te",
    "vi",
    "wo",
    "xu",
    "za",
    "cla",
    "dro",
    "gri",
)


def novel(seed: int) -> Iterator[str]:
    """Errors in words that hardly come again, each a minute after the one before by its own stamp."""
    rng = random.Random(seed)
    minute = 0
    while True:
        minute += 1
        words = " ".join("".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4))) for _ in range(8))
        day, hour = divmod(minute // 60, 24)
        yield f"2026-{1 + day // 28 % 12:02d}-{1 + day % 28:02d} {hour:02d}:{minute % 60:02d}:00 ERROR {words}"
