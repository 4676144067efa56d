"""`logwatchd scan`: score a file offline, in order."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np

from logwatchd.alerting.text import counted, visible
from logwatchd.commands.asking import machine, tell_cost
from logwatchd.commands.terminal import console, say
from logwatchd.errors import ConfigError, Exit, UsageError
from logwatchd.ingest.offline import log_name, read_events
from logwatchd.parsing.own import HEADER_BYTES, is_own
from logwatchd.parsing.service import service_of
from logwatchd.records import Level, SourceSpec, Verdict, unjudged
from logwatchd.scoring.baseline import Baseline, check_fits, load
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.embedder import Embedder, model_of
from logwatchd.scoring.embedders import batch_size_of, embed_all, embedder_of, make_embedder
from logwatchd.scoring.ids import Ids, PatternId, distinct
from logwatchd.scoring.judge import Judge
from logwatchd.scoring.lexicon import OFFLINE_CACHE_BYTES
from logwatchd.scoring.local import LocalEmbedder
from logwatchd.scoring.places import Places
from logwatchd.vectors import Embed, Vectors

if TYPE_CHECKING:
    from rich.console import Console

    from logwatchd.config import Config

_STDIN = "-"
_WORTH_JUDGING = 200  # texts: to judge one alone takes as long as twenty at once
_JUDGED_AT_ONCE = 1000  # in a run of new texts there are tens of megabytes of vectors
_HELD_RUNS = 24  # of about 1 MiB
_MOST_SEEN = 1 << 16  # patterns: each line of a stream may have a new one
_TERMINAL_BY = ("FORCE_COLOR", "TTY_COMPATIBLE")  # variables that have rich take a pipe for one
_TO_JSON = json.JSONEncoder(ensure_ascii=False).encode


def embedder_for(baseline: Baseline, found: Config | None = None) -> Embedder:
    """The embedder that a baseline was made with, which the manifest names; what leaves goes to the configured service,
    by the machine's own configuration where `found` is None.

    Raises:
        ConfigError: it needs a key, or a folder that only a configuration can name.
    """
    if found:
        configured = embedder_of(found, offline=True)
        if configured.name == baseline.manifest.embedder:
            from logwatchd.scoring.kept import with_cache  # and what is imported further down: a fifth of a second

            return with_cache(configured, found.settings.embedder, found.settings.state_dir)
    name = baseline.manifest.embedder
    if name.startswith(("onnx:", "static:")):
        mend = (
            "name a --config with that model's embedder.folder, or move the baseline with 'logwatchd baseline rebuild'"
        )
        raise ConfigError([f"the baseline was made by the model {name}; {mend}"])
    model = model_of(name)
    if model is None:
        return LocalEmbedder()
    from logwatchd.config import EmbedderSettings
    from logwatchd.config_secrets import read_secrets

    # A baseline may have fewer dimensions than the model; these models can be asked for any number.
    dimensions = baseline.manifest.dimensions if model.startswith("text-embedding-3") else None
    if found:
        base, secrets, rules = found.settings.embedder, found.secrets, found.settings.redact
    else:
        own = machine()
        base, secrets, rules = EmbedderSettings(base_url=own.base_url), read_secrets()[0], own.rules
    settings = base.model_copy(update={"provider": "openai", "model": model, "dimensions": dimensions})
    return make_embedder(settings, secrets, rules, offline=True)


def run(baseline_path: Path, file: str, config_path: Path | None, *, jsonl: bool, every: bool) -> Exit:
    """Print the anomalies of a file ('-': standard input), or with `every` a verdict on each line.

    Args:
        config_path: whose embedding service is asked, where the baseline needs one, whose threshold applies, and whose
            source says how the file is read and which levels are never judged.

    Raises:
        BaselineError, UsageError, ConfigError: the baseline, the file or the configuration cannot be used. What could
            be read of a damaged file was judged before.
    """
    baseline = load(baseline_path)
    path = None if file == _STDIN else Path(file)
    label = "stdin" if path is None else str(path)
    log = None if path is None else log_name(path)
    found, detector, source = None, Detector(baseline), SourceSpec((label,))
    if config_path:
        from logwatchd import config

        found = config.load(config_path, config.any_secret)
        detector, source = _configured(baseline, baseline_path, found, file)
    embedder = embedder_for(baseline, found)
    check_fits(baseline, embedder.name, embedder.dimensions, baseline_path)
    report = _Jsonl(sys.stdout, source.service, label) if jsonl else _Text(sys.stdout, label)

    def embed(texts: Sequence[str]) -> Vectors:
        return embed_all(embedder, texts, batch_size_of(found))

    scanning = _Scanning(_judge(detector), embed, report, log, source.skip_levels, every=every)
    trouble = None
    try:
        for data, inner in read_events(path, source):
            scanning.take(data, inner)
    except UsageError as error:
        trouble = error
    scanning.settle()
    if scanning.lines or not trouble:
        report.end(scanning.lines, scanning.found)
    tell_cost(embedder, found.settings.embedder if found else None)
    if trouble:
        judged = f"; only its first {counted(scanning.lines, 'line')} could be judged" if scanning.lines else ""
        raise UsageError(f"{trouble}{judged}")
    return Exit.ANOMALY if scanning.found else Exit.OK


def _configured(baseline: Baseline, path: Path, found: Config, file: str) -> tuple[Detector, SourceSpec]:
    """What the daemon would judge this file by, and the source that it is of.

    Raises:
        BaselineError: the baseline does not fit the configuration.
    """
    from logwatchd.assembly import check_masks, detector_of
    from logwatchd.commands.baseline import source_of

    check_masks(baseline, found, path)
    piped = (source for source in found.sources if _STDIN in source.paths)
    source = next(piped, SourceSpec((_STDIN,))) if file == _STDIN else source_of(Path(file), found.sources)
    return detector_of(baseline, found, path), source


def _judge(detector: Detector) -> Judge:
    return Judge(detector, OFFLINE_CACHE_BYTES, keep_vectors=False)


class _Run(NamedTuple):
    """About 1 MiB of events. lines: of the file. ids: of each event's pattern. distinct: each of them once."""

    places: Places
    lines: int
    ids: Ids
    distinct: Sequence[PatternId]


class _Scanning:
    """Judges runs of events in order. Runs are held until their new texts are worth embedding and judging together."""

    def __init__(
        self,
        judge: Judge,
        embed: Embed,
        report: _Jsonl | _Text,
        log: str | None,
        skip_levels: frozenset[Level],
        *,
        every: bool,
    ) -> None:
        self._judge = judge
        self._embed = embed
        self._report = report
        self._log = log
        self._skip_levels = skip_levels
        self._every = every
        self._held: list[_Run] = []
        self._undecided: dict[PatternId, None] = {}
        self.lines = 0
        self.found = 0

    def take(self, data: bytes, inner: tuple[int, ...]) -> None:
        """Judge a run, and tell of it and of those before it if nothing is missing or enough is."""
        if self._judge.full():
            self.settle()
            self._judge = _judge(self._judge.detector)
        places = Places(data, inner)
        ids = self._judge.ids_of(places.flat)
        each = distinct(ids)
        self._held.append(_Run(places, len(ids) + len(inner), ids, each))
        self._undecided.update(dict.fromkeys(self._judge.undecided(each, self._skip_levels)))
        if not self._undecided or len(self._undecided) >= _WORTH_JUDGING or len(self._held) >= _HELD_RUNS:
            self.settle()

    def settle(self) -> None:
        """Tell of all runs that are held."""
        undecided = iter(self._undecided)
        while some := list(islice(undecided, _JUDGED_AT_ONCE)):
            self._judge.settle(some, self._embed)
        self._undecided.clear()
        for run in self._held:
            self._tell(run)
            self.lines += run.lines
        self._held.clear()
        self._report.flush()

    def _tell(self, run: _Run) -> None:
        places, ids = run.places, run.ids
        anomalous = self._judge.anomalous(run.distinct, self._skip_levels, self._log)
        if not (anomalous or self._every):
            return
        told = range(len(ids)) if self._every else np.flatnonzero(np.isin(ids, list(anomalous))).tolist()
        for index in told:
            verdict = self._judge.verdict(int(ids[index]), self._log)
            if verdict.anomaly and is_own(places.text(index, HEADER_BYTES)):
                if not self._every:
                    continue
                verdict = unjudged(verdict.pattern, verdict.level)
            begin, end = places.line(index), places.line(index + 1)
            self._report.event(1 + self.lines + begin, end - begin, places.text(index, sys.maxsize), verdict)
            self.found += verdict.anomaly


class _Jsonl:
    """One object an event, for machines."""

    def __init__(self, out: IO[str], service: str | None, label: str) -> None:
        """service: of the file's source, if the configuration names one."""
        self._out = out
        self._service = service
        self._label = label

    def event(self, number: int, lines: int, text: str, verdict: Verdict) -> None:
        nearest = verdict.nearest
        row = {
            "line": number,
            "lines": lines,
            "score": round(verdict.score, 6),
            "threshold": round(verdict.threshold, 6),
            "anomaly": verdict.anomaly,
            "level": verdict.level.name,
            "service": service_of(text, self._service, self._label),
            "pattern": verdict.pattern,
            "nearest": {
                "distance": round(nearest.distance, 6) if nearest else 0.0,
                "examples": list(nearest.examples) if nearest else [] if verdict.skipped else [verdict.pattern],
            },
        }
        self._out.write(_TO_JSON(row) + "\n")

    def flush(self) -> None:
        self._out.flush()

    def end(self, lines: int, found: int) -> None:
        """Machines count for themselves."""


class _Text:
    """For people: each line once with its number and score; a new pattern with its nearest known-good line."""

    def __init__(self, out: IO[str], label: str) -> None:
        self._out = out
        self._label = label
        self._seen = _Seen()

    @cached_property
    def _terminal(self) -> Console | None:
        if not (self._out.isatty() or any(map(os.environ.get, _TERMINAL_BY))):
            return None  # known without an import that takes as long as 20,000 lines
        found = console(self._out)
        return found if found.is_terminal else None

    def _print(self, *parts: str | tuple[str, str]) -> None:
        """A line of parts, dim or in styles of their own on a terminal. Elsewhere they need none of its 60 us."""
        if self._terminal is None:
            self._out.write("".join(part if isinstance(part, str) else part[0] for part in parts) + "\n")
            return
        from rich.text import Text

        self._terminal.print(Text.assemble(*parts, style="dim"))

    def event(self, number: int, lines: int, text: str, verdict: Verdict) -> None:
        shown = visible(text.replace("\t", "  ").replace("\r", ""), keep="\n").replace("\n", "\n" + " " * 17)
        style = "bold red" if verdict.anomaly else "green"
        self._print(f"{number:>8}  ", (f"{verdict.score:.3f}  ", style), shown)
        if not verdict.anomaly or not self._seen.first_time(verdict.pattern):
            return
        if verdict.nearest and verdict.nearest.examples:
            example, distance = visible(verdict.nearest.examples[0]), verdict.nearest.distance
            self._print(f"{'':10}nearest known ({distance:.3f} away): {example}")

    def flush(self) -> None:
        self._out.flush()

    def end(self, lines: int, found: int) -> None:
        patterns = counted(self._seen.patterns, "new pattern")
        say(f"{self._label}: {counted(lines, 'line')}, {found:,} anomalous, {patterns}", "bold" if found else "green")


class _Seen:
    """Patterns that were met, by their hashes; of very many, those that were not met lately are forgotten."""

    def __init__(self) -> None:
        self._younger: set[int] = set()
        self._older: set[int] = set()
        self.patterns = 0

    def first_time(self, pattern: str) -> bool:
        number = hash(pattern)
        if number in self._younger:
            return False
        known = number in self._older
        self._younger.add(number)
        if len(self._younger) > _MOST_SEEN // 2:
            self._younger, self._older = set(), self._younger
        self.patterns += not known
        return not known
