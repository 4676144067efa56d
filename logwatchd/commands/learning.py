"""Known-good logs -> a baseline, for the commands that learn: what is read, and what there is to say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from logwatchd import clock
from logwatchd.commands.asking import tell_cost
from logwatchd.commands.progress import progress
from logwatchd.config import Config, EmbedderSettings
from logwatchd.errors import BaselineError, PermanentError, RetryableError, UnpackError
from logwatchd.ingest.offline import log_name
from logwatchd.ingest.sampling import SAMPLE_BYTES, shares
from logwatchd.ingest.stretches import Extent, read_share, size_of
from logwatchd.parsing.masks import Masks
from logwatchd.parsing.names import base_of
from logwatchd.records import SourceSpec
from logwatchd.scoring.alarms import Place
from logwatchd.scoring.baseline import Baseline
from logwatchd.scoring.builder import BaselineBuilder
from logwatchd.scoring.embedder import Embedder
from logwatchd.scoring.embedders import embed_all, embedder_of
from logwatchd.scoring.kept import with_cache
from logwatchd.scoring.local import LocalEmbedder

FEW_LINES = 1000  # below it a baseline is worth a warning


@dataclass(frozen=True, slots=True)
class Lesson:
    """Something to learn from that is no file. read: runs of its events, and where newlines stand inside of them."""

    name: str
    source: SourceSpec
    read: Callable[[SourceSpec], Iterable[tuple[bytes, tuple[int, ...]]]]


@dataclass(frozen=True, slots=True)
class Taught:
    """What was read, before it is a baseline.

    extents: of the files that taught; lessons: the names of what is no file; damaged: a warning for each file of which
    not all could be unpacked.
    """

    builder: BaselineBuilder
    extents: tuple[Extent, ...]
    lessons: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()

    @property
    def read_bytes(self) -> int:
        return sum(extent.read_bytes for extent in self.extents)

    @property
    def of_bytes(self) -> int:
        return sum(extent.of_bytes for extent in self.extents)

    @property
    def sources(self) -> tuple[str, ...]:
        """What the baseline's manifest calls them."""
        return (*(log_name(extent.path) for extent in self.extents), *dict.fromkeys(self.lessons))


def read(
    files: Sequence[tuple[Path, SourceSpec]],
    more: Sequence[Lesson] = (),
    sample_bytes: int | None = SAMPLE_BYTES,
    masks: Masks = (),
) -> Taught:
    """Read the files, and then what is more, with a progress bar on a terminal.

    Args:
        sample_bytes: of the files, unpacked; of more than that stretches are read (see `ingest.sampling`); None: all.
        masks: the user's.

    Raises:
        UsageError: something cannot be read; of damaged files only where none of them teaches anything.
    """
    builder = BaselineBuilder(masks)
    extents: list[Extent] = []
    partly: list[UnpackError] = []
    lost: list[UnpackError] = []
    found: list[tuple[Path, SourceSpec, int]] = []
    for file, source in files:
        try:
            found.append((file, source, size_of(file)))
        except UnpackError as error:
            lost.append(error)
    sizes = [size for _, _, size in found]
    parts = sizes if sample_bytes is None else shares(sizes, sample_bytes)
    with progress() as bar:
        reading = bar.add_task("reading", total=sum(sizes))
        for (file, source, size), part in zip(found, parts, strict=True):
            log, extent, learned = base_of(log_name(file)), Extent(file), False
            try:
                for run in read_share(extent, source, size, part, lambda done: bar.advance(reading, done)):
                    builder.add(run.data, source.skip_levels, log, run.inner, Place(0, str(file), run.line, run.at))
                    learned = True
            except UnpackError as error:
                (partly if learned else lost).append(error)
                if not learned:
                    continue
            extents.append(extent)
        for lesson in more:
            for data, inner in lesson.read(lesson.source):
                builder.add(data, lesson.source.skip_levels, lesson.name, inner)
        bar.update(reading, completed=bar.tasks[0].total)
    if lost and not extents and not more:
        raise lost[0]
    for log in {base_of(log_name(extent.path)) for extent in extents if extent.read_bytes}:
        own = [extent for extent in extents if base_of(log_name(extent.path)) == log]
        builder.sampled(log, sum(one.read_bytes for one in own) / sum(one.of_bytes for one in own))
    damaged = [f"{error}; what could be unpacked of it was learned" for error in partly]
    damaged += [f"{error}; it was left out" for error in lost]
    return Taught(builder, tuple(extents), tuple(lesson.name for lesson in more), tuple(damaged))


def finish(taught: Taught, found: Config | None) -> Baseline:
    """Build the baseline that the configuration asks for, with a progress bar on a terminal.

    Raises:
        BaselineError: there is nothing to learn from, or the embedder fails.
    """
    settings = found.settings.embedder if found else EmbedderSettings()
    embedder: Embedder = LocalEmbedder()
    if found:
        embedder = with_cache(embedder_of(found, offline=True), settings, found.settings.state_dir)
    wanted = found.settings.baseline if found else None
    with progress() as bar:
        embedding = bar.add_task("embedding", total=taught.builder.patterns)
        try:
            baseline = taught.builder.build(
                lambda texts: embed_all(
                    embedder, texts, settings.batch_size, lambda done: bar.update(embedding, completed=done)
                ),
                embedder,
                clusters=None if wanted is None or wanted.clusters == "auto" else wanted.clusters,
                threshold=None if wanted is None or wanted.threshold == "auto" else wanted.threshold,
                sources=taught.sources,
                built_at=clock.utc_now(),
                read_bytes=taught.read_bytes,
                of_bytes=taught.of_bytes,
            )
        except (PermanentError, RetryableError) as error:
            raise BaselineError(f"no baseline: {error}") from None
    tell_cost(embedder, settings)
    return baseline


def learn(files: Sequence[tuple[Path, SourceSpec]], found: Config | None, more: Sequence[Lesson] = ()) -> Baseline:
    """Read and build in one go; see `read` and `finish`."""
    return finish(read(files, more, masks=found.masks if found else ()), found)
