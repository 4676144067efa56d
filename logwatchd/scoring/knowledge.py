"""What known-good lines taught: all that a baseline is made of. Lines teach it, and a baseline can be asked for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest

from logwatchd.parsing.masks import Masks
from logwatchd.parsing.normalise import NORMALISER_VERSION
from logwatchd.records import Level
from logwatchd.scoring.baseline import Baseline
from logwatchd.scoring.calibration import LearnedLog

MOST_PATTERNS = 400_000  # that are counted; where there are more, the rarest go


@dataclass(frozen=True, slots=True)
class Knowledge:
    """counts: lines a pattern. levels: the most serious of each. logs: what was read, each name once.

    newcomers: the patterns that stand only in the logs' last parts, which the calibration keeps apart, and the names of
    these logs. single: how many patterns were met once, also of those that `counts` does not have any more. sources,
    read_bytes, of_bytes: see `Manifest`. normaliser: that made the patterns; several, where it is of several versions.
    """

    counts: Mapping[str, int]
    levels: Mapping[str, Level]
    logs: tuple[LearnedLog, ...]
    newcomers: Mapping[str, tuple[str, ...]]
    single: int
    sources: tuple[str, ...]
    masks: Masks = ()
    read_bytes: int = 0
    of_bytes: int = 0
    normaliser: str = NORMALISER_VERSION

    @property
    def lines(self) -> int:
        """That were read."""
        return sum(log.lines for log in self.logs)

    @property
    def coverage(self) -> float:
        """The share of all lines whose text was met more than once, 0 to 1: so much is known, by Good and Turing."""
        return max(0.0, 1.0 - self.single / max(1, self.lines))


def knowledge_of(baseline: Baseline) -> Knowledge:
    """What a baseline was made of."""
    manifest, held_out = baseline.manifest, baseline.held_out
    patterns = list(baseline.patterns)
    newcomers: dict[str, tuple[str, ...]] = {}
    for index, log in zip(held_out.patterns.tolist(), held_out.log.tolist(), strict=True):
        newcomers[patterns[index]] = (*newcomers.get(patterns[index], ()), held_out.logs[log].name)
    return Knowledge(
        counts=baseline.patterns,
        levels={pattern: Level(level) for pattern, level in zip(patterns, baseline.levels, strict=True)},
        logs=held_out.logs,
        newcomers=newcomers,
        single=round((1.0 - manifest.coverage) * manifest.lines),
        sources=manifest.sources,
        masks=manifest.masks,
        read_bytes=manifest.read_bytes,
        of_bytes=manifest.of_bytes,
        normaliser=manifest.normaliser,
    )


def merged(parts: Sequence[Knowledge]) -> Knowledge:
    """All that these know together, the rarest patterns aside where it is too much; their masks are the same.

    A pattern is new only if it is new wherever it was met: what one log says late and another early is no news. What
    several parts learned from one log is taken for different days of it.
    """
    counts: dict[str, int] = {}
    levels: dict[str, Level] = {}
    newcomers: dict[str, tuple[str, ...]] = {}
    for part in parts:
        for pattern, count in part.counts.items():
            counts[pattern] = counts.get(pattern, 0) + count
            levels[pattern] = max(part.levels[pattern], levels.get(pattern, Level.UNKNOWN))
        for pattern, logs in part.newcomers.items():
            newcomers[pattern] = tuple(dict.fromkeys((*newcomers.get(pattern, ()), *logs)))
    for part in parts:
        for pattern in part.counts.keys() & newcomers.keys():
            if pattern not in part.newcomers:
                del newcomers[pattern]
    left_out = sum(max(0, part.single - _met_once(part.counts)) for part in parts)
    single = _met_once(counts) + left_out
    for pattern in nsmallest(len(counts) - MOST_PATTERNS, counts, key=counts.__getitem__):
        del counts[pattern], levels[pattern]
        newcomers.pop(pattern, None)
    return Knowledge(
        counts=counts,
        levels=levels,
        logs=_merged_logs(parts),
        newcomers=newcomers,
        single=single,
        sources=tuple(dict.fromkeys(source for part in parts for source in part.sources)),
        masks=parts[0].masks,
        read_bytes=sum(part.read_bytes for part in parts),
        of_bytes=sum(part.of_bytes for part in parts),
        normaliser=", ".join(dict.fromkeys(each for part in parts for each in part.normaliser.split(", "))),
    )


def _merged_logs(parts: Sequence[Knowledge]) -> tuple[LearnedLog, ...]:
    """What several parts say of one log adds up; days that nobody knows count for nothing beside others.

    What was met once in each of two parts counts twice as met once: nobody knows which patterns these were. The log is
    then trusted less than it could be.
    """
    found: dict[str, LearnedLog] = {}
    for log in (log for part in parts for log in part.logs):
        before = found.get(log.name, LearnedLog(log.name, 0, 0, 0))
        found[log.name] = LearnedLog(
            name=log.name,
            lines=before.lines + log.lines,
            held_out=before.held_out + log.held_out,
            single=before.single + log.single,
            days=(before.days or 0.0) + (log.days or 0.0) or None,
            skipped=before.skipped + log.skipped,
        )
    return tuple(found.values())


def _met_once(counts: Mapping[str, int]) -> int:
    return sum(count == 1 for count in counts.values())
