"""`logwatchd cache`: what is kept of embeddings, how often that was of use, what embedding costs; or forget it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from logwatchd import clock, config
from logwatchd.alerting.text import counted
from logwatchd.database import is_database
from logwatchd.errors import Exit, RetryableError, StateError
from logwatchd.scoring.ledger import Day, days
from logwatchd.scoring.vector_cache import FILE_NAME, Held, clear, held, open_database


def run(config_path: Path, *, forget: bool, as_json: bool) -> Exit:
    """Print the cache of the state folder that the configuration names; a running daemon may use it meanwhile.

    forget: clear it first. as_json: one object.

    Raises:
        ConfigError: see `config.load`. StateError: the file cannot be read or written.
    """
    settings = config.load(config_path, config.any_secret).settings
    file = settings.state_dir / FILE_NAME
    if not is_database(file):
        return _print(file, [], [], 0, settings.embedder.cache_mb, as_json=as_json)
    database = open_database(settings.state_dir)
    try:
        if forget:
            count = clear(database)
            print(f"{file}: {counted(count, 'vector')} forgotten", file=sys.stderr)
        return _print(
            file, held(database), days(database), database.size_bytes(), settings.embedder.cache_mb, as_json=as_json
        )
    except RetryableError as error:
        raise StateError(str(error)) from None
    finally:
        database.close()


def _print(
    file: Path, held_now: Sequence[Held], spent: Sequence[Day], size_bytes: int, cache_mb: int, *, as_json: bool
) -> Exit:
    today = next((day for day in spent if day.day == clock.utc_now().date().isoformat()), Day(""))
    total = _total(spent)
    if as_json:
        told = {
            "file": str(file),
            "size_bytes": size_bytes,
            "max_bytes": cache_mb << 20,
            "embedders": [asdict(one) for one in held_now],
            "hit_rate": _rate(total),
            "total": _figures(total),
            "today": _figures(today),
        }
        json.dump(told, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
        return Exit.OK
    print(f"{file}: {size_bytes / (1 << 20):,.1f} MiB of at most {cache_mb:,}")
    for one in held_now:
        print(f"  {one.space}: {counted(one.texts, 'text')}, {one.size_bytes / (1 << 20):,.1f} MiB")
    rate = _rate(total)
    if rate is not None:
        print(f"found {total.hits:,} of {total.hits + total.texts:,} texts that were asked for: {rate:.1%}")
    for name, day in (("today", today), ("in all", total)):
        sent = f"{counted(day.texts, 'text')} in {counted(day.calls, 'request')}"
        print(f"sent {name}: {sent}, {counted(day.tokens, 'token')}, ${day.usd:.6f}")
    return Exit.OK


def _total(spent: Sequence[Day]) -> Day:
    return Day(
        "",
        calls=sum(day.calls for day in spent),
        texts=sum(day.texts for day in spent),
        tokens=sum(day.tokens for day in spent),
        usd=sum(day.usd for day in spent),
        hits=sum(day.hits for day in spent),
    )


def _figures(day: Day) -> dict[str, int | float]:
    return {name: value for name, value in asdict(day).items() if name != "day"}


def _rate(total: Day) -> float | None:
    asked = total.hits + total.texts
    return total.hits / asked if asked else None
