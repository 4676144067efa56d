"""What `baseline build` has to say: one report, for people and for machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from logwatchd.alerting.text import clip, counted, gist, visible
from logwatchd.commands.learning import FEW_LINES, Taught
from logwatchd.scoring.alarms import Place
from logwatchd.scoring.baseline import Baseline
from logwatchd.scoring.coverage import END, Growth
from logwatchd.scoring.suspicion import Burst
from logwatchd.scoring.thresholds import own_thresholds

_MOST = 5  # of a kind of warning
_MOST_CHARS = 160

Report = dict[str, Any]


def report_of(
    output: Path,
    baseline: Baseline,
    taught: Taught,
    *,
    doubted: Sequence[Burst],
    dropped: bool,
    unlearned: Sequence[str],
) -> Report:
    """All of it, for --json."""
    growth, unseen = taught.builder.growth(), taught.builder.unseen()
    return {
        "output": str(output),
        "manifest": asdict(baseline.manifest),
        "thresholds": dict(own_thresholds(baseline).by_log),
        "read": [
            {"path": str(one.path), "read_bytes": one.read_bytes, "of_bytes": one.of_bytes} for one in taught.extents
        ],
        "growth": [{**asdict(one), "growing": one.growing} for one in growth],
        "unseen": unseen,
        "doubted": [_burst(burst) for burst in doubted],
        "dropped": dropped and bool(doubted),
        "unlearned": list(unlearned),
        "warnings": [
            *taught.damaged,
            *_size_warnings(baseline.manifest.lines, growth, unseen),
            *_burst_warnings(doubted, dropped),
            *unlearned_warnings(unlearned),
        ],
    }


def summary(output: Path, baseline: Baseline, taught: Taught) -> list[str]:
    """How much was read, where it was not all, and the outcome."""
    lines = []
    parts = [one for one in taught.extents if one.read_bytes < one.of_bytes]
    if parts:
        files = f"{len(parts):,} of {len(taught.extents):,} files" if len(taught.extents) > 1 else str(parts[0].path)
        lines.append(
            f"read {size_text(taught.read_bytes)} of {size_text(taught.of_bytes)}, in stretches spread over {files}; "
            "--sample all reads everything"
        )
    manifest = baseline.manifest
    lines.append(
        f"{output}: {counted(manifest.lines, 'line')}, {counted(manifest.patterns, 'pattern')}, "
        f"{counted(manifest.centroids, 'centroid')}, threshold {own_thresholds(baseline)} ({manifest.threshold_mode})"
    )
    return lines


def unlearned_warnings(unlearned: Sequence[str]) -> list[str]:
    """One line each."""
    return [f"nothing was learned from {name}, which is a configured source" for name in unlearned]


def size_text(size: int) -> str:
    """Bytes for people."""
    value, units = float(size), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:,.1f} {units[0]}" if units[0] != "bytes" else f"{size} bytes"


def _size_warnings(lines: int, growth: Sequence[Growth], unseen: float) -> list[str]:
    few = [f"only {counted(lines, 'line')}: a day of normal traffic teaches more"] if lines < FEW_LINES else []
    growing = [
        f"{one.log}: {one.late:,} of its {one.patterns:,} patterns came in the last {END:.0%} of its lines: more of it "
        "teaches more"
        for one in sorted((one for one in growth if one.growing), key=lambda one: -one.late)
    ]
    if growing and unseen > 0:
        rate = f"about one further line in {round(1 / unseen):,}" if unseen < 0.5 else "most of the further lines"
        growing.append(f"{rate} will have a pattern that is new")
    return [*few, *_first(growing)]


def _burst_warnings(doubted: Sequence[Burst], dropped: bool) -> list[str]:
    outcome = "they are left out" if dropped else "they were learned as normal; --drop-suspicious leaves them out"
    return _first(
        [
            f"{_range(burst)}: {burst.lines:,} lines of failure that stand nowhere else look like an incident, such as "
            f"'{clip(gist(burst.doubts[0].example), _MOST_CHARS)}': {outcome}"
            for burst in doubted
        ]
    )


def _first(lines: Sequence[str]) -> list[str]:
    rest = len(lines) - _MOST
    return [*lines[:_MOST], f"and {rest:,} more: --json has them all"] if rest > 0 else list(lines)


def _range(burst: Burst) -> str:
    first, last = burst.first, burst.last
    begin = _place(first)
    if last.path != first.path:
        return f"{begin} to {_place(last)}"
    return f"{begin}-{last.line}" if last.line is not None else f"{begin}-{last.at:,}"


def _place(place: Place) -> str:
    name = visible(place.path)
    return f"{name}:{place.line}" if place.line is not None else f"{name}, byte {place.at:,}"


def _burst(burst: Burst) -> Report:
    return {
        "log": burst.log,
        "lines": burst.lines,
        "first": _where(burst.first),
        "last": _where(burst.last),
        "patterns": [
            {
                "pattern": doubt.pattern,
                "lines": doubt.lines,
                "first": _where(doubt.first),
                "example": doubt.example,
            }
            for doubt in burst.doubts
        ],
    }


def _where(place: Place) -> Report:
    return {"path": place.path, "line": place.line, "byte": place.at}
