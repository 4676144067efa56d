"""What known-good lines taught: all that a baseline is made of. Lines teach it, and a baseline can be asked for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from logwatchd.parsing.masks import Masks
from logwatchd.records import Level
from logwatchd.scoring.baseline import Baseline


@dataclass(frozen=True, slots=True)
class Knowledge:
    """counts: lines a pattern. levels: the most serious of each. lines: that were read.

    held_out_lines: in the last parts of the logs, which the calibration keeps apart. days_of_new: the patterns that
    stand only there, and how many days that part of their log took; NaN where unknown. single: how many patterns were
    met once, also of those that `counts` does not have any more. sources, read_bytes, of_bytes: see `Manifest`.
    """

    counts: Mapping[str, int]
    levels: Mapping[str, Level]
    lines: int
    held_out_lines: int
    days_of_new: Mapping[str, float]
    single: int
    sources: tuple[str, ...]
    masks: Masks = ()
    read_bytes: int = 0
    of_bytes: int = 0

    @property
    def coverage(self) -> float:
        """See `calibration.HeldOut`."""
        return max(0.0, 1.0 - self.single / max(1, self.lines))


def knowledge_of(baseline: Baseline) -> Knowledge:
    """What a baseline was made of."""
    manifest, held_out = baseline.manifest, baseline.held_out
    patterns = list(baseline.patterns)
    return Knowledge(
        counts=baseline.patterns,
        levels={pattern: Level(level) for pattern, level in zip(patterns, baseline.levels, strict=True)},
        lines=manifest.lines,
        held_out_lines=manifest.held_out_lines,
        days_of_new={
            patterns[index]: 1.0 / per_day
            for index, per_day in zip(held_out.patterns.tolist(), held_out.per_day.tolist(), strict=True)
        },
        single=round((1.0 - manifest.coverage) * manifest.lines),
        sources=manifest.sources,
        masks=manifest.masks,
        read_bytes=manifest.read_bytes,
        of_bytes=manifest.of_bytes,
    )


def merged(parts: Sequence[Knowledge]) -> Knowledge:
    """All that these know together; their masks are the same.

    A pattern is new only if it is new wherever it was met: what one log says late and another early is no news. Parts
    that were learned from the same logs are taken for different days of them, others for the same days elsewhere.
    """
    counts: dict[str, int] = {}
    levels: dict[str, Level] = {}
    days: dict[str, float] = {}
    for part in parts:
        same = sum(not set(part.sources).isdisjoint(other.sources) for other in parts) or 1
        for pattern, count in part.counts.items():
            counts[pattern] = counts.get(pattern, 0) + count
            levels[pattern] = max(part.levels[pattern], levels.get(pattern, Level.UNKNOWN))
        for pattern, took in part.days_of_new.items():
            days.setdefault(pattern, took * same)
    for part in parts:
        for pattern in part.counts.keys() & days.keys():
            if pattern not in part.days_of_new:
                del days[pattern]
    left_out = sum(max(0, part.single - _met_once(part.counts)) for part in parts)
    return Knowledge(
        counts=counts,
        levels=levels,
        lines=sum(part.lines for part in parts),
        held_out_lines=sum(part.held_out_lines for part in parts),
        days_of_new=days,
        single=_met_once(counts) + left_out,
        sources=tuple(dict.fromkeys(source for part in parts for source in part.sources)),
        masks=parts[0].masks,
        read_bytes=sum(part.read_bytes for part in parts),
        of_bytes=sum(part.of_bytes for part in parts),
    )


def _met_once(counts: Mapping[str, int]) -> int:
    return sum(count == 1 for count in counts.values())
