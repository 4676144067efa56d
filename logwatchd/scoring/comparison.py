"""Two baselines: what the second one knows that the first did not, and which verdicts differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from logwatchd.records import Verdict
from logwatchd.scoring.baseline import Baseline, Manifest
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.sightings import PairInLog, Sighting, Text
from logwatchd.vectors import Embed, Vectors

COMPARED = (
    *("embedder", "dimensions", "normaliser", "masks", "threshold", "threshold_mode"),
    *("centroids", "patterns", "lines"),
)
_TEXTS_AT_ONCE = 4096  # vectors of so many are held


@dataclass(frozen=True, slots=True)
class Change:
    """A fact of the manifest that differs."""

    name: str
    old: object
    new: object


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """A text that one of two detectors calls an anomaly, and the other does not."""

    old: Verdict
    new: Verdict
    sighting: Sighting


def changes(old: Manifest, new: Manifest) -> tuple[Change, ...]:
    """The facts that differ."""
    pairs = ((name, getattr(old, name), getattr(new, name)) for name in COMPARED)
    return tuple(Change(*pair) for pair in pairs if pair[1] != pair[2])


def gained(old: Baseline, new: Baseline) -> list[tuple[str, int]]:
    """The patterns that only the new one has and their lines, most frequent first; lost: the other way round."""
    found = [(pattern, lines) for pattern, lines in new.patterns.items() if pattern not in old.patterns]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))


def verdict_changes(
    old: tuple[Detector, Embed], new: tuple[Detector, Embed], texts: Mapping[PairInLog, Sighting]
) -> list[VerdictChange]:
    """Judge every event with both detectors, each by its own text and vectors; most frequent first."""
    shared = old[0].baseline.manifest.embedder == new[0].baseline.manifest.embedder
    found: list[VerdictChange] = []
    rest = iter(texts)
    while part := list(islice(rest, _TEXTS_AT_ONCE)):
        own = [old_text for old_text, _, _ in part], [new_text for _, new_text, _ in part]
        logs = [log for _, _, log in part]
        unknown = [_unknown(detector, some) for (detector, _), some in zip((old, new), own, strict=True)]
        if shared:
            both = list(dict.fromkeys([*unknown[0], *unknown[1]]))
            vectors = [_vectors(old[1], both)] * 2
        else:
            vectors = [_vectors(embed, some) for (_, embed), some in zip((old, new), unknown, strict=True)]
        before, after = (
            _verdicts(detector, some, logs, has)
            for (detector, _), some, has in zip((old, new), own, vectors, strict=True)
        )
        found += [
            VerdictChange(then, now, texts[key])
            for key, then, now in zip(part, before, after, strict=True)
            if then.anomaly != now.anomaly
        ]
    return sorted(found, key=lambda change: (-change.sighting.lines, change.new.pattern))


def _unknown(detector: Detector, texts: Sequence[Text]) -> list[str]:
    return list(dict.fromkeys(text for text, level in texts if detector.known(text, level) is None))


def _vectors(embed: Embed, texts: Sequence[str]) -> dict[str, Vectors]:
    return dict(zip(texts, embed(texts), strict=True)) if texts else {}


def _verdicts(
    detector: Detector, texts: Sequence[Text], logs: Sequence[str], vectors: Mapping[str, Vectors]
) -> Iterator[Verdict]:
    known = [detector.known(*text) for text in texts]
    rest = [text for text, verdict in zip(texts, known, strict=True) if verdict is None]
    judged: Iterator[Verdict] = iter(())
    if rest:
        rows = np.stack([vectors[pattern] for pattern, _ in rest])
        judged = iter(detector.judge([pattern for pattern, _ in rest], [level for _, level in rest], rows))
    return (detector.in_log(verdict or next(judged), log) for verdict, log in zip(known, logs, strict=True))
