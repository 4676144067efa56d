"""`logwatchd baseline build` and `logwatchd baseline show`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path

from logwatchd import config
from logwatchd.alerting.text import visible
from logwatchd.commands.build_report import report_of, summary
from logwatchd.commands.learning import Lesson, finish, read
from logwatchd.commands.output import check_output, make_folder_of
from logwatchd.commands.terminal import console, say
from logwatchd.config import Config
from logwatchd.errors import Exit, UsageError
from logwatchd.ingest.journal_history import read_history
from logwatchd.ingest.offline import expand, log_name, read_events
from logwatchd.ingest.streams import STDIN
from logwatchd.ingest.unlearned import JOURNAL, unlearned
from logwatchd.ingest.unpacking import foreign_name
from logwatchd.parsing.names import base_of
from logwatchd.records import SourceSpec
from logwatchd.scoring.baseline import load
from logwatchd.scoring.suspicion import bursts
from logwatchd.scoring.thresholds import own_thresholds
from logwatchd.scoring.twin import save_with_twin


def build(
    output: Path,
    config_path: Path | None,
    patterns: list[str],
    *,
    sample_bytes: int | None,
    drop_suspicious: bool,
    as_json: bool,
) -> Exit:
    """Learn a baseline from known-good logs: the files named, else those of the configuration's sources.

    Args:
        sample_bytes: how much of the files is read; None for all of it. drop_suspicious: leave out what looks like an
            incident. as_json: a report on stdout.

    Raises:
        UsageError, ConfigError, BaselineError: nothing is written then.
    """
    found = _config(config_path, patterns)
    sources = found.sources if found else ()
    files, more = _lessons(patterns, sources)
    if not files and not more:
        raise UsageError(
            "the configured sources have no files to learn from now (pipes hold nothing): name known-good log files"
        )
    if found and output.parent == found.settings.baseline.path.parent:
        make_folder_of(output)
    check_output(output)
    taught = read(files, more, sample_bytes, found.masks if found else ())
    doubted = bursts(taught.builder.alarms)
    if drop_suspicious:
        taught.builder.forget(doubt.pattern for burst in doubted for doubt in burst.doubts)
    baseline = finish(taught, found)
    save_with_twin(baseline, output)
    report = report_of(
        output,
        baseline,
        taught,
        doubted=doubted,
        dropped=drop_suspicious,
        unlearned=unlearned(sources, taught.sources),
    )
    if as_json:
        json.dump(report, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
    for line in report["warnings"]:
        say(line, "yellow")
    for line in summary(output, baseline, taught):
        say(line, "green")
    return Exit.OK


def _lessons(patterns: list[str], sources: Sequence[SourceSpec]) -> tuple[list[tuple[Path, SourceSpec]], list[Lesson]]:
    """What to learn from: files, and what is none."""
    more: list[Lesson] = []
    if patterns:
        files = [(file, source_of(file, sources)) for file in expand([p for p in patterns if p != STDIN])]
        if STDIN in patterns:
            more.append(Lesson("standard input", SourceSpec((STDIN,)), lambda spec: read_events(None, spec)))
    else:
        owners: dict[Path, SourceSpec] = {}
        for source in sources:
            for file in _files_of(source):
                owners.setdefault(file, source)
        files = list(owners.items())
        more += [Lesson(JOURNAL, source, read_history) for source in sources if source.journal]
    return files, more


def source_of(file: Path, sources: Sequence[SourceSpec]) -> SourceSpec:
    """The configured source that a file belongs to, for its encoding and its events; else the defaults."""
    full = log_name(file)
    names = (full, base_of(full))
    named = (source for source in sources if any(fnmatch(name, path) for path in source.paths for name in names))
    return next(named, SourceSpec((full,)))


def _files_of(source: SourceSpec) -> list[Path]:
    """What there is now to be learned from; not pipes: reading one would take its lines from the daemon."""
    found: list[Path] = []
    for path in source.paths:
        if path != STDIN and not Path(path).is_fifo():
            with suppress(UsageError):  # no file yet: that nothing was learned from it is told in the end
                found += [file for file in expand([path]) if not foreign_name(file)]
    return found


def show(path: Path, *, as_json: bool) -> Exit:
    """Print a baseline's manifest and each log's threshold: a table for people, one object with as_json."""
    baseline = load(path)
    manifest = asdict(baseline.manifest)
    by_log = dict(sorted(own_thresholds(baseline).by_log.items()))
    if as_json:
        json.dump({**manifest, "thresholds": by_log}, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return Exit.OK
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in manifest.items():
        if isinstance(value, tuple):
            value = "\n".join(visible(str(each)) for each in value) or "-"
        elif isinstance(value, float):
            value = f"{value:.4f}"
        elif isinstance(value, int):
            value = f"{value:,}"
        else:
            value = visible(str(value))
        table.add_row(name.replace("_", " "), value)
    if by_log:
        table.add_row("thresholds", "\n".join(f"{value:.4f}  {visible(log)}" for log, value in by_log.items()))
    console().print(table)
    return Exit.OK


def _config(path: Path | None, patterns: list[str]) -> Config | None:
    if path is not None:
        return config.load(path, config.any_secret)
    if patterns:
        return None
    if config.DEFAULT_PATH.exists():
        return config.load(may_lack=config.any_secret)
    raise UsageError("nothing to learn from: name known-good log files, or a --config whose sources are to be learned")
