"""Follows the systemd journal: one journalctl a source, resumed behind the last entry that was dealt with."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence

from logwatchd import clock
from logwatchd.flow import BlockQueue
from logwatchd.ingest.cursors import Cursors
from logwatchd.ingest.journal_entry import Oneself
from logwatchd.ingest.journal_follower import Follower
from logwatchd.ingest.readiness import Readiness
from logwatchd.ingest.source import IngestStatus
from logwatchd.ingest.state_folder import StateFolder
from logwatchd.ingest.wanted import Wanted
from logwatchd.records import Block, SourceSpec

NEVER_S = 3600.0


def _nobody() -> None:
    """Nobody is to be woken yet."""


def part_of(spec: SourceSpec) -> str:
    """The name of the part of the journal that a source reads; equal for equal filters."""
    return json.dumps([sorted(spec.units), sorted(spec.identifiers), spec.priority])


class JournalSource:
    """The `Source` of journals. `run_once`, `flush`, `close`: the tail thread; the rest: any thread.

    Each entry is delivered once, and after a kill -9 those again that were not committed by then; they have the same
    place as before. What logwatchd itself wrote is left out.
    """

    def __init__(self, specs: Sequence[SourceSpec], queue: BlockQueue, state_folder: StateFolder | None) -> None:
        """state_folder: where cursors are kept; None keeps them in memory only."""
        self.on_wake: Callable[[], None] = _nobody
        self._queue = queue
        self._cursors = Cursors(state_folder)
        self._readiness = Readiness(lambda: self.on_wake())
        self._oneself = Oneself.found(os.environ, int(clock.utc_now().timestamp() * 1e6))
        self._wanted = Wanted(tuple(specs))
        self._coming: dict[str, SourceSpec] | None = None  # by part; until it is in force
        self._followers: dict[str, Follower] = {}
        self._drained = False

    @property
    def name(self) -> str:
        return "tail"

    def run_once(self, now: float) -> float:
        specs = self._wanted.take()
        if specs is not None:
            self._coming = {part_of(spec): spec for spec in reversed(specs) if spec.journal}
        leaving = self._leaving(self._coming) if self._coming is not None else []
        if self._coming is not None and not leaving:
            self._configure(self._coming)
            self._coming = None
        staying = [follower for follower in self._followers.values() if follower not in leaving]
        delays = [follower.run_once(now) for follower in staying]
        if delays:
            self._cursors.tend(now)
        self._drained = all(follower.drained for follower in self._followers.values())
        self._wanted.settle(found=not leaving and all(follower.settled for follower in staying))
        return min(delays, default=NEVER_S)

    def commit(self, block: Block) -> None:
        for follower in list(self._followers.values()):
            if follower.file == block.file:
                follower.commit(block)

    def reconfigure(self, specs: Sequence[SourceSpec]) -> None:
        self._wanted.ask(specs)
        self.on_wake()

    def ready(self) -> bool:
        return self._wanted.settled

    def drained(self) -> bool:
        return self._wanted.settled and self._drained

    def status(self) -> IngestStatus:
        followers = list(self._followers.values())
        return IngestStatus(
            streams=len(followers),
            unreadable_streams=sum(follower.failing for follower in followers),
            bytes=sum(follower.bytes for follower in followers),
            own_lines=sum(follower.own_lines for follower in followers),
        )

    def flush(self) -> None:
        """Nothing is held back: an entry is whole."""

    def close(self) -> None:
        for follower in self._followers.values():
            follower.stop()
        self._cursors.close()
        self._readiness.close()

    def _leaving(self, wanted: Mapping[str, SourceSpec]) -> list[Follower]:
        """Those that nothing names any more while entries of theirs are on their way: read on no further.

        Until these have been dealt with nothing else changes. Whatever comes in their place begins where they ended.
        """
        leaving = []
        for part, follower in self._followers.items():
            if part not in wanted and follower.in_flight:
                follower.stop()
                leaving.append(follower)
        return leaving

    def _configure(self, wanted: Mapping[str, SourceSpec]) -> None:
        followers = dict(self._followers)
        for part in [part for part in followers if part not in wanted]:
            followers.pop(part).stop()
        for part, spec in wanted.items():
            known = followers.get(part)
            if known is not None:
                known.spec = spec
                continue
            if self._cursors.get(part) is None and (heir := self._cursors.heir_of(wanted)) is not None:
                self._cursors.record(part, heir)
            followers[part] = Follower(spec, part, self._queue, self._cursors, self._readiness, self._oneself)
        self._cursors.keep(wanted)
        self._followers = followers
