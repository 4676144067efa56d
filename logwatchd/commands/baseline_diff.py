"""`logwatchd baseline diff`: what a new baseline would change, before anybody reloads."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from logwatchd import config
from logwatchd.alerting.text import clip, counted, gist, visible
from logwatchd.assembly import detector_of
from logwatchd.commands.asking import tell_cost
from logwatchd.commands.baseline import source_of
from logwatchd.commands.embedding import embed_for
from logwatchd.commands.scan import embedder_for
from logwatchd.commands.terminal import console
from logwatchd.config import Config
from logwatchd.errors import BaselineError, Exit, PermanentError, RetryableError
from logwatchd.ingest.offline import expand, log_name, read_events
from logwatchd.records import SourceSpec
from logwatchd.scoring.baseline import Baseline, load
from logwatchd.scoring.comparison import VerdictChange, changes, gained, verdict_changes
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.embedders import batch_size_of
from logwatchd.scoring.sightings import Sightings
from logwatchd.vectors import Embed

SHOWN = 10  # of each list, without --all
_MOST_CHARS = 160

Report = dict[str, Any]


def run(
    old_path: Path, new_path: Path, logs: Sequence[str], config_path: Path | None, *, as_json: bool, every: bool
) -> Exit:
    """Print how two baselines differ and, with logs, which of their lines change their verdict.

    Args:
        config_path: whose sources say how the logs are read, and whose threshold applies; None for the defaults.
        every: not only the first SHOWN of each list; as_json has all of them.

    Returns:
        ANOMALY when the verdict on some line changes.

    Raises:
        BaselineError, UsageError, ConfigError: something cannot be used.
    """
    old, new = load(old_path), load(new_path)
    found = config.load(config_path, config.any_secret) if config_path else None
    report: Report = {
        "old": _baseline(old_path, old),
        "new": _baseline(new_path, new),
        "changes": {
            change.name: [_plain(change.old), _plain(change.new)] for change in changes(old.manifest, new.manifest)
        },
        "gained": [{"lines": lines, "pattern": pattern} for pattern, lines in gained(old, new)],
        "lost": [{"lines": lines, "pattern": pattern} for pattern, lines in gained(new, old)],
    }
    if logs:
        pairs = ((old, old_path), (new, new_path))
        embedders = [embedder_for(baseline, found) for baseline, _ in pairs]
        judges = [
            (_detector(baseline, found, path), embed_for(baseline, path, embedder, batch_size_of(found)))
            for (baseline, path), embedder in zip(pairs, embedders, strict=True)
        ]
        report["verdicts"] = _verdicts(judges, expand(logs), found)
        for embedder in embedders:
            tell_cost(embedder, found.settings.embedder if found else None)
    if as_json:
        json.dump(report, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        _Text(None if every else SHOWN).print(report)
    turned = report.get("verdicts", {})
    return Exit.ANOMALY if turned.get("to_anomaly") or turned.get("to_normal") else Exit.OK


def _baseline(path: Path, baseline: Baseline) -> Report:
    manifest = baseline.manifest
    return {"path": str(path), "built_at": manifest.built_at, "lines": manifest.lines, "patterns": manifest.patterns}


def _detector(baseline: Baseline, found: Config | None, path: Path) -> Detector:
    return detector_of(baseline, found, path) if found else Detector(baseline)


def _verdicts(judges: Sequence[tuple[Detector, Embed]], files: Sequence[Path], found: Config | None) -> Report:
    """What the lines of these files are to the old judge and the new one, in the form of the report."""
    before, after = judges
    seen = Sightings(before[0].baseline.manifest.masks, after[0].baseline.manifest.masks)
    for file in files:
        _read(seen, file, found.sources if found else ())
    try:
        turned = verdict_changes(before, after, seen.texts)
    except (PermanentError, RetryableError) as error:
        raise BaselineError(f"the lines cannot be judged: {error}") from None
    return {
        "files": [str(file) for file in files],
        "lines": seen.lines,
        "patterns": len({key[:2] for key in seen.texts}),
        "to_anomaly": [_turned(change) for change in turned if change.new.anomaly],
        "to_normal": [_turned(change) for change in turned if change.old.anomaly],
    }


def _read(seen: Sightings, file: Path, sources: Sequence[SourceSpec]) -> None:
    source, line = source_of(file, sources), 1
    for data, inner in read_events(file, source):
        seen.add(data, inner, source.skip_levels, str(file), line, log=log_name(file))
        line += data.count(b"\n")


def _turned(change: VerdictChange) -> Report:
    return {
        "lines": change.sighting.lines,
        "pattern": change.new.pattern,
        "level": change.new.level.name,
        "old": {"score": round(change.old.score, 6), "threshold": round(change.old.threshold, 6)},
        "new": {"score": round(change.new.score, 6), "threshold": round(change.new.threshold, 6)},
        "first": {"file": change.sighting.path, "line": change.sighting.line, "text": change.sighting.example},
    }


class _Text:
    """The report for people: each list's most frequent first."""

    def __init__(self, most: int | None) -> None:
        """most: how much of each list; None for all of it."""
        self._console = console()
        self._most = most

    def print(self, report: Report) -> None:
        for mark, one in (("-", report["old"]), ("+", report["new"])):
            self._say(f"{mark} {one['path']}: {one['lines']:,} lines, {one['patterns']:,} patterns, {one['built_at']}")
        for name, (old, new) in report["changes"].items():
            self._say(f"  {name.replace('_', ' ')}: {_value(old)} -> {_value(new)}")
        self._patterns("gained", "+", report["gained"], "green")
        self._patterns("lost", "-", report["lost"], "yellow")
        verdicts = report.get("verdicts")
        if verdicts:
            files = counted(len(verdicts["files"]), "file")
            self._say(f"\n{counted(verdicts['lines'], 'line')} of {files} judged by both:", "bold")
            self._turned("from normal to anomaly", verdicts["to_anomaly"], "red")
            self._turned("from anomaly to normal", verdicts["to_normal"], "green")

    def _patterns(self, word: str, mark: str, rows: Sequence[Report], style: str) -> None:
        lines = sum(row["lines"] for row in rows)
        self._say(
            f"\n{counted(len(rows), 'pattern')} {word}" + (f", of {counted(lines, 'line')}" if rows else ""), "bold"
        )
        for row in rows[: self._most]:
            self._say(f"{mark} {row['lines']:>9,}  {clip(visible(row['pattern']), _MOST_CHARS)}", style)
        self._rest(rows)

    def _turned(self, way: str, rows: Sequence[Report], style: str) -> None:
        lines = sum(row["lines"] for row in rows)
        self._say(f"  {way}: " + (f"{counted(len(rows), 'pattern')}, {counted(lines, 'line')}" if rows else "none"))
        for row in rows[: self._most]:
            old, new, first = row["old"], row["new"], row["first"]
            self._say(
                f"  {row['lines']:>9,}  {old['score']:.3f} of {old['threshold']:.3f} -> {new['score']:.3f} of "
                f"{new['threshold']:.3f}  {visible(first['file'])}:{first['line']}"
            )
            self._say(f"             {clip(gist(first['text']), _MOST_CHARS)}", style)
        self._rest(rows)

    def _rest(self, rows: Sequence[Report]) -> None:
        if self._most is not None and len(rows) > self._most:
            self._say(f"  and {len(rows) - self._most:,} more: --all")

    def _say(self, text: str, style: str | None = None) -> None:
        self._console.print(text, style=style)


def _plain(value: object) -> object:
    """A fact as JSON has it: masks by their patterns."""
    return [f"{mask.name}: {mask.pattern}" for mask in value] if isinstance(value, tuple) else value


def _value(value: object) -> str:
    if isinstance(value, list):
        return visible(", ".join(value)) or "none"
    return f"{value:.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
