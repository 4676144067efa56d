"""`logwatchd scan`: score a file offline, in order."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from logwatchd.errors import ConfigError, Exit
from logwatchd.ingest.offline import read_events
from logwatchd.parsing.service import service_of
from logwatchd.records import Level, SourceSpec, Verdict
from logwatchd.scoring.baseline import Baseline, check_fits, load
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.embedder import Embedder, model_of
from logwatchd.scoring.embedders import embed_all, embedder_of, make_embedder
from logwatchd.scoring.judge import Judge
from logwatchd.scoring.local import LocalEmbedder
from logwatchd.scoring.places import Places

if TYPE_CHECKING:
    from logwatchd.config import Config

_SKIP = frozenset({Level.DEBUG})
_BATCH = 200


def embedder_for(baseline: Baseline, found: Config | None = None) -> Embedder:
    """The embedder that a baseline was made with, which the manifest names; at the configured service, if it is that.

    Raises:
        ConfigError: it needs a key, or a folder that only a configuration can name.
    """
    if found:
        configured = embedder_of(found, offline=True)
        if configured.name == baseline.manifest.embedder:
            return configured
    name = baseline.manifest.embedder
    if name.startswith(("onnx:", "static:")):
        mend = (
            "name a --config with that model's embedder.folder, or move the baseline with 'logwatchd baseline rebuild'"
        )
        raise ConfigError([f"the baseline was made by the model {name}; {mend}"])
    model = model_of(name)
    if model is None:
        return LocalEmbedder()
    from logwatchd.config import EmbedderSettings  # a fifth of a second
    from logwatchd.config_secrets import read_secrets

    # A baseline may have fewer dimensions than the model; these models can be asked for any number.
    dimensions = baseline.manifest.dimensions if model.startswith("text-embedding-3") else None
    settings = EmbedderSettings(provider="openai", model=model, dimensions=dimensions)
    return make_embedder(settings, read_secrets()[0], offline=True)


def run(baseline_path: Path, file: str, *, jsonl: bool, every: bool) -> Exit:
    """Print the anomalies of a file ('-': standard input), or with `every` a verdict on each line.

    Raises:
        BaselineError, UsageError: the baseline or the file cannot be used.
    """
    baseline = load(baseline_path)
    embedder = embedder_for(baseline)
    check_fits(baseline, embedder.name, embedder.dimensions, baseline_path)
    path = None if file == "-" else Path(file)
    label = "stdin" if path is None else str(path)
    log = None if path is None else str(path.absolute())
    report = _Jsonl(sys.stdout, label) if jsonl else _Text(sys.stdout, label)
    judge = Judge(Detector(baseline))
    number, found = 1, 0
    for data, inner in read_events(path, SourceSpec((label,))):
        if judge.full():
            judge = Judge(judge.detector)
        places = Places(data, inner)
        ids = judge.ids_of(places.flat)
        distinct = set(ids.tolist())
        undecided = judge.undecided(distinct, _SKIP)
        if undecided:
            judge.decide(undecided, embed_all(embedder, [judge.pattern(i) for i in undecided], _BATCH))
        anomalous = judge.anomalous(distinct, _SKIP, log)
        told = range(len(ids)) if every else np.flatnonzero(np.isin(ids, list(anomalous))).tolist()
        for index in told:
            lines = 1 + data.count(b"\n", places.byte(index), places.byte(index + 1) - 1) if inner else 1
            verdict = judge.verdict(int(ids[index]), log)
            report.event(number + places.line(index), lines, places.text(index, len(data)), verdict)
            found += int(ids[index]) in anomalous
        number += len(ids) + len(inner)
    report.end(number - 1, found)
    return Exit.ANOMALY if found else Exit.OK


class _Jsonl:
    """One object an event, for machines."""

    def __init__(self, out: IO[str], label: str) -> None:
        self._out = out
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
            "service": service_of(text, None, self._label),
            "pattern": verdict.pattern,
            "nearest": {
                "distance": round(nearest.distance, 6) if nearest else 0.0,
                "examples": list(nearest.examples) if nearest else [] if verdict.skipped else [verdict.pattern],
            },
        }
        self._out.write(json.dumps(row, ensure_ascii=False) + "\n")

    def end(self, lines: int, found: int) -> None:
        self._out.flush()


class _Text:
    """For people: each line once with its number and score; a new pattern with its nearest known-good line."""

    def __init__(self, out: IO[str], label: str) -> None:
        from rich.console import Console

        self._console = Console(file=out, highlight=False, soft_wrap=True, markup=False)
        self._label = label
        self._seen: set[str] = set()

    def event(self, number: int, lines: int, text: str, verdict: Verdict) -> None:
        from rich.text import Text

        shown = "".join(
            c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}"
            for c in text.replace("\t", "  ").replace("\r", "").replace("\n", "\n" + " " * 17)
        )
        head = Text(f"{number:>8}  ", style="dim")
        head.append(f"{verdict.score:.3f}  ", style="bold red" if verdict.anomaly else "green")
        self._console.print(head.append(shown))
        if not verdict.anomaly or verdict.pattern in self._seen:
            return
        self._seen.add(verdict.pattern)
        if verdict.nearest and verdict.nearest.examples:
            nearest = verdict.nearest
            self._console.print(
                Text(f"{'':10}nearest known ({nearest.distance:.3f} away): {nearest.examples[0]}", style="dim")
            )

    def end(self, lines: int, found: int) -> None:
        from rich.console import Console

        told = f"{self._label}: {lines:,} lines, {found:,} anomalous, {len(self._seen):,} new patterns"
        Console(stderr=True, highlight=False).print(told, style="bold" if found else "green")
