"""Lines of which every one says something that no other says."""

from __future__ import annotations

import base64
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
        "mixed logs, new numbers each": _numbered(count),
    }
    if LOGS.exists():
        found["texts of real logs, each once"] = _distinct(count)
    found["JSON, a new word each"] = _json(count)
    found["the same without blanks"] = _json(count, separators=(",", ":"))
    rng = random.Random(4)
    found["a new address in the web each"] = [_fetched(rng, number) for number in range(count)]
    found["an access log, new paths"] = [_requested(rng, number) for number in range(count)]
    found["a new base64 blob each"] = [_accepted(rng, number) for number in range(count)]
    found["Chinese, new words"] = [_chinese(rng, number) for number in range(count)]
    found["lines of 1 MiB"] = [b" ".join(_word(rng).encode() for _ in range(_LONG // 7)) for _ in range(_LONG_LINES)]
    found["binary"] = [line for line in rng.randbytes(_LONG).split(b"\n") if line]
    return found


def _word(rng: random.Random) -> str:
    return "".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4)))


def _resampled(count: int) -> list[bytes]:
    with tempfile.TemporaryDirectory(prefix="logwatchd-bench-") as folder:
        path = Path(folder) / "mixed.log"
        corpus.make(count, path)
        return path.read_bytes().splitlines()


def _numbered(count: int) -> list[bytes]:
    """Resampled real lines with three numbers of any length behind: of each a shape of its own, of few a new text."""
    rng = random.Random(8)
    behind = (b" ".join(b"7" * rng.randint(1, 60) for _ in range(3)) for _ in range(count))
    return [b"%b %b" % pair for pair in zip(_resampled(count), behind, strict=True)]


def _mixed(count: int) -> list[bytes]:
    """Resampled real lines, each with two words as one somewhere in its second half."""
    rng = random.Random(3)
    lines = _resampled(count)
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


def _json(count: int, separators: tuple[str, str] | None = None) -> list[bytes]:
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
            },
            separators=separators,
        ).encode()
        for number in range(count)
    ]


def _stamp(number: int) -> str:
    return f"2026-01-{1 + number // 1440 % 28:02d} {number // 60 % 24:02d}:{number % 60:02d}:00"


def _fetched(rng: random.Random, number: int) -> bytes:
    host, folder, page, query = (_word(rng) for _ in range(4))
    address = (
        f"https://{host}.example.com/{folder}/{rng.randint(1, 9999)}/{page}.html?q={query}&page={rng.randint(1, 99)}"
    )
    return f"{_stamp(number)} INFO proxy fetched {address} in {rng.randint(1, 900)} ms".encode()


def _requested(rng: random.Random, number: int) -> bytes:
    folder, page, host, agent = (_word(rng) for _ in range(4))
    when = f"21/Jan/2026:05:{number // 60 % 60:02d}:{number % 60:02d} +0000"
    said = f"{rng.choice((200, 200, 404, 302))} {rng.randint(100, 99_999)}"
    caller = f'"https://{host}.example.com/" "Mozilla/5.0 ({agent}; Linux x86_64)"'
    return f'10.0.{rng.randint(0, 255)}.7 - - [{when}] "GET /{folder}/{page}.html HTTP/1.1" {said} {caller}'.encode()


def _accepted(rng: random.Random, number: int) -> bytes:
    return f"{_stamp(number)} DEBUG auth payload={base64.b64encode(rng.randbytes(180)).decode()} accepted".encode()


def _chinese(rng: random.Random, number: int) -> bytes:
    words = ("".join(chr(rng.randint(0x4E00, 0x9FA5)) for _ in range(rng.randint(1, 4))) for _ in range(8))
    return f"{_stamp(number)} ERROR {' '.join(words)}".encode()
