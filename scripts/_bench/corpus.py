"""The large log file that is read: resampled from real logs where those lie beside the checkout, else made up."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from _bench import BenchError

GENERATOR = Path(__file__).resolve().parents[3] / "shared" / "speed" / "make_corpus.py"
_WORDS = (
    "accepted connection from client request served in session opened for user cache refreshed worker finished job "
    "retrying upstream after timeout block written to disk received signal flushed queue of pending messages"
)


def make(count: int, path: Path, system: str = "mixed") -> str:
    """Write `count` lines; returns where they come from.

    Args:
        system: whose real logs are resampled, such as "Linux"; "mixed" for all of them.

    Raises:
        BenchError: the generator failed.
    """
    if GENERATOR.exists():
        done = subprocess.run(
            [sys.executable, str(GENERATOR), system, str(count), str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchError(f"{GENERATOR}: {done.stderr.strip()}")
        return "ten real logs, resampled" if system == "mixed" else f"real logs of {system}, resampled"
    rng = random.Random(7)
    words = _WORDS.split()
    with path.open("w", encoding="ascii") as out:
        for number in range(count):
            text = " ".join(rng.choices(words, k=rng.randint(6, 24)))
            out.write(
                f"2026-01-01T{number // 3600 % 24:02d}:00:00 host app[{rng.randint(1, 32768)}]: {text} {number}\n"
            )
    return "made up"
