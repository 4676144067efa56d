"""`logwatchd explain`: why a line is normal or not."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logwatchd.alerting.text import counted, visible
from logwatchd.commands import terminal
from logwatchd.commands.asking import tell_cost
from logwatchd.commands.opening import Opened, as_line, open_baseline
from logwatchd.errors import Exit, UsageError
from logwatchd.ingest.offline import log_name, read_events
from logwatchd.ingest.streams import STDIN
from logwatchd.parsing.normalise import decode
from logwatchd.parsing.own import HEADER_BYTES, is_own
from logwatchd.parsing.service import service_of
from logwatchd.records import Nearest, SourceSpec, Verdict
from logwatchd.scoring.difference import Word, lacking, weigh
from logwatchd.scoring.embedder import leaving
from logwatchd.scoring.judge import Judge

if TYPE_CHECKING:
    from rich.console import Console

_NAME_WIDTH = 10
_BAR = 30  # characters for the most telling word


@dataclass(frozen=True, slots=True)
class Explanation:
    """What there is to say of one event.

    known: how many of the baseline's lines have its pattern; None where the baseline does not hold it. nearest: also of
    a known one; None only of what says nothing or is our own. weight: lines that the nearest centroid stands for.
    words: those that its nearest examples lack, the most telling first. own: logwatchd wrote it.
    """

    event: str
    service: str | None
    verdict: Verdict
    known: int | None
    nearest: Nearest | None
    weight: int
    words: tuple[Word, ...]
    own: bool

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        verdict = self.verdict
        if not verdict.pattern:
            return "Normal: it says nothing."
        if self.own:
            return "Never judged: logwatchd wrote it itself, and would answer itself for ever."
        if self.known is not None:
            return f"Normal: the baseline holds this very pattern, {counted(self.known, 'line')} of it."
        if verdict.skipped:
            return f"Never judged: its level is {verdict.level.name}, which is among the skipped ones."
        if verdict.anomaly:
            return f"Anomaly: its score {verdict.score:.3f} is over the threshold {verdict.threshold:.3f}."
        return (
            f"Normal: it is new, but its score {verdict.score:.3f} is not over the threshold {verdict.threshold:.3f}."
        )


def run(baseline: Path, config: Path | None, line: str, log: Path | None, *, as_json: bool) -> Exit:
    """Explain one line, or each event on standard input ('-').

    Args:
        log: the file that the line is of, whose own threshold then applies.

    Returns:
        ANOMALY when one of them is an anomaly.

    Raises:
        UsageError: there was no line. BaselineError, ConfigError: as `open_baseline`. RetryableError, PermanentError:
            as the embedder.
    """
    opened = open_baseline(baseline, config)
    judge = Judge(opened.detector)
    found = False
    told = False
    for event in _events() if line == STDIN else [line.encode("utf-8", "surrogateescape")]:
        if judge.full():
            judge = Judge(opened.detector)
        explained = explain(opened, judge, event, log_name(log) if log else None)
        found |= explained.verdict.anomaly
        if as_json:
            sys.stdout.write(json.dumps(_row(explained), ensure_ascii=False) + "\n")
        else:
            _print(explained, apart=told)
        told = True
        sys.stdout.flush()
    if not told:
        raise UsageError("standard input: no line in it; give the line to explain as an argument, or send some")
    tell_cost(opened.embedder, opened.found.settings.embedder if opened.found else None)
    return Exit.ANOMALY if found else Exit.OK


def explain(opened: Opened, judge: Judge, raw: bytes, log: str | None = None) -> Explanation:
    """Judge one event and measure what made it far: at most two calls of the embedder, however many its words.

    Args:
        raw: the event, which may have several lines. log: its file, see `Thresholds.of`.
    """
    raw = raw.rstrip(b"\r\n")
    (pattern_id,) = judge.ids_of(as_line(raw)).tolist()
    pattern, baseline = judge.pattern(pattern_id), opened.detector.baseline
    own = is_own(decode(raw[:HEADER_BYTES]))
    vectors = opened.embed([pattern]) if pattern and not own else None
    if vectors is not None and judge.undecided([pattern_id], opened.skip_levels):
        judge.decide([pattern_id], vectors)
    verdict = judge.verdict(pattern_id, log)
    event = decode(raw)
    nearest = verdict.nearest
    words: tuple[Word, ...] = ()
    if nearest is None and vectors is not None:
        nearest = opened.detector.judge([pattern], [verdict.level], vectors)[0].nearest
    if nearest and pattern not in baseline.patterns:
        centroid = baseline.centroids[nearest.centroid]
        # Redacted before words are left out of it: without the word 'password' what follows looks like any other.
        (safe,) = leaving(opened.embedder, [pattern])
        told = [word for word in lacking(pattern, nearest.examples) if word in safe]
        words = weigh(safe, told, centroid, opened.embed)
    service = service_of(event, None, "")
    return Explanation(
        event=event,
        service=None if service == "unknown" else service,
        verdict=verdict,
        known=baseline.patterns.get(pattern),
        nearest=nearest,
        weight=int(baseline.weights[nearest.centroid]) if nearest else 0,
        words=words,
        own=own,
    )


def _events() -> Iterator[bytes]:
    """What stands on standard input, stack traces joined as the daemon joins them."""
    for data, inner in read_events(None, SourceSpec((STDIN,))):
        within = set(inner)
        begin = at = 0
        while (end := data.find(b"\n", at)) >= 0:
            at = end + 1
            if end not in within:
                yield data[begin:end]
                begin = at


def _row(explained: Explanation) -> dict[str, Any]:
    verdict, nearest = explained.verdict, explained.nearest
    return {
        "line": explained.event,
        "pattern": verdict.pattern,
        "level": verdict.level.name,
        "service": explained.service,
        "known": explained.known is not None,
        "known_lines": explained.known or 0,
        "nearest": None
        if nearest is None
        else {
            "centroid": nearest.centroid,
            "lines": explained.weight,
            "distance": round(nearest.distance, 6),
            "radius": round(nearest.radius, 6),
            "examples": list(nearest.examples),
        },
        "differs": [_word(word) for word in explained.words],
        "novelty": round(verdict.novelty, 6),
        "score": round(verdict.score, 6),
        "threshold": round(verdict.threshold, 6),
        "anomaly": verdict.anomaly,
        "skipped": verdict.skipped,
        "own": explained.own,
        "verdict": explained.sentence,
    }


def _word(word: Word) -> dict[str, Any]:
    return {"word": word.text, "share": round(word.share, 6), "nearer_without": round(word.nearer, 6)}


def _print(explained: Explanation, *, apart: bool) -> None:
    """For people. apart: an empty line first."""
    console = terminal.console()
    verdict, nearest = explained.verdict, explained.nearest
    if apart:
        console.print()
    _say(console, "line", *explained.event.splitlines() or [""])
    _say(console, "pattern", verdict.pattern or "(none)")
    _say(console, "level", verdict.level.name)
    if explained.service:
        _say(console, "service", explained.service)
    _say(
        console,
        "known",
        "no"
        if explained.known is None
        else f"yes: the baseline has {counted(explained.known, 'line')} of this pattern",
    )
    if nearest:
        _say(
            console,
            "nearest",
            f"{nearest.distance:.3f} away: centroid {nearest.centroid}, radius {nearest.radius:.3f}, "
            f"{counted(explained.weight, 'line')}",
            *nearest.examples,
        )
    if explained.words:
        _say(console, "differs", *_bars(explained.words))
    unjudged = verdict.skipped or explained.own
    if not unjudged:
        weighed = "" if abs(verdict.score - verdict.novelty) < 0.0005 else f": novelty {verdict.novelty:.3f}, weighed"
        weighed += f" by its level {verdict.level.name} and its words" if weighed else ""
        _say(console, "score", f"{verdict.score:.3f}{weighed}; threshold {verdict.threshold:.3f}")
    style = "bold red" if verdict.anomaly else "bold yellow" if unjudged else "bold green"
    _say(console, "verdict", explained.sentence, style=style)


def _say(console: Console, name: str, *lines: str, style: str = "") -> None:
    """A name in bold, and its lines beside it."""
    from rich.text import Text

    for index, line in enumerate(lines):
        head = Text("" if index else name, style="bold")
        head.pad_right(_NAME_WIDTH - len(head))
        console.print(head.append(visible(line), style=style))


def _bars(words: tuple[Word, ...]) -> Iterator[str]:
    """How much of the line is each word's own and unknown, as a bar and a number."""
    longest = max(len(word.text) for word in words)
    for word in words:
        yield f"{word.text:<{longest}}  {word.share:>4.0%} {'#' * round(_BAR * word.share / (words[0].share or 1.0))}"
