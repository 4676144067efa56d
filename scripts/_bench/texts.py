"""Lines of which every one says something that no other says."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

from _bench import corpus

LOGS = corpus.GENERATOR.parents[1] / "data" / "unlabelled"
_LONG = 1 << 20  # bytes
_LONG_LINES = 4

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
        words = " ".join(_word(rng) for _ in range(8))
        day, hour = divmod(minute // 60, 24)
        yield f"2026-{1 + day // 28 % 12:02d}-{1 + day % 28:02d} {hour:02d}:{minute % 60:02d}:00 ERROR {words}"


def streams(count: int) -> dict[str, list[bytes]]:
    """Streams in which every line is new: what they are called -> at most `count` lines, without newlines.

    The real ones are left out where the logs do not lie beside the checkout.

    Raises:
        BenchError: the corpus cannot be made.
    """
    novels = novel(2)
    found = {
        "random words": [next(novels).encode() for _ in range(count)],
        "mixed logs, a new word each": _mixed(count),
    }
    if LOGS.exists():
        found["texts of real logs, each once"] = _distinct(count)
    found["JSON, a new word each"] = _json(count)
    rng = random.Random(4)
    found["lines of 1 MiB"] = [b" ".join(_word(rng).encode() for _ in range(_LONG // 7)) for _ in range(_LONG_LINES)]
    found["binary"] = [line for line in rng.randbytes(_LONG).split(b"\n") if line]
    return found


def _word(rng: random.Random) -> str:
    return "".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4)))


def _mixed(count: int) -> list[bytes]:
    """Resampled real lines, each with two words as one somewhere in its second half."""
    rng = random.Random(3)
    with tempfile.TemporaryDirectory(prefix="logwatchd-bench-") as folder:
        path = Path(folder) / "mixed.log"
        corpus.make(count, path)
        lines = path.read_bytes().splitlines()
    for index, line in enumerate(lines):
        words = line.split(b" ")
        words.insert(rng.randint(len(words) // 2, len(words)), (_word(rng) + _word(rng)).encode())
        lines[index] = b" ".join(words)
    return lines


def _distinct(count: int) -> list[bytes]:
    """The first line of each pattern of the real logs."""
    from logwatchd.scoring.lexicon import Lexicon

    lines = [line for path in sorted(LOGS.glob("*.log")) for line in path.read_bytes().splitlines()]
    ids = Lexicon().ids_of(b"".join(line + b"\n" for line in lines)).tolist()
    first = dict(zip(reversed(ids), reversed(lines), strict=True))
    return [first[number] for number in sorted(first)][:count]


def _json(count: int) -> list[bytes]:
    rng = random.Random(5)
    return [
        json.dumps(
            {
                "ts": f"2026-01-02T{number // 3600 % 24:02d}:00:00.{number % 1000:03d}Z",
                "level": rng.choice(("info", "info", "warning", "error")),
                "logger": f"shop.{_word(rng)}.orders",
                "msg": f"order {rng.randint(1, 99999)} of {_word(rng)}{_word(rng)} was sent on",
                "user": _word(rng),
                "duration_ms": rng.randint(1, 5000),
            }
        ).encode()
        for number in range(count)
    ]
