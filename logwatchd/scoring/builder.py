"""Known-good lines -> a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from logwatchd import clock
from logwatchd.errors import BaselineError
from logwatchd.parsing.masks import Masks
from logwatchd.parsing.normalise import decode
from logwatchd.parsing.timestamp import timestamp_of
from logwatchd.records import Level
from logwatchd.scoring.alarms import Alarms, AlarmWatch, Place
from logwatchd.scoring.baseline import Baseline
from logwatchd.scoring.calibration import HELD_OUT, LearnedLog
from logwatchd.scoring.construction import construct
from logwatchd.scoring.coverage import Growth, growth_of
from logwatchd.scoring.embedder import Embedder
from logwatchd.scoring.knowledge import MOST_PATTERNS, Knowledge
from logwatchd.scoring.lexicon import OFFLINE_CACHE_BYTES, Lexicon
from logwatchd.scoring.places import Places
from logwatchd.vectors import Embed

_STAMP_BYTES = 4096  # of a run of lines that are looked at for a timestamp
_MOST_STAMPS = 512  # of a log: a daemon that learns gets runs of few lines, and very many of them
_DAY_S = 86_400.0


@dataclass(slots=True)
class _Log:
    """One log's lines so far, and the number of the line that had a pattern first.

    learned: lines that had something to learn. once: the patterns that it has had once; dropped: how many of these were
    left out for want of room. stamps: numbers of lines and when they were written, in seconds since 1970. share: how
    much of the log these lines are, 0 to 1.
    """

    lines: int = 0
    learned: int = 0
    share: float = 1.0
    first_seen: dict[str, int] = field(default_factory=dict)
    once: set[str] = field(default_factory=set)
    dropped: int = 0
    stamps: list[tuple[int, float]] = field(default_factory=list)

    @property
    def held_out(self) -> int:
        """How many lines at its end the calibration keeps apart."""
        return int(self.lines * HELD_OUT)

    def note(self, pattern: str, line: int, count: int) -> None:
        """Some more lines with one pattern, the first of which has this number."""
        self.learned += count
        if pattern in self.first_seen:
            self.once.discard(pattern)
            return
        self.first_seen[pattern] = line
        if count == 1:
            self.once.add(pattern)

    def forget(self, patterns: set[str]) -> None:
        """Patterns that are of no interest any more."""
        for pattern in patterns & self.first_seen.keys():
            del self.first_seen[pattern]
        self.once -= patterns

    @property
    def held_out_days(self) -> float | None:
        """How long it takes to write so many lines; None where nothing says so."""
        if len(self.stamps) < 2:
            return None
        numbers, seconds = zip(*self.stamps, strict=True)
        took_s = seconds[-1] - float(np.interp(self.lines - self.held_out, numbers, seconds))
        return took_s * self.share / _DAY_S if took_s > 0 else None


class BaselineBuilder:
    """Takes known-good lines in the order they were written, then builds.

    Memory grows with distinct texts, not with lines.
    """

    def __init__(self, masks: Masks = ()) -> None:
        self._masks = masks
        self._lexicon = Lexicon(masks, OFFLINE_CACHE_BYTES)
        self._logs: dict[str, _Log] = {}
        self._counts: dict[str, int] = {}
        self._levels: dict[str, Level] = {}  # of patterns at several levels the most serious
        self._alarms = AlarmWatch()
        self._dropped = 0  # of patterns that were met once

    @property
    def lines(self) -> int:
        return sum(log.lines for log in self._logs.values())

    @property
    def patterns(self) -> int:
        return len(self._counts)

    @property
    def alarms(self) -> Mapping[str, Alarms]:
        """Of each log where its lines of alarm stand."""
        return self._alarms.logs

    def growth(self) -> list[Growth]:
        """Of each log how its patterns came about."""
        return [growth_of(name, log.lines, log.first_seen.values()) for name, log in self._logs.items()]

    def unseen(self) -> float:
        """The share of further lines whose text is likely to be new: that of the lines whose text came once."""
        return self._single() / max(1, self.lines)

    def sampled(self, log: str, share: float) -> None:
        """Say that the lines of a log are only this share of it, from 0 to 1. One without lines is passed over."""
        if log in self._logs:
            self._logs[log].share = share

    def forget(self, patterns: Iterable[str]) -> None:
        """Unlearn patterns; the lines that had them stay counted as read."""
        gone = set(patterns)
        for pattern in gone & self._counts.keys():
            del self._counts[pattern]
            del self._levels[pattern]
        for log in self._logs.values():
            log.forget(gone)

    def add(
        self,
        data: bytes,
        skip_levels: frozenset[Level] = frozenset({Level.DEBUG}),
        log: str = "",
        inner: tuple[int, ...] = (),
        begins: Place | None = None,
    ) -> None:
        """Learn a run of whole events, each ended by a newline.

        Args:
            skip_levels: events of these are only counted. log: whose next events these are; each log's are in order.
            inner: where newlines stand inside of an event, see `Block`. begins: where in its file the run does.
        """
        source = self._logs.setdefault(log, _Log())
        if self._lexicon.full():
            self._lexicon = Lexicon(self._masks, OFFLINE_CACHE_BYTES)
        places = Places(data, inner)
        data = places.flat
        ids = self._lexicon.ids_of(data)
        self._alarms.add(log, ids, self._lexicon, places, begins or Place(0, log, None, 0), skip_levels)
        unique, first, counts = np.unique(ids, return_index=True, return_counts=True)
        for pattern_id, index, count in zip(unique.tolist(), first.tolist(), counts.tolist(), strict=True):
            pattern = self._lexicon.patterns[pattern_id]
            if pattern and self._lexicon.levels[pattern_id] not in skip_levels:
                source.note(pattern, source.lines + index, count)
                self._counts[pattern] = self._counts.get(pattern, 0) + count
                level = self._lexicon.levels[pattern_id]
                self._levels[pattern] = max(level, self._levels.get(pattern, level))
        self._note_time(source, data, len(ids))
        source.lines += len(ids)
        if len(self._counts) > MOST_PATTERNS:
            self._drop_rare()

    def build(
        self,
        embed: Embed,
        embedder: Embedder,
        *,
        clusters: int | None,
        threshold: float | None,
        sources: Iterable[str],
        built_at: datetime,
        read_bytes: int = 0,
        of_bytes: int = 0,
    ) -> Baseline:
        """Embed, cluster and calibrate.

        Args:
            embed: vectors of all patterns at once, float32 (N, D), in whatever batches it likes.
            clusters: how many centroids; None to follow the data. threshold: None to calibrate.
            read_bytes, of_bytes: how much of the files was read.

        Raises:
            BaselineError: there was nothing to learn from.
        """
        return construct(
            self.knowledge(tuple(sources), read_bytes, of_bytes),
            embed,
            embedder,
            clusters=clusters,
            threshold=threshold,
            built_at=built_at,
        )

    def knowledge(self, sources: tuple[str, ...] = (), read_bytes: int = 0, of_bytes: int = 0) -> Knowledge:
        """What the lines taught.

        Raises:
            BaselineError: nothing.
        """
        if not self._counts:
            raise BaselineError(
                f"no baseline: {self.lines} lines were read and none of them had anything to learn; "
                "name files with known-good log lines"
            )
        return Knowledge(
            counts=self._counts,
            levels=self._levels,
            logs=tuple(
                LearnedLog(
                    name=name,
                    lines=log.lines,
                    held_out=log.held_out,
                    single=log.dropped + len(log.once),
                    days=log.held_out_days,
                    skipped=log.lines - log.learned,
                )
                for name, log in self._logs.items()
            ),
            newcomers=self._newcomers(),
            single=self._single(),
            sources=sources,
            masks=self._masks,
            read_bytes=read_bytes,
            of_bytes=of_bytes,
        )

    def _single(self) -> int:
        """How many patterns were met once, also of those that were dropped."""
        return self._dropped + sum(count == 1 for count in self._counts.values())

    def _drop_rare(self) -> None:
        """Make room: leave out the rarest patterns (as G. S. Manku and R. Motwani's lossy counting does, VLDB 2002).

        What is met again begins anew. A text that is frequent is kept for good once it was met a few times.
        """
        least = 1
        while len(self._counts) > MOST_PATTERNS // 2:
            rare = [pattern for pattern, count in self._counts.items() if count <= least]
            self._dropped += sum(self._counts[pattern] == 1 for pattern in rare)
            for log in self._logs.values():
                log.dropped += len(log.once.intersection(rare))
            self.forget(rare)
            least *= 2

    @staticmethod
    def _note_time(log: _Log, data: bytes, lines: int) -> None:
        """Remember when a run of lines was begun and ended, as far as its first and last lines tell."""
        now = clock.utc_now().astimezone()
        first, last = data[:_STAMP_BYTES].split(b"\n"), data[-_STAMP_BYTES - 1 : -1].split(b"\n")
        for number, texts in ((log.lines, first), (log.lines + lines - 1, reversed(last))):
            stamps = (timestamp_of(decode(text), now) for text in texts)
            found = next((stamp for stamp in stamps if stamp is not None), None)
            if found is not None:
                log.stamps.append((number, found.timestamp()))
        if len(log.stamps) > _MOST_STAMPS:
            del log.stamps[1:-1:2]

    def _newcomers(self) -> dict[str, tuple[str, ...]]:
        """The patterns that no log has before its held-out part, and the logs that have them in it."""
        found: dict[str, tuple[str, ...]] = {}
        old: set[str] = set()
        for name, log in self._logs.items():
            for pattern, line in log.first_seen.items():
                if line < log.lines - log.held_out:
                    old.add(pattern)
                else:
                    found[pattern] = (*found.get(pattern, ()), name)
        return {pattern: logs for pattern, logs in found.items() if pattern not in old}
