"""The score stage: blocks in, anomalies out, and only then is a read position committed."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import chain, islice

import numpy as np

from logwatchd import clock
from logwatchd.errors import RetryableError
from logwatchd.flow import BlockQueue
from logwatchd.journal import Event, logger
from logwatchd.records import Anomaly, Block, Lane
from logwatchd.scoring.anomalies import anomalies_of
from logwatchd.scoring.context import CONTEXT_LINES, Context
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.excerpts import Excerpt, excerpts
from logwatchd.scoring.ids import distinct
from logwatchd.scoring.inbox import Inbox
from logwatchd.scoring.judge import Judge
from logwatchd.scoring.outage import Outage
from logwatchd.scoring.stumbling import Stumbles
from logwatchd.scoring.waiting import Waiting
from logwatchd.vectors import Vectors

OnAnomalies = Callable[[Sequence[Anomaly], float], None]
OnDone = Callable[[Block], None]
Submit = Callable[[Sequence[str]], None]
_Answer = tuple[Sequence[str], Vectors, str]  # texts, their vectors, float32 (N, D), and the embedder's name

_MAX_UNDECIDED = 20_000  # texts that wait for vectors at once, but for the last block's: where every line is new
_MAX_OF_A_FILE = 4_000  # texts that wait for vectors, but for the last block's
# What is done before others have their turn: a line of theirs waits for it.
_MAX_LEARNED = 1_000  # texts in a turn, but for the last batch's
_MAX_ADMITTED_BYTES = 4 << 20
# Anomalies in a turn, shared by the files, and of one of them; of each at least so many, however many files there are.
_TOLD, _LEAST_TOLD, _MOST_TOLD = 1_000, 50, 500
_ASKED, _LEAST_ASKED, _MOST_ASKED = 4_000, 200, 2_000  # texts whose vectors are on their way, in the same manner
_IDLE_S = 60.0
_STORE_RETRY_S = 1.0


class ScoreStage:
    """Owns the present judge, the blocks that wait for vectors, and the last lines of each file.

    Blocks of one file leave in order; a file that waits for a vector, or has very much to tell, holds up no other file:
    a turn takes a part of what is there, of each file, and a fraction of a second. While the service is away
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
        self._inbox = Inbox()
        self._waiting: list[Waiting] = []
        self._context = Context()
        self._lock = threading.Lock()
        self._arrived: deque[_Answer] = deque()
        self._next: tuple[Detector, Detector | None] | None = None
        self._may_leave: Callable[[Block], bool] | None = None
        self.stumbles = Stumbles()
        self.storing_trouble: str | None = None  # for others to read, as the counters are
        self.lines = 0
        self.anomalies = 0
        self.own_lines = 0
        self.late_lines = 0
        self.twin_lines = 0
        self.blocks_left = 0
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

    def leave(self, may: Callable[[Block], bool]) -> None:
        """Begin with no block more that may be left: it is not committed.

        Any thread may call it, once no more blocks come.
        """
        self._may_leave = may
        self.wake()

    def run_once(self, now: float) -> float:
        """Judge what arrived, hand on what is decided. See `stage.Stage`."""
        arrived, following = self._take_in()
        if following is not None:
            self._start_anew(*following)
        # What an embedder of before a reload still answers lies in another space; it was asked for again.
        embedder = self._judge.detector.baseline.manifest.embedder
        self._learn([(texts, vectors) for texts, vectors, name in arrived if name == embedder])
        if self._outage and self._outage.back():
            self._judge = Judge(self._judge.detector)  # the twin's verdicts were for the time being
        self._inbox.extend(self._queue.take())
        if self._may_leave:
            for block in self._inbox.leave(self._may_leave):
                self.blocks_left += 1
                self._queue.done(block)
        self._admit()
        self._take_up_kept()
        delay_s = self._hand_on(now)
        self._ask()
        return 0.0 if self._arrived or self._may_admit() else delay_s

    def _take_in(self) -> tuple[list[_Answer], tuple[Detector, Detector | None] | None]:
        """Some of the vectors that arrived, and what to judge by from now on, if that changes."""
        arrived: list[_Answer] = []
        texts = 0
        with self._lock:
            while self._arrived and texts < _MAX_LEARNED:
                arrived.append(self._arrived.popleft())
                texts += len(arrived[-1][0])
            following, self._next = self._next, None
        return arrived, following

    def _admit(self) -> None:
        """Look at some of the blocks that came, as long as not too many new texts wait: the others cost only their
        bytes."""
        undecided, busy = self._at_work()
        admitted_bytes = 0
        while (
            undecided.total() < _MAX_UNDECIDED
            and admitted_bytes < _MAX_ADMITTED_BYTES
            and (block := self._inbox.next(busy))
        ):
            if self._judge.full():
                self._judge = Judge(self._judge.detector)
            item = self._item(block, clock.utc_now())
            self._waiting.append(item)
            undecided[item.lane] += len(item.undecided)
            if undecided[item.lane] >= _MAX_OF_A_FILE:
                busy.add(item.lane)
            admitted_bytes += len(block.data)

    def _may_admit(self) -> bool:
        undecided, busy = self._at_work()
        return undecided.total() < _MAX_UNDECIDED and self._inbox.has_other_than(busy)

    def _at_work(self) -> tuple[Counter[Lane | None], set[Lane | None]]:
        """How many texts are undecided, by the file; and the files that have enough to do."""
        undecided: Counter[Lane | None] = Counter()
        for item in self._waiting:
            undecided[item.lane] += len(item.undecided)
        busy = {lane for lane, texts in undecided.items() if texts >= _MAX_OF_A_FILE}
        return undecided, busy | {item.lane for item in self._waiting if item.telling}

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
    ) -> Waiting:
        judge = self._judge
        try:
            ids = judge.ids_of(block.flat())
        except Exception as error:
            judge = self._judge = Judge(judge.detector)
            ids = self.stumbles.ids_of(judge, block, error)
        item = Waiting(block, judge, ids, set(), [], read_at, told=told, late=late, number=number, kept=kept)
        item.unasked = judge.undecided(distinct(item.untold()), block.source.skip_levels)[::-1]
        item.undecided.update(item.unasked)
        return item

    def _take_up_kept(self) -> None:
        """Have the oldest of the kept lines in memory, and no more of them than that."""
        if self._outage and not any(item.late for item in self._waiting):
            for number, excerpt in self._outage.take():
                self._waiting.append(self._item(excerpt.block, excerpt.read_at, excerpt, number))

    def _ask(self) -> None:
        """Ask for the vectors that blocks wait for, but not of lines that are only held up for want of room."""
        asking = self._outage is None or self._outage.way() == "ask"
        most = _share(_ASKED, len({item.lane for item in self._waiting if item.unasked}), _LEAST_ASKED, _MOST_ASKED)
        on_their_way: Counter[Lane | None] = Counter()
        for item in self._waiting:
            on_their_way[item.lane] += len(item.undecided.difference(item.unasked))
            if not item.unasked or not (asking or item.late):
                continue
            some: list[int] = []
            while item.unasked and on_their_way[item.lane] + len(some) < most:
                pattern_id = item.unasked.pop()
                if pattern_id in item.undecided:
                    some.append(pattern_id)
            if some:
                item.asked = True
                on_their_way[item.lane] += len(some)
                self._submit([item.judge.pattern(i) for i in some])

    def _learn(self, answers: Sequence[tuple[Sequence[str], Vectors]]) -> None:
        """Decide the patterns that waited for these vectors, in every judge that still has blocks waiting."""
        if not answers:
            return
        rows = {text: row for row, text in enumerate(chain.from_iterable(texts for texts, _ in answers))}
        vectors = np.concatenate([found for _, found in answers])
        for judge in {id(item.judge): item.judge for item in self._waiting}.values():
            wanted = {i for item in self._waiting if item.judge is judge for i in item.undecided}
            ready = [i for i in wanted if judge.pattern(i) in rows]
            if ready:
                found = vectors[[rows[judge.pattern(i)] for i in ready]]
                try:
                    judge.decide(ready, found)
                except Exception as error:
                    self.stumbles.decide(judge, ready, found, error)
                for item in self._waiting:
                    if item.judge is judge:
                        item.undecided.difference_update(ready)

    def _hand_on(self, now: float) -> float:
        """Pass on decided blocks, in order within a file; returns the delay until the next turn."""
        held: set[Lane | None] = set()
        left: list[Waiting] = []
        withdrawn = False
        delay_s = _IDLE_S
        share = _share(_TOLD, len({item.lane for item in self._waiting if item.telling}), _LEAST_TOLD, _MOST_TOLD)
        told: Counter[Lane | None] = Counter()
        to_tell = _TOLD
        for index, item in enumerate(self._waiting):
            if item.lane in held or (item.undecided and not self._put_off(item)):
                held.add(item.lane)
                left.append(item)
                continue
            most = 1 if item.one_by_one else max(1, min(share, max(_LEAST_TOLD, to_tell)) - told[item.lane])
            try:
                telling = self._tell(item, most, now)
            except RetryableError as error:
                self._say_once(error)
                left.extend(self._waiting[index:])
                delay_s = _STORE_RETRY_S
                break
            except Exception as error:
                self._stumble(item, error)
                telling = most
            told[item.lane] += telling
            to_tell -= telling
            if telling < most:
                withdrawn |= item.asked and bool(item.kept or item.stood_in)
                self._finish(item)
            else:
                held.add(item.lane)
                left.append(item)
                delay_s = 0.0
        else:
            self.storing_trouble = None
        if self._outage:
            if any(item.late for item in self._waiting) and not any(item.late for item in left):
                delay_s = 0.0  # there may be more
            self._outage.settle()
        self._waiting = left
        if self._outage and withdrawn:
            self._outage.keep_only({item.judge.pattern(i) for item in left for i in item.undecided})
        return delay_s

    def _put_off(self, item: Waiting) -> bool:
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
            before = self._context.before(item.block.lane)
            if not self._outage.keep(excerpts(item.block, events, before, item.read_at, CONTEXT_LINES)):
                return False
            item.kept |= frozenset(events)
        item.undecided.clear()
        item.unasked.clear()
        return True

    def _say_once(self, error: RetryableError) -> None:
        if self.storing_trouble is None:
            logger("score").error(Event.STORING_FAILED, reason=str(error))
        self.storing_trouble = str(error)

    def _tell(self, item: Waiting, most: int, now: float) -> int:
        """Pass on so many of a decided block's anomalies, in order; if there may be more, they are for another turn.

        Returns:
            How many it were.
        """
        if item.telling is None:
            block = item.block
            found = item.judge.anomalous(distinct(item.judged()), block.source.skip_levels, block.path)
            if not found:
                return 0
            before = item.late.before if item.late else self._context.before(block.lane)
            item.telling = anomalies_of(item, found, before)
        item.own = 0
        some = list(islice(item.telling, most))
        if some:
            try:
                self._on_anomalies([anomaly for _, anomaly in some], now)
            except RetryableError:
                item.telling = None  # begins anew, behind what was told
                raise
            item.told = some[-1][0] + 1
        self.anomalies += len(some)
        self.own_lines += item.own
        return len(some)

    def _stumble(self, item: Waiting, error: Exception) -> None:
        """Tell the block's anomalies one by one from here on; if that was done, pass over the next one."""
        self.stumbles.admit(error)
        if item.one_by_one:
            if item.at < item.told:
                raise error  # no line is at fault
            self.stumbles.pass_over(item.block, item.at, error)
            item.told = item.at + 1
        item.one_by_one, item.telling = True, None

    def _finish(self, item: Waiting) -> None:
        """All of the block is told: its position may be committed."""
        block, judged = item.block, item.judged()
        self.lines += len(judged)
        by_twin = item.judge.by_another
        self.twin_lines += int(np.isin(judged, list(by_twin)).sum()) if by_twin else 0
        if item.late and self._outage:
            self.late_lines += len(judged)
            self._outage.done(item.number)
        else:
            self._context.remember(block)
            self._on_done(block)


def _share(of_all: int, files: int, least: int, most: int) -> int:
    """What one of so many files may have."""
    return min(most, max(least, of_all // max(1, files)))
