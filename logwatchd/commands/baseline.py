"""`logwatchd baseline build` and `logwatchd baseline show`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from logwatchd import clock, config
from logwatchd.config import Config, EmbedderSettings
from logwatchd.errors import BaselineError, Exit, PermanentError, RetryableError, UsageError
from logwatchd.ingest.journal_history import read_history
from logwatchd.ingest.names import base_of
from logwatchd.ingest.offline import expand, read_events
from logwatchd.ingest.streams import STDIN
from logwatchd.records import SourceSpec, flat
from logwatchd.scoring.baseline import Baseline, load, save
from logwatchd.scoring.builder import BaselineBuilder
from logwatchd.scoring.embedders import embed_all, make_embedder

if TYPE_CHECKING:
    from rich.progress import Progress

FEW_LINES = 1000  # below it a baseline is worth a warning


def build(output: Path, config_path: Path | None, patterns: list[str]) -> Exit:
    """Learn a baseline from known-good logs: the files named, else those of the configuration's sources.

    Raises:
        UsageError, ConfigError, BaselineError: nothing is written then.
    """
    found = _config(config_path, patterns)
    sources = found.sources if found else ()
    more: list[Lesson] = []
    if patterns:
        files = [(file, source_of(file, sources)) for file in expand([p for p in patterns if p != STDIN])]
        if STDIN in patterns:
            more.append(Lesson("standard input", SourceSpec((STDIN,)), lambda spec: read_events(None, spec)))
    else:
        files = [(file, source) for source in sources for file in expand(_files_of(source))]
        more += [Lesson("journal", source, read_history) for source in sources if source.journal]
    if not files and not more:
        raise UsageError(
            "the configured sources are pipes, which hold nothing to learn from: name known-good log files"
        )
    if not output.parent.is_dir():
        raise UsageError(f"{output}: there is no folder {output.parent}; create it first")
    baseline = learn(files, found, more)
    save(baseline, output)
    manifest = baseline.manifest
    _say(
        f"{output}: {manifest.lines:,} lines, {manifest.patterns:,} patterns, {manifest.centroids:,} centroids, "
        f"threshold {manifest.threshold:.3f} ({manifest.threshold_mode})"
    )
    if manifest.lines < FEW_LINES:
        _say(f"only {manifest.lines:,} lines: a day of normal traffic teaches more", style="yellow")
    return Exit.OK


def source_of(file: Path, sources: Sequence[SourceSpec]) -> SourceSpec:
    """The configured source that a file belongs to, for its encoding and its events; else the defaults."""
    full = str(file.absolute())
    named = (source for source in sources if any(fnmatch(full, pattern) for pattern in source.paths))
    return next(named, SourceSpec((full,)))


def _files_of(source: SourceSpec) -> list[str]:
    """The paths that can be learned from: reading a pipe would take its lines from the daemon."""
    return [path for path in source.paths if path != STDIN and not Path(path).is_fifo()]


@dataclass(frozen=True, slots=True)
class Lesson:
    """Something to learn from that is no file. read: runs of its events, and where newlines stand inside of them."""

    name: str
    source: SourceSpec
    read: Callable[[SourceSpec], Iterable[tuple[bytes, tuple[int, ...]]]]


def learn(files: Sequence[tuple[Path, SourceSpec]], found: Config | None, more: Sequence[Lesson] = ()) -> Baseline:
    """Read the files, and then what is more, and build a baseline, with a progress bar on a terminal."""
    embedder_settings = found.settings.embedder if found else EmbedderSettings()
    clusters: int | None = None
    threshold: float | None = None
    if found:
        wanted = found.settings.baseline
        clusters = None if wanted.clusters == "auto" else wanted.clusters
        threshold = None if wanted.threshold == "auto" else wanted.threshold
    embedder = make_embedder(embedder_settings, found.secrets.openai_api_key if found else None, offline=True)
    builder = BaselineBuilder()
    with _progress() as progress:
        reading = progress.add_task("reading", total=sum(file.stat().st_size for file, _ in files))
        for file, source in files:
            for data, inner in read_events(file, source, lambda size: progress.advance(reading, size)):
                builder.add(flat(data, inner), source.skip_levels, base_of(str(file)))
        for lesson in more:
            for data, inner in lesson.read(lesson.source):
                builder.add(flat(data, inner), lesson.source.skip_levels, lesson.name)
        progress.update(reading, completed=progress.tasks[0].total)
        embedding = progress.add_task("embedding", total=builder.patterns)
        try:
            return builder.build(
                lambda texts: embed_all(
                    embedder,
                    texts,
                    embedder_settings.batch_size,
                    lambda done: progress.update(embedding, completed=done),
                ),
                embedder,
                clusters=clusters,
                threshold=threshold,
                sources=[*(str(file) for file, _ in files), *dict.fromkeys(lesson.name for lesson in more)],
                built_at=clock.utc_now(),
            )
        except (PermanentError, RetryableError) as error:
            raise BaselineError(f"no baseline: {error}") from None


def show(path: Path, *, as_json: bool) -> Exit:
    """Print a baseline's manifest: a table for people, one object with as_json."""
    baseline = load(path)
    manifest = asdict(baseline.manifest)
    if as_json:
        json.dump(manifest, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return Exit.OK
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in manifest.items():
        if name == "sources":
            value = "\n".join(value)
        elif name == "threshold":
            value = f"{value:.4f}"
        elif isinstance(value, int):
            value = f"{value:,}"
        table.add_row(name.replace("_", " "), str(value))
    Console(highlight=False).print(table)
    return Exit.OK


def _config(path: Path | None, patterns: list[str]) -> Config | None:
    if path is not None:
        return config.load(path)
    if patterns:
        return None
    if config.DEFAULT_PATH.exists():
        return config.load()
    raise UsageError("nothing to learn from: name known-good log files, or a --config whose sources are to be learned")


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description:>10}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


def _say(text: str, style: str = "green") -> None:
    from rich.console import Console

    Console(stderr=True, highlight=False, soft_wrap=True).print(text, style=style)
