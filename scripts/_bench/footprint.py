"""`scripts/bench footprint`: memory and idle CPU of a daemon with ten sources and warm caches; the start of --help.

With the local embedder and no keys, and with an embedding service and Claude, which are servers on loopback that the
real clients of both ask. Medians over several daemons of each kind, one after the other.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from _bench import BenchError, corpus, process, texts
from _bench.options import count, say, where_to
from _bench.runs import timed
from _bench.watching import Watching

TARGETS = {"rss_mib": 80.0, "idle_percent": 1.0, "clients_rss_mib": 130.0, "help_ms": 150.0}
SOURCES = 10
_HELPS = 15
_SETTLE_S = 3.0
_OPENAI = '[embedder]\nprovider = "openai"\n'


def add_to(benchmarks: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = benchmarks.add_parser(
        "footprint",
        help="memory and idle CPU of a warm daemon with ten sources; how long --help takes",
        description="Lets logwatchd run read a backlog in ten files, and looks at it once it is idle: with the local "
        "embedder, and with the openai and anthropic clients in use.",
    )
    parser.add_argument("--lines", type=count, default=1_000_000, help="how many warm its caches (default: 1,000,000)")
    parser.add_argument("--seconds", type=count, default=20, help="how long it is looked at idle (default: 20)")
    parser.add_argument("--rounds", type=count, default=3, help="how often (default: 3)")
    where_to(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        BenchError: the corpus cannot be made, or a program failed.
    """
    figures = {"help_ms": 1000 * statistics.median(timed("--help").seconds for _ in range(_HELPS))}
    folder = Path(tempfile.mkdtemp(prefix="logwatchd-bench-", dir=given.folder))
    try:
        say(f"making {given.lines:,} lines", passing=True)
        whole = folder / "whole"
        corpus.make(given.lines, whole)
        ends = _shared_out(whole, folder / "logs")
        figures |= _medians(folder / "local", whole, ends, given, "", {})
        with _services() as keys:
            measured = _medians(folder / "clients", whole, ends, given, _OPENAI, keys)
        figures |= {f"clients_{name}": figure for name, figure in measured.items()}
    finally:
        shutil.rmtree(folder)
    say("", passing=True)
    for name, figure in figures.items():
        target = f"   under {TARGETS[name]:g}: {'yes' if figure < TARGETS[name] else 'no'}" if name in TARGETS else ""
        print(f"{name:22}{figure:>9.2f}{target}")
    if given.json:
        given.json.write_text(json.dumps({"benchmark": "footprint", **figures}, indent=2) + "\n")
    return 0


def _shared_out(whole: Path, logs: Path) -> list[str]:
    """Put the lines into ten files, with a line at the end of each that no baseline knows; returns these."""
    logs.mkdir()
    files = [(logs / f"{number}.log").open("wb") for number in range(SOURCES)]
    with whole.open("rb") as read:
        for number, line in enumerate(read):
            files[number % SOURCES].write(line)
    ends = []
    for file, last in zip(files, texts.novel(7), strict=False):
        ends.append(last)
        file.write(last.encode() + b"\n")
        file.close()
    return ends


@contextmanager
def _services() -> Iterator[dict[str, str]]:
    """What the environment has to say so that the clients ask servers on loopback, which both have to be asked.

    Raises:
        BenchError: one of them was not.
    """
    from tests.fakes.claude import FakeClaude
    from tests.fakes.openai import FakeOpenAI

    with FakeOpenAI() as openai, FakeClaude() as claude:
        yield {
            "OPENAI_API_KEY": "sk-bench",
            "OPENAI_BASE_URL": openai.url + "/v1",
            "ANTHROPIC_API_KEY": "sk-bench",
            "ANTHROPIC_BASE_URL": claude.url,
        }
        for name, service in (("embedding service", openai), ("Claude", claude)):
            if not service.requests:
                raise BenchError(f"the {name} was not asked")


def _medians(
    home: Path, whole: Path, ends: list[str], given: argparse.Namespace, extra: str, keys: Mapping[str, str]
) -> dict[str, float]:
    """Of several daemons, one after the other, with one baseline."""
    home.mkdir()
    baseline, config = home / "baseline", home / "learning.toml"
    config.write_text(f'state_dir = {json.dumps(str(home / "learning"))}\n[[source]]\npaths = ["/dev/null"]\n{extra}')
    timed("baseline", "build", "--config", config, "--output", baseline, whole, env=keys)
    rounds = []
    for turn in range(given.rounds):
        say(f"{home.name}: round {turn + 1} of {given.rounds}", passing=True)
        rounds.append(_running(home / str(turn), whole, baseline, ends, given.seconds, extra, keys))
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def _running(
    home: Path, whole: Path, baseline: Path, ends: list[str], seconds: int, extra: str, keys: Mapping[str, str]
) -> dict[str, float]:
    home.mkdir()
    logs = str(whole.parent / "logs" / "*.log")
    with Watching(home, [logs], baseline, start_at="beginning", extra=extra, keys=keys) as daemon:
        for last in ends:
            daemon.event("ANOMALY", lambda entry, last=last: entry["line"] == last)
        if keys:
            daemon.event("ANALYSIS")
        time.sleep(_SETTLE_S)
        before, began = process.cpu_s(daemon.pid), time.monotonic()
        time.sleep(seconds)
        idle = 100 * (process.cpu_s(daemon.pid) - before) / (time.monotonic() - began)
        return {
            "rss_mib": process.memory_mib(daemon.pid),
            "peak_mib": process.memory_mib(daemon.pid, peak=True),
            "idle_percent": idle,
        }
