"""The stages between a log file and the alert desk, their threads and their wake-ups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from logwatchd import clock
from logwatchd.flow import MAX_BYTES, BlockQueue
from logwatchd.ingest.identity import stands
from logwatchd.ingest.memory import give_back, let_go
from logwatchd.ingest.source import Source
from logwatchd.records import Block
from logwatchd.scoring.backlog import Backlog
from logwatchd.scoring.batching import Limits
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.embed_queue import EmbedQueue
from logwatchd.scoring.embedder import Embedder
from logwatchd.scoring.kept import Kept
from logwatchd.scoring.outage import Outage
from logwatchd.scoring.stage import OnAnomalies, ScoreStage
from logwatchd.stage import OnCrash, StageThread, start_all
from logwatchd.vectors import Vectors

_DRAIN_SLICE_S = 0.02
_ENOUGH_S = 1.0  # of draining, where the rest can be read again


@dataclass(frozen=True, slots=True)
class Scoring:
    """What a line is judged with, as one immutable snapshot that a reload replaces whole.

    twin: judges while the embedder's service is away; None to keep lines with new texts until it is back.
    """

    detector: Detector
    embedder: Embedder
    limits: Limits
    twin: Detector | None = None


class Pipeline:
    """Owns the tail, score and embed threads.

    tail -> BlockQueue (bounded until committed) -> score -> on_anomalies, then the position is committed.
    """

    def __init__(
        self,
        queue: BlockQueue,
        source: Source,
        scoring: Scoring,
        on_anomalies: OnAnomalies,
        on_crash: OnCrash,
        kept: Kept | None = None,
    ) -> None:
        """source: delivers into `queue`. kept: None for an embedder that costs nothing and never fails."""
        self.queue = queue
        self.source = source
        self.learn: Callable[[Block], None] | None = None
        """Called from the score thread with each block that is dealt with, before its position is committed."""
        self._kept = kept
        self._dealt_bytes = 0  # since memory was given back: the score thread adds to it
        self._swapped = False  # and what was used before is still in memory
        self.embed = EmbedQueue(self._give, kept.cache if kept else None, kept.ledger if kept else None)
        outage = self._outage(kept.backlog, scoring.twin) if kept else None
        self.score = ScoreStage(self.queue, scoring.detector, self.embed.submit, on_anomalies, self._done, outage)
        self._use(scoring)
        self._tail_thread = StageThread(self.source, on_crash)
        self._score_thread = StageThread(self.score, on_crash)
        self._embed_thread = StageThread(self.embed, on_crash)
        self.queue.on_block = self._score_thread.wake
        self.score.wake = self._score_thread.wake
        self.queue.on_room = self._tail_thread.wake
        self.source.on_wake = self._tail_thread.wake
        self.embed.wake = self._embed_thread.wake
        self.embed.on_change = self._score_thread.wake

    @property
    def threads(self) -> tuple[StageThread, ...]:
        return (self._embed_thread, self._score_thread, self._tail_thread)

    def start(self) -> None:
        """Start the consumers before the producers. See `start_all`."""
        start_all(self.threads)

    def swap(self, scoring: Scoring) -> None:
        """Judge by this from the next turn on; lines that wait are judged by it as well."""
        self._use(scoring)
        self.score.swap(scoring.detector, scoring.twin)
        self._swapped = True

    def rest(self) -> None:
        """Give memory back: what was used before a swap, with all that was replaced at that time, and once a backlog is
        dealt with what read and scored it, which is up to five times MAX_BYTES."""
        if self._swapped:
            self._swapped = False
            let_go()
        if self._dealt_bytes >= MAX_BYTES and not self.queue.in_flight:
            self._dealt_bytes = 0
            give_back()

    def stop(self, timeout_s: float) -> bool:
        """Stop reading, finish what was read, stop the threads, write the checkpoints.

        What cannot be read again has all the time; of files that stand where they stood only what was begun is finished
        after a while: where every line is new, what is in flight takes ten seconds.

        Returns:
            Whether everything that was read has been dealt with. What has not is read again at the next start.
        """
        began = clock.monotonic()
        deadline = began + timeout_s
        self._tail_thread.stop()
        all_read = self._tail_thread.join(timeout_s)
        if all_read:
            self.source.flush()
        while self.queue.in_flight and (now := clock.monotonic()) < deadline:
            if all_read and now >= began + _ENOUGH_S:
                self.score.leave(stands)
            self._score_thread.wake()
            if self._score_thread.join(_DRAIN_SLICE_S) or self._embed_thread.join(0):
                break  # it died, so nothing will deal with what was read
        for thread in (self._score_thread, self._embed_thread):
            thread.stop()
        for thread in (self._score_thread, self._embed_thread):
            thread.join(deadline - clock.monotonic())
        self.source.close()
        if self._kept:
            self._kept.close()
        return not (self.queue.in_flight or self.score.blocks_left)

    @property
    def lines_kept(self) -> int:
        """Lines on the disk that wait for the embedder's service."""
        return self._kept.backlog.lines if self._kept else 0

    @property
    def lines_given_up(self) -> int:
        """Lines that waited there and could not be read again, since the start."""
        return self._kept.backlog.lines_given_up if self._kept else 0

    def _outage(self, backlog: Backlog, twin: Detector | None) -> Outage:
        outage = Outage(backlog, lambda: self.embed.away, self.embed.keep_only, idle=lambda: not self.embed.waiting())
        outage.twin = twin
        return outage

    def _use(self, scoring: Scoring) -> None:
        dimensions = scoring.detector.baseline.manifest.dimensions
        self.embed.use(scoring.embedder, dimensions, scoring.limits)

    def _give(self, texts: Sequence[str], vectors: Vectors, embedder: str) -> None:
        self.score.give(texts, vectors, embedder)

    def _done(self, block: Block) -> None:
        if self.learn is not None:
            self.learn(block)
        self.source.commit(block)
        self._dealt_bytes += len(block.data)
        self.queue.done(block)
