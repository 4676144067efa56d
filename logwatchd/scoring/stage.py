"""The score stage: blocks in, anomalies out, and only then is a read position committed."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from logwatchd import clock
from logwatchd.errors import RetryableError
from logwatchd.flow import BlockQueue
from logwatchd.journal import Event, logger
from logwatchd.parsing.normalise import decode
from logwatchd.parsing.own import is_own
from logwatchd.parsing.service import service_of
from logwatchd.parsing.timestamp import timestamp_of
from logwatchd.records import INNER, Anomaly, Block
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.judge import Judge
from logwatchd.scoring.lexicon import Ids
from logwatchd.vectors import Vectors

OnAnomalies = Callable[[Sequence[Anomaly], float], None]
OnDone = Callable[[Block], None]
Submit = Callable[[Sequence[str]], None]

CONTEXT_LINES = 50
_MAX_CONTEXT_FILES = 4096
_MAX_EXPLAINED = 100  # patterns a block whose first line is told in full: a storm must not cost fifty lines a line
_IDLE_S = 60.0
_STORE_RETRY_S = 1.0
_MAX_LINE_CHARS = 16_384
_OWN_HEADER_BYTES = 1024
_INNER = bytes([INNER])


@dataclass(slots=True)
class _Waiting:
    """A block whose verdicts are not all there yet. ids belong to `judge`. own: lines that logwatchd wrote itself."""

    block: Block
    judge: Judge
    ids: Ids
    undecided: set[int]
    read_at: datetime
    own: int = 0


class ScoreStage:
    """Owns the present judge, the blocks that wait for vectors, and the last lines of each file.

    Blocks of one file leave in order; a file that waits for a vector holds up no other file.
    """

    name = "score"

    def __init__(
        self, queue: BlockQueue, detector: Detector, submit: Submit, on_anomalies: OnAnomalies, on_done: OnDone
    ) -> None:
        """submit: asks for vectors. on_anomalies: stores them, or raises RetryableError. on_done: commits a block."""
        self._queue = queue
        self._submit = submit
        self._on_anomalies = on_anomalies
        self._on_done = on_done
        self._judge = Judge(detector)
        self._waiting: list[_Waiting] = []
        self._context: OrderedDict[tuple[int, int], deque[bytes]] = OrderedDict()
        self._lock = threading.Lock()
        self._arrived: deque[tuple[Sequence[str], Vectors, str]] = deque()
        self._next_detector: Detector | None = None
        self._storing_fails = False
        self.lines = 0
        self.anomalies = 0
        self.own_lines = 0
        self.wake: Callable[[], None] = lambda: None

    @property
    def blocks_waiting(self) -> int:
        """Blocks that wait for verdicts."""
        return len(self._waiting)

    def give(self, texts: Sequence[str], vectors: Vectors, embedder: str) -> None:
        """Vectors that were asked for, float32 (len(texts), D), and the embedder's name. Any thread may call it."""
        with self._lock:
            self._arrived.append((texts, vectors, embedder))
        self.wake()

    def swap(self, detector: Detector) -> None:
        """Judge by another baseline from the next turn on, also what waits now. Any thread may call it."""
        with self._lock:
            self._next_detector = detector
        self.wake()

    def run_once(self, now: float) -> float:
        """Judge what arrived, hand on what is decided. See `stage.Stage`."""
        with self._lock:
            arrived, detector = list(self._arrived), self._next_detector
            self._arrived.clear()
            self._next_detector = None
        if detector is not None:
            self._start_anew(detector)
        for texts, vectors, embedder in arrived:
            # What an embedder of before a reload still answers lies in another space; it was asked for again.
            if embedder == self._judge.detector.baseline.manifest.embedder:
                self._learn(texts, vectors)
        for block in self._queue.take():
            if self._judge.full():
                self._judge = Judge(self._judge.detector)
            self._admit(block, self._judge, clock.utc_now())
        return self._hand_on(now)

    def _start_anew(self, detector: Detector) -> None:
        waiting, self._waiting = self._waiting, []
        self._judge = Judge(detector)
        for item in waiting:
            self._admit(item.block, self._judge, item.read_at)

    def _admit(self, block: Block, judge: Judge, read_at: datetime) -> None:
        ids = judge.ids_of(block.flat())
        undecided = judge.undecided(set(ids.tolist()), block.source.skip_levels)
        if undecided:
            self._submit([judge.pattern(i) for i in undecided])
        self._waiting.append(_Waiting(block, judge, ids, set(undecided), read_at))

    def _learn(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Decide the patterns that waited for these vectors, in every judge that still has blocks waiting."""
        rows = {text: row for row, text in enumerate(texts)}
        for judge in {id(item.judge): item.judge for item in self._waiting}.values():
            wanted = {i for item in self._waiting if item.judge is judge for i in item.undecided}
            ready = [i for i in wanted if judge.pattern(i) in rows]
            if ready:
                judge.decide(ready, vectors[[rows[judge.pattern(i)] for i in ready]])
                for item in self._waiting:
                    if item.judge is judge:
                        item.undecided.difference_update(ready)

    def _hand_on(self, now: float) -> float:
        """Pass on decided blocks, in order within a file; returns the delay until the next turn."""
        held: set[tuple[int, int]] = set()
        left: list[_Waiting] = []
        delay_s = _IDLE_S
        for index, item in enumerate(self._waiting):
            file = item.block.file[:2]
            if file in held or item.undecided:
                held.add(file)
                left.append(item)
                continue
            try:
                self._finish(item, now)
            except RetryableError as error:
                self._say_once(error)
                left.extend(self._waiting[index:])
                delay_s = _STORE_RETRY_S
                break
            self._storing_fails = False
        self._waiting = left
        return delay_s

    def _say_once(self, error: RetryableError) -> None:
        if not self._storing_fails:
            logger("score").error(Event.STORING_FAILED, reason=str(error))
        self._storing_fails = True

    def _finish(self, item: _Waiting, now: float) -> None:
        block = item.block
        found = item.judge.anomalous(set(item.ids.tolist()), block.source.skip_levels)
        if found:
            anomalies = self._describe(item, found)
            if anomalies:
                self._on_anomalies(anomalies, now)
            self.anomalies += len(anomalies)
            self.own_lines += item.own
        self._remember(block)
        self.lines += len(item.ids)
        self._on_done(block)

    def _describe(self, item: _Waiting, found: set[int]) -> list[Anomaly]:
        """The anomalous events of a block with their context, in order."""
        block = item.block
        lines = block.flat().split(b"\n")[:-1]
        before = list(self._context.get(block.file[:2], ()))
        anomalies: list[Anomaly] = []
        explained: set[int] = set()
        item.own = 0
        at = 0
        for index, pattern_id in enumerate(item.ids.tolist()):
            end = at + len(lines[index])
            if pattern_id in found and not self._is_own(item, lines[index]):
                context: list[bytes] | None = None
                if pattern_id not in explained and len(explained) < _MAX_EXPLAINED:
                    explained.add(pattern_id)
                    context = [*before, *lines[max(0, index - CONTEXT_LINES) : index]][-CONTEXT_LINES:]
                anomalies.append(self._anomaly(item, pattern_id, block.data[at:end], block.place(at), context))
            at = end + 1
        return anomalies

    @staticmethod
    def _is_own(item: _Waiting, raw: bytes) -> bool:
        """Asked of anomalous lines only: to judge them would be to answer ourselves, for ever."""
        own = is_own(decode(raw[:_OWN_HEADER_BYTES]))
        item.own += own
        return own

    def _anomaly(
        self, item: _Waiting, pattern_id: int, raw: bytes, offset: int, context: list[bytes] | None
    ) -> Anomaly:
        """context: None for a line that is not the first of its pattern, or one of very many."""
        block = item.block
        line = decode(raw)[:_MAX_LINE_CHARS]
        return Anomaly(
            source=block.source,
            service=service_of(line, block.source.service, block.path),
            path=block.path,
            file=block.file,
            offset=offset,
            line=line,
            verdict=item.judge.explained(pattern_id, weighed=context is not None),
            context=tuple(decode(text.replace(_INNER, b" "))[:_MAX_LINE_CHARS] for text in context or ()),
            read_at=item.read_at,
            timestamp=timestamp_of(line, item.read_at.astimezone()),
            vector=item.judge.vector(pattern_id),
        )

    def _remember(self, block: Block) -> None:
        """Keep the last lines of the file; the oldest files are forgotten when there are very many."""
        file = block.file[:2]
        kept = self._context.pop(file, None) or deque(maxlen=CONTEXT_LINES)
        kept.extend(line[:_MAX_LINE_CHARS] for line in block.data[:-1].rsplit(b"\n", CONTEXT_LINES)[-CONTEXT_LINES:])
        self._context[file] = kept
        if len(self._context) > _MAX_CONTEXT_FILES:
            self._context.popitem(last=False)
