"""The score stage: blocks in, anomalies out, and only then is a read position committed."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import numpy as np

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
from logwatchd.scoring.excerpts import Excerpt, excerpts
from logwatchd.scoring.judge import Judge
from logwatchd.scoring.lexicon import Ids, distinct
from logwatchd.scoring.outage import Outage
from logwatchd.vectors import Vectors

OnAnomalies = Callable[[Sequence[Anomaly], float], None]
OnDone = Callable[[Block], None]
Submit = Callable[[Sequence[str]], None]

CONTEXT_LINES = 50
_MAX_CONTEXT_FILES = 4096
_MAX_UNDECIDED = 20_000  # texts that wait for vectors at once, but for the last block's: where every line is new
_MAX_TOLD = 500  # anomalies at once
_MAX_EXPLAINED = 100  # patterns a block whose first line is told in full: a storm must not cost fifty lines a line
_IDLE_S = 60.0
_STORE_RETRY_S = 1.0
_MAX_LINE_CHARS = 16_384
_OWN_HEADER_BYTES = 1024
_INNER = bytes([INNER])


@dataclass(slots=True)
class _Waiting:
    """A block whose verdicts are not all there yet. ids belong to `judge`. own: lines that logwatchd wrote itself.

    told: how many events are dealt with, as far as the anomalies among them are stored. asked: whether its vectors were
    asked for. kept: events that are kept for later, and none of this block's any more. stood_in: whether a twin judged
    what waited. late, number: of lines that were kept, which are these and where in the backlog.
    """

    block: Block
    judge: Judge
    ids: Ids
    undecided: set[int]
    read_at: datetime
    own: int = 0
    told: int = 0
    asked: bool = False
    kept: frozenset[int] = frozenset()
    stood_in: bool = False
    late: Excerpt | None = None
    number: int = 0

    @property
    def lane(self) -> tuple[int, int] | None:
        """What is handed on in order: the lines of a file, and all that were kept."""
        return None if self.late else self.block.file[:2]

    def judged(self) -> Ids:
        """The patterns of the events that this is about."""
        if self.late:
            return self.ids[list(self.late.waiting)]
        return np.delete(self.ids, list(self.kept)) if self.kept else self.ids


class ScoreStage:
    """Owns the present judge, the blocks that wait for vectors, and the last lines of each file.

    Blocks of one file leave in order; a file that waits for a vector holds up no other file. While the service is away
    a block does not wait: its lines with new texts are kept for later or judged by a twin, see `outage`.
    """

    name = "score"

    def __init__(
        self,
        queue: BlockQueue,
        detector: Detector,
        submit: Submit,
        on_anomalies: OnAnomalies,
        on_done: OnDone,
        outage: Outage | None = None,
    ) -> None:
        """submit: asks for vectors. on_anomalies: stores them, or raises RetryableError. on_done: commits a block.

        outage: None where vectors cost nothing and are always to be had.
        """
        self._queue = queue
        self._submit = submit
        self._on_anomalies = on_anomalies
        self._on_done = on_done
        self._outage = outage
        self._judge = Judge(detector)
        self._inbox: deque[Block] = deque()
        self._waiting: list[_Waiting] = []
        self._context: OrderedDict[tuple[int, int], deque[bytes]] = OrderedDict()
        self._lock = threading.Lock()
        self._arrived: deque[tuple[Sequence[str], Vectors, str]] = deque()
        self._next: tuple[Detector, Detector | None] | None = None
        self._storing_fails = False
        self.lines = 0
        self.anomalies = 0
        self.own_lines = 0
        self.late_lines = 0
        self.twin_lines = 0
        self.wake: Callable[[], None] = lambda: None

    def give(self, texts: Sequence[str], vectors: Vectors, embedder: str) -> None:
        """Vectors that were asked for, float32 (len(texts), D), and the embedder's name. Any thread may call it."""
        with self._lock:
            self._arrived.append((texts, vectors, embedder))
        self.wake()

    def swap(self, detector: Detector, twin: Detector | None = None) -> None:
        """Judge by another baseline from the next turn on, also what waits now. Any thread may call it.

        twin: judges while the embedding service is away; None to keep lines with new texts for later.
        """
        with self._lock:
            self._next = detector, twin
        self.wake()

    def run_once(self, now: float) -> float:
        """Judge what arrived, hand on what is decided. See `stage.Stage`."""
        with self._lock:
            arrived, following = list(self._arrived), self._next
            self._arrived.clear()
            self._next = None
        if following is not None:
            self._start_anew(*following)
        for texts, vectors, embedder in arrived:
            # What an embedder of before a reload still answers lies in another space; it was asked for again.
            if embedder == self._judge.detector.baseline.manifest.embedder:
                self._learn(texts, vectors)
        if self._outage and self._outage.back():
            self._judge = Judge(self._judge.detector)  # the twin's verdicts were for the time being
        self._inbox.extend(self._queue.take())
        self._admit()
        self._take_up_kept()
        delay_s = self._hand_on(now)
        self._ask()
        return 0.0 if self._inbox and self._undecided() < _MAX_UNDECIDED else delay_s

    def _undecided(self) -> int:
        return sum(len(item.undecided) for item in self._waiting)

    def _admit(self) -> None:
        """Look at the blocks that came, as long as not too many new texts wait: the others cost only their bytes."""
        undecided = self._undecided()
        while self._inbox and undecided < _MAX_UNDECIDED:
            if self._judge.full():
                self._judge = Judge(self._judge.detector)
            item = self._item(self._inbox.popleft(), clock.utc_now())
            undecided += len(item.undecided)
            self._waiting.append(item)

    def _start_anew(self, detector: Detector, twin: Detector | None) -> None:
        self._judge = Judge(detector)
        if self._outage:
            self._outage.twin = twin
        self._waiting = [
            self._item(item.block, item.read_at, item.late, item.number, item.kept, item.told) for item in self._waiting
        ]

    def _item(
        self,
        block: Block,
        read_at: datetime,
        late: Excerpt | None = None,
        number: int = 0,
        kept: frozenset[int] = frozenset(),
        told: int = 0,
    ) -> _Waiting:
        judge = self._judge
        ids = judge.ids_of(block.flat())
        item = _Waiting(block, judge, ids, set(), read_at, told=told, late=late, number=number, kept=kept)
        item.undecided.update(judge.undecided(distinct(item.judged()), block.source.skip_levels))
        return item

    def _take_up_kept(self) -> None:
        """Have the oldest of the kept lines in memory, and no more of them than that."""
        if self._outage and not any(item.late for item in self._waiting):
            for number, excerpt in self._outage.take():
                self._waiting.append(self._item(excerpt.block, excerpt.read_at, excerpt, number))

    def _ask(self) -> None:
        """Ask for the vectors that blocks wait for, but not of lines that are only held up for want of room."""
        asking = self._outage is None or self._outage.way() == "ask"
        for item in self._waiting:
            if item.undecided and not item.asked and (asking or item.late):
                item.asked = True
                self._submit([item.judge.pattern(i) for i in item.undecided])

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
        held: set[tuple[int, int] | None] = set()
        left: list[_Waiting] = []
        withdrawn = False
        delay_s = _IDLE_S
        for index, item in enumerate(self._waiting):
            if item.lane in held or (item.undecided and not self._put_off(item)):
                held.add(item.lane)
                left.append(item)
                continue
            withdrawn |= item.asked and bool(item.kept or item.stood_in)
            try:
                self._finish(item, now)
            except RetryableError as error:
                self._say_once(error)
                left.extend(self._waiting[index:])
                delay_s = _STORE_RETRY_S
                break
            self._storing_fails = False
        if self._outage:
            if any(item.late for item in self._waiting) and not any(item.late for item in left):
                delay_s = 0.0  # there may be more
            self._outage.settle()
        self._waiting = left
        if self._outage and withdrawn:
            self._outage.keep_only({item.judge.pattern(i) for item in left for i in item.undecided})
        return delay_s

    def _put_off(self, item: _Waiting) -> bool:
        """Whether a block with new texts can go on without their vectors, since the service is away."""
        way = self._outage.way() if self._outage else "ask"
        if self._outage is None or way == "ask" or (way == "keep" and item.late):
            return False
        if way == "twin":
            probes = self._outage.stand_in(item.judge, list(item.undecided))
            item.stood_in = True
            if probes:
                self._submit(probes)
        else:
            # What is kept is not kept twice, where storing the others failed and a reload made more of them undecided.
            found = np.flatnonzero(np.isin(item.ids, list(item.undecided))).tolist()
            events = [event for event in found if event >= item.told and event not in item.kept]
            before = self._context.get(item.block.file[:2], ())
            if not self._outage.keep(excerpts(item.block, events, tuple(before), item.read_at, CONTEXT_LINES)):
                return False
            item.kept |= frozenset(events)
        item.undecided.clear()
        return True

    def _say_once(self, error: RetryableError) -> None:
        if not self._storing_fails:
            logger("score").error(Event.STORING_FAILED, reason=str(error))
        self._storing_fails = True

    def _finish(self, item: _Waiting, now: float) -> None:
        block, judged = item.block, item.judged()
        found = item.judge.anomalous(distinct(judged), block.source.skip_levels, block.path)
        if found:
            self._tell(item, found, now)
        self.lines += len(judged)
        by_twin = item.judge.by_another
        self.twin_lines += int(np.isin(judged, list(by_twin)).sum()) if by_twin else 0
        if item.late and self._outage:
            self.late_lines += len(judged)
            self._outage.done(item.number)
        else:
            self._remember(block)
            self._on_done(block)

    def _tell(self, item: _Waiting, found: set[int], now: float) -> None:
        """Pass on a block's anomalies, in order and some at once: where every line is new, there are ten thousand."""
        item.own = 0
        anomalies = self._describe(item, found)
        while some := list(islice(anomalies, _MAX_TOLD)):
            self._on_anomalies([anomaly for _, anomaly in some], now)
            item.told = some[-1][0] + 1
            self.anomalies += len(some)
            self.own_lines += item.own
            item.own = 0
        self.own_lines += item.own

    def _describe(self, item: _Waiting, found: set[int]) -> Iterator[tuple[int, Anomaly]]:
        """The anomalous events of a block that are still to be told, with their context, in order."""
        block = item.block
        lines = block.flat().split(b"\n")[:-1]
        before = item.late.before if item.late else tuple(self._context.get(block.file[:2], ()))
        judged = set(item.late.waiting) if item.late else set(range(len(item.ids))) - item.kept
        explained: set[int] = set()
        at = 0
        for index, pattern_id in enumerate(item.ids.tolist()):
            end = at + len(lines[index])
            if index >= item.told and pattern_id in found and index in judged and not self._is_own(item, lines[index]):
                context: list[bytes] | None = None
                if pattern_id not in explained and len(explained) < _MAX_EXPLAINED:
                    explained.add(pattern_id)
                    context = [*before, *lines[max(0, index - CONTEXT_LINES) : index]][-CONTEXT_LINES:]
                yield index, self._anomaly(item, pattern_id, at, end, context)
            at = end + 1

    @staticmethod
    def _is_own(item: _Waiting, raw: bytes) -> bool:
        """Asked of anomalous lines only: to judge them would be to answer ourselves, for ever."""
        own = is_own(decode(raw[:_OWN_HEADER_BYTES]))
        item.own += own
        return own

    def _anomaly(self, item: _Waiting, pattern_id: int, at: int, end: int, context: list[bytes] | None) -> Anomaly:
        """at, end: where in the block the event begins and its last newline stands. context: None for a line that is
        not the first of its pattern, or one of very many."""
        block = item.block
        line = decode(block.data[at:end])[:_MAX_LINE_CHARS]
        return Anomaly(
            source=block.source,
            service=service_of(line, block.source.service, block.path),
            path=block.path,
            file=block.file,
            offset=block.place(at),
            end=block.place(end + 1),
            line=line,
            verdict=item.judge.explained(pattern_id, block.path, weighed=context is not None),
            context=tuple(decode(text.replace(_INNER, b" "))[:_MAX_LINE_CHARS] for text in context or ()),
            read_at=item.read_at,
            timestamp=timestamp_of(line, item.read_at.astimezone()),
            vector=item.judge.vector(pattern_id),
            late=item.late is not None,
            by_twin=pattern_id in item.judge.by_another,
        )

    def _remember(self, block: Block) -> None:
        """Keep the last lines of the file; the oldest files are forgotten when there are very many."""
        file = block.file[:2]
        kept = self._context.pop(file, None) or deque(maxlen=CONTEXT_LINES)
        kept.extend(line[:_MAX_LINE_CHARS] for line in block.data[:-1].rsplit(b"\n", CONTEXT_LINES)[-CONTEXT_LINES:])
        self._context[file] = kept
        if len(self._context) > _MAX_CONTEXT_FILES:
            self._context.popitem(last=False)
