"""`scripts/bench growth`: what the first million lines of a system cost, and the first ten, and a hundred.

Costs are those of learning them with the local embedder: texts that are embedded (each distinct one once), processor
time and memory. The last number of lines is modelled from the others.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from itertools import islice
from math import ceil, log, log10
from pathlib import Path

from _bench import BenchError, corpus
from _bench.options import count, resampled, say, where_to
from _bench.runs import PROGRAM, timed

MODELLED_LINES = 100_000_000
BATCH_TEXTS = 200  # a request to an embedding service, as embedder.batch_size has it


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians. texts: distinct ones, which are what is embedded. requests: to a service, for these."""

    lines: int
    texts: int
    requests: int
    cpu_s: float
    peak_mib: float
    modelled: bool = False


def add_to(benchmarks: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = benchmarks.add_parser(
        "growth",
        help="texts, processor time and memory of a million, ten and a hundred million lines",
        description="Learns more and more lines of one system, and models a hundred million of them.",
    )
    parser.add_argument(
        "--lines",
        type=count,
        nargs="+",
        default=[1_000_000, 3_000_000, 10_000_000],
        metavar="N",
        help="how many, two numbers or more (default: 1, 3 and 10 million)",
    )
    resampled(parser, "BGL")
    parser.add_argument("--corpus", type=Path, metavar="FILE", help="lines to take in place of making them")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw the figures")
    where_to(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        BenchError: one number of lines only, or a command failed.
    """
    sizes = sorted(set(given.lines))
    if len(sizes) < 2:
        raise BenchError("--lines needs two numbers or more: growth is what lies between them")
    folder = Path(tempfile.mkdtemp(prefix="logwatchd-bench-", dir=given.folder))
    try:
        whole = given.corpus or folder / "whole"
        if not given.corpus:
            say(f"making {sizes[-1]:,} lines", passing=True)
            corpus.make(sizes[-1], whole, given.system)
        measured = [_cost(whole, folder, lines, given.rounds) for lines in sizes]
    finally:
        shutil.rmtree(folder)
    say("", passing=True)
    costs = [*measured, model(measured[0], measured[-1], MODELLED_LINES)]
    print(f"{'lines':>12}{'texts':>9}{'requests':>10}{'CPU':>11}{'peak':>10}")
    for one in costs:
        print(
            f"{one.lines:>12,}{one.texts:>9,}{one.requests:>10,}{one.cpu_s:>9.1f} s{one.peak_mib:>6.0f} MiB"
            f"{'   modelled' if one.modelled else ''}"
        )
    if given.plot:
        given.plot.write_text(plot(costs, given.system))
    if given.json:
        given.json.write_text(json.dumps({"benchmark": "growth", "growth": [asdict(one) for one in costs]}, indent=2))
    return 0


def _cost(whole: Path, folder: Path, lines: int, rounds: int) -> Cost:
    some, baseline = folder / "some", folder / "baseline"
    with whole.open("rb") as read, some.open("wb") as write:
        write.writelines(islice(read, lines))
    runs = []
    for turn in range(rounds):
        say(f"{lines:,} lines, round {turn + 1} of {rounds}", passing=True)
        runs.append(timed("baseline", "build", "--sample", "all", "--output", baseline, some))
    some.unlink()
    shown = subprocess.run([PROGRAM, "baseline", "show", "--json", baseline], capture_output=True, check=True)
    texts = json.loads(shown.stdout)["patterns"]
    return Cost(
        lines,
        texts,
        ceil(texts / BATCH_TEXTS),
        statistics.median(one.cpu_s for one in runs),
        statistics.median(one.peak_mib for one in runs),
    )


def model(few: Cost, many: Cost, lines: int) -> Cost:
    """Texts grow as a power of lines (Heaps' law), memory as texts do, and processor time as lines do."""
    power = log(many.texts / few.texts) / log(many.lines / few.lines)
    texts = round(many.texts * (lines / many.lines) ** power)
    mib_a_text = (many.peak_mib - few.peak_mib) / max(1, many.texts - few.texts)
    s_a_line = (many.cpu_s - few.cpu_s) / (many.lines - few.lines)
    return Cost(
        lines,
        texts,
        ceil(texts / BATCH_TEXTS),
        many.cpu_s + s_a_line * (lines - many.lines),
        many.peak_mib + mib_a_text * (texts - many.texts),
        modelled=True,
    )


_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 360, 60, 190, 40, 50
_CURVES = (("lines", "#888888"), ("cpu_s", "#1f77b4"), ("texts", "#d62728"), ("peak_mib", "#2ca02c"))
_NAMES = {"lines": "lines", "cpu_s": "processor time", "texts": "texts embedded", "peak_mib": "memory"}


def plot(costs: list[Cost], system: str) -> str:
    """An SVG of how many times as much each thing is as for the fewest lines, both axes logarithmic."""
    first, last = costs[0], costs[-1]
    decades = ceil(log10(last.lines / first.lines))
    wide, high = (_WIDTH - _LEFT - _RIGHT) / decades, (_HEIGHT - _TOP - _BOTTOM) / decades

    def at(lines: float, times: float) -> tuple[float, float]:
        return _LEFT + wide * log10(lines / first.lines), _HEIGHT - _BOTTOM - high * log10(max(times, 1.0))

    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        'font-size="12"><rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="14">Learning more and more lines of {system}: cost, in multiples of that '
        f"of the first {first.lines:,}</text>",
    ]
    for decade in range(decades + 1):
        x, y = at(first.lines * 10**decade, 10**decade)
        drawn.append(f'<path d="M{x:.0f} {_TOP}V{_HEIGHT - _BOTTOM}M{_LEFT} {y:.0f}H{_WIDTH - _RIGHT}" stroke="#ddd"/>')
        drawn.append(f'<text x="{_LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">x {10**decade}</text>')
        lines = f"{first.lines * 10**decade:,}"
        drawn.append(f'<text x="{x:.0f}" y="{_HEIGHT - _BOTTOM + 20}" text-anchor="middle">{lines}</text>')
    drawn.append(f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 8}" text-anchor="middle">lines</text>')
    for name, colour in _CURVES:
        points = [at(one.lines, getattr(one, name) / getattr(first, name)) for one in costs]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points[:-1])
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        (x, y), (end_x, end_y) = points[-2:]
        dashed = f'stroke="{colour}" stroke-width="2" stroke-dasharray="5"'
        drawn.append(f'<path d="M{x:.1f} {y:.1f}L{end_x:.1f} {end_y:.1f}" {dashed}/>')
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        times = getattr(last, name) / getattr(first, name)
        drawn.append(
            f'<text x="{end_x + 10:.0f}" y="{end_y + 4:.0f}" fill="{colour}">{_NAMES[name]}: x {times:.3g}</text>'
        )
    drawn.append(f'<text x="{_WIDTH - _RIGHT + 10}" y="{_HEIGHT - 8}" fill="#888888">dashed: modelled</text></svg>')
    return "\n".join(drawn) + "\n"
