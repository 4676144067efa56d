"""`logwatchd tune`: what each threshold would find and cost on lines that a person has labelled."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from logwatchd.commands.asking import tell_cost
from logwatchd.commands.labelled import Labelled, OnBytes, read_labelled, read_plain
from logwatchd.commands.opening import open_baseline
from logwatchd.commands.progress import progress
from logwatchd.commands.terminal import say
from logwatchd.commands.tune_report import as_json, print_report
from logwatchd.commands.tuning import Report, report_of
from logwatchd.errors import Exit, UsageError
from logwatchd.ingest.offline import expand
from logwatchd.ingest.streams import STDIN
from logwatchd.scoring.baseline import load, save


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for beside the figures. plot: PNG or SVG to write. write: the best one into the
    baseline."""

    plot: Path | None = None
    write: bool = False
    as_json: bool = False


def run(
    baseline: Path,
    config: Path | None,
    labelled: Sequence[str],
    normal: Sequence[str],
    anomalies: Sequence[str],
    wanted: Wanted,
) -> Exit:
    """Print the figures of every threshold that matters; draw them, and keep the best, as wanted.

    Args:
        labelled: files whose content tells their form, see `labelled`. normal, anomalies: plain logs of one label.

    Raises:
        UsageError: wrong labelled lines, or options. BaselineError, ConfigError: as `open_baseline`.
    """
    files = [
        *((file, None) for file in _files(labelled)),
        *((file, False) for file in _files(normal)),
        *((file, True) for file in _files(anomalies)),
    ]
    if not files:
        raise UsageError("no labelled lines: name a file of them, or plain logs with --normal FILE and --anomaly FILE")
    if wanted.plot:
        from logwatchd.commands import threshold_plot

        threshold_plot.check(wanted.plot)
    opened = open_baseline(baseline, config)
    names = [str(file) if file else "standard input" for file, _ in files]
    with progress() as bar:
        task = bar.add_task("judging", total=sum(file.stat().st_size for file, _ in files if file) or None)
        report = report_of(opened, names, _lines(files, lambda size: bar.advance(task, size)))
    tell_cost(opened.embedder, opened.found.settings.embedder if opened.found else None)
    if not report.texts:
        raise UsageError(f"{', '.join(names)}: no labelled line in it; label some lines of your logs first")
    if wanted.plot:
        threshold_plot.draw(report, wanted.plot)
    if wanted.as_json:
        json.dump(as_json(report), sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        print_report(report, advise=not wanted.write)
    if wanted.write:
        _write(report)
    return Exit.OK


def _files(patterns: Sequence[str]) -> list[Path | None]:
    """None stands for standard input."""
    plain = [pattern for pattern in patterns if pattern != STDIN]
    return [*expand(plain), *([None] if STDIN in patterns else [])]


def _lines(files: Sequence[tuple[Path | None, bool | None]], on_bytes: OnBytes) -> Iterator[Labelled]:
    for file, anomaly in files:
        yield from read_labelled(file, on_bytes) if anomaly is None else read_plain(file, anomaly, on_bytes)


def _write(report: Report) -> None:
    """Put the best threshold into the baseline.

    Raises:
        UsageError: there is none. BaselineError: it cannot be written; the old one stays.
    """
    if report.best is None:
        raise UsageError(
            f"{report.baseline}: left as it was: {report.normal:,} normal lines and {report.anomalies:,} anomalies do "
            "not tell a threshold; label more of both"
        )
    baseline = load(report.baseline)
    manifest = replace(baseline.manifest, threshold=report.best.threshold, threshold_mode="tuned")
    save(replace(baseline, manifest=manifest), report.baseline)
    tuned = f"{report.baseline}: threshold {report.best.threshold:g} (tuned)"
    say(f"{tuned}; 'logwatchd reload' or SIGHUP puts it in force", "green")
    if report.configured:
        say(f"{report.configured}: comes before the baseline's; take it out", "yellow")
