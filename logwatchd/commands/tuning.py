"""Labelled lines, judged: what `logwatchd tune` tells, as data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from logwatchd.commands.labelled import Labelled
from logwatchd.commands.opening import Opened, as_line
from logwatchd.records import Level, Verdict
from logwatchd.scoring.curve import Curve, Point, curve_of
from logwatchd.scoring.judge import Judge
from logwatchd.scoring.thresholds import Thresholds

_CHUNK_BYTES = 1 << 20
_CHUNK_LINES = 10_000
_GRID = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(slots=True)
class Text:
    """What lines of one pattern and level share: the verdict, how many have each label, and the first of each."""

    verdict: Verdict
    normal: int = 0
    anomalies: int = 0
    first: dict[bool, Labelled] = field(default_factory=dict)

    @property
    def known(self) -> bool:
        """Whether the baseline holds it, so that no threshold flags it."""
        return self.verdict.nearest is None and not self.verdict.skipped

    def add(self, line: Labelled) -> None:
        self.first.setdefault(line.anomaly, line)
        if line.anomaly:
            self.anomalies += 1
        else:
            self.normal += 1


@dataclass(frozen=True, slots=True)
class Report:
    """baseline: the file. names: of the labelled lines' files. skip_levels: of them no line is ever flagged.

    configured: what sets the present threshold where it is not the baseline: file, key and value. best: None where the
    labelled lines cannot say. calibrated: what `present` is one of.
    """

    baseline: Path
    names: tuple[str, ...]
    configured: str | None
    texts: tuple[Text, ...]
    curve: Curve
    present: Point
    calibrated: Thresholds
    best: Point | None

    @property
    def normal(self) -> int:
        return sum(text.normal for text in self.texts)

    @property
    def anomalies(self) -> int:
        return sum(text.anomalies for text in self.texts)

    @property
    def skipped(self) -> list[Text]:
        """Those whose level is never judged."""
        return [text for text in self.texts if text.verdict.skipped]

    @property
    def contradictory(self) -> list[Text]:
        """Those with both labels: whatever the threshold, some of their lines are on the wrong side."""
        return [text for text in self.texts if text.normal and text.anomalies]

    def flagged(self, point: Point) -> list[Text]:
        """Normal texts over a threshold: the highest score first, then the most lines."""
        over = [text for text in self.texts if text.normal and text.verdict.score > point.threshold]
        return sorted(over, key=lambda text: (-text.verdict.score, -text.normal))

    def missed(self, point: Point) -> list[Text]:
        """Anomalies that are not over a threshold: the nearest to it first, then the most lines."""
        under = [text for text in self.texts if text.anomalies and text.verdict.score <= point.threshold]
        return sorted(under, key=lambda text: (-text.verdict.score, -text.anomalies))

    def rows(self) -> list[Point]:
        """Round thresholds, as far as their figures differ from those before, with the best and the present one."""
        marked = [point for point in (self.best, self.present) if point]
        rows: list[Point] = []
        for point in sorted([*map(self.curve.at, _GRID), *marked], key=lambda point: point.threshold):
            if point in marked or not rows or (rows[-1].lower, rows[-1].upper) != (point.lower, point.upper):
                rows.append(point)
        return list(dict.fromkeys(rows))


def report_of(opened: Opened, names: Sequence[str], lines: Iterable[Labelled]) -> Report:
    """Judge labelled lines, and measure every threshold on them.

    Raises:
        RetryableError, PermanentError: a remote embedder does not answer.
    """
    texts = _judged(opened, lines)
    curve = curve_of(
        [text.verdict.score for text in texts], [text.normal for text in texts], [text.anomalies for text in texts]
    )
    return Report(
        baseline=opened.path,
        names=tuple(names),
        configured=_configured(opened),
        texts=texts,
        curve=curve,
        present=curve.at(opened.detector.thresholds.common),
        calibrated=opened.detector.thresholds,
        best=curve.best(),
    )


def _configured(opened: Opened) -> str | None:
    if opened.found is None:
        return None
    settings = opened.found.settings.baseline
    if settings.alerts_per_day is not None:
        return f"{opened.found.path}: baseline.alerts_per_day = {settings.alerts_per_day:g}"
    return None if settings.threshold == "auto" else f"{opened.found.path}: baseline.threshold = {settings.threshold:g}"


def _judged(opened: Opened, lines: Iterable[Labelled]) -> tuple[Text, ...]:
    """The distinct texts in the order of their first lines. Memory grows with them, not with lines."""
    texts: dict[tuple[str, Level], Text] = {}
    judge = Judge(opened.detector)
    for chunk in _chunks(lines):
        if judge.full():
            judge = Judge(opened.detector)
        ids = judge.ids_of(b"".join(as_line(line.raw) for line in chunk)).tolist()
        judge.settle(judge.undecided(set(ids), opened.skip_levels), opened.embed)
        for line, pattern_id in zip(chunk, ids, strict=True):
            verdict = judge.verdict(pattern_id, None)
            key = verdict.pattern, verdict.level
            if key not in texts:
                texts[key] = Text(verdict)
            texts[key].add(line)
    return tuple(texts.values())


def _chunks(lines: Iterable[Labelled]) -> Iterator[list[Labelled]]:
    chunk: list[Labelled] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line.raw)
        if size >= _CHUNK_BYTES or len(chunk) >= _CHUNK_LINES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
