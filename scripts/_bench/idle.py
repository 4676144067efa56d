"""`scripts/bench idle`: what following many files costs when nothing is written to any of them."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from _bench import BenchError, process
from _bench.options import count, say
from _bench.tailers import Logwatchd

SETTLE_S = 8.0  # after the last file was opened: files that were just read are looked at more often
START_LIMIT_S = 120.0
TARGET_PERCENT = 2.0
_LEARNED = "2026-01-01T00:00:00 host app[{0}]: accepted connection {0} from 10.0.0.{0}\n"


@dataclass(frozen=True, slots=True)
class Idle:
    """cpu_percent: of one core, over `seconds`. rss_mib: at its end."""

    name: str
    files: int
    seconds: float
    cpu_percent: float
    rss_mib: float


class Daemon(Logwatchd):
    """`logwatchd run`, with a baseline of a few lines and no key."""

    name = "logwatchd run"

    def command(self) -> list[str]:
        tail = super().command()
        config, learned, baseline = (self.folder / name for name in ("logwatchd.toml", "learned", "baseline"))
        with config.open("a") as file:
            file.write(f"[baseline]\npath = {json.dumps(str(baseline))}\n")
        learned.write_text("".join(_LEARNED.format(number) for number in range(200)))
        build = [self.program, "baseline", "build", "--output", str(baseline), str(learned)]
        done = subprocess.run(build, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"the baseline was not built: {done.stderr.strip()}")
        return [self.program, "run", *tail[2:4]]


def add_to(benchmarks: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = benchmarks.add_parser(
        "idle",
        help="processor time of following many files to which nothing is written",
        description="Follows many files, to which nothing is written, with logwatchd tail and logwatchd run.",
    )
    parser.add_argument("--files", type=count, default=1000, help="how many (default: 1,000)")
    parser.add_argument("--seconds", type=count, default=60, help="for how long (default: 60)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there as well")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        BenchError: a program ended, or did not open all files.
    """
    found = []
    for kind in (Logwatchd, Daemon):
        folder = Path(tempfile.mkdtemp(prefix="logwatchd-bench-"))
        try:
            found.append(_idle(kind, given.files, given.seconds, folder))
        finally:
            shutil.rmtree(folder)
    say("", passing=True)
    for one in found:
        print(
            f"{one.name:16}{one.files:>8,} files {one.cpu_percent:8.2f}% of a core over {one.seconds:.0f} s "
            f"{one.rss_mib:8.0f} MiB"
        )
    within = all(one.cpu_percent < TARGET_PERCENT for one in found)
    print(f"under {TARGET_PERCENT:g}% of a core: {'yes' if within else 'no'}")
    if given.json:
        figures = {"benchmark": "idle", "idle": [asdict(one) for one in found]}
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def _idle(kind: type[Logwatchd], files: int, seconds: float, folder: Path) -> Idle:
    logs, home = folder / "logs", folder / "run"
    logs.mkdir()
    home.mkdir()
    for number in range(files):
        (logs / f"{number:05}.log").write_text(_LEARNED.format(number % 200))
    say(f"{kind.name}: {files} files, {seconds} s", passing=True)
    with kind(home, logs / "*.log") as tailer:
        deadline = time.monotonic() + START_LIMIT_S
        while process.handles(tailer.pid) < files:
            if not tailer.is_alive() or time.monotonic() > deadline:
                raise BenchError(f"{kind.name} has not opened all files: {tailer.words() or 'it said nothing'}")
            time.sleep(0.05)
        time.sleep(SETTLE_S)
        before, began = process.cpu_s(tailer.pid), time.monotonic()
        time.sleep(seconds)
        used, took = process.cpu_s(tailer.pid) - before, time.monotonic() - began
        return Idle(kind.name, files, took, 100 * used / took, process.memory_mib(tailer.pid))
