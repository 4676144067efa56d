"""Texts wait here to be embedded together: a batch leaves when it is full or its first text has waited long enough."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from logwatchd import clock
from logwatchd.errors import PermanentError, RetryableError, starved
from logwatchd.journal import Event, logger
from logwatchd.scoring.batching import Batch, Limits, next_batch
from logwatchd.scoring.breaker import Breaker
from logwatchd.scoring.embedder import Embedder, leaving
from logwatchd.scoring.ledger import Ledger, estimated_tokens
from logwatchd.scoring.vector_cache import VectorCache, as_stored, space_of
from logwatchd.vectors import Vectors

OnVectors = Callable[[Sequence[str], Vectors, str], None]  # texts, their vectors, the embedder's name

_IDLE_S = 60.0
_BUDGET_PAUSE_S = 60.0  # a new day or a reload may bring a new one
_AT_ONCE = 2000  # texts that are looked up under one hold of the lock


@dataclass(slots=True, eq=False)
class _Use:
    """What embeds from a reload on. dimensions: what the vectors have to have. counted: tokens that are in the sums.
    refused: texts that were told of."""

    embedder: Embedder
    dimensions: int
    limits: Limits
    counted: int
    refused: int

    @property
    def space(self) -> str:
        return space_of(self.embedder.name, self.embedder.dimensions)


@dataclass(slots=True, eq=False)
class _Request:
    """A batch on its way. outcome: set by the thread that sends it."""

    use: _Use
    batch: Batch
    began_at: float
    outcome: Vectors | BaseException | None = field(default=None)


class EmbedQueue:
    """A stage: embeds what others submit. Requests to a service leave in threads of their own; a turn never blocks.

    Texts of which the same would leave the machine wait as one and are sent as one (see `Embedder.redact`), and what
    was ever answered is found in the cache. Texts stay until they are embedded or withdrawn. `on_vectors` is called
    from this stage's thread. `wake` and `on_change` are set by the wiring: the wake of this stage's thread, and of
    whoever has to know that `away` changed.
    """

    name = "embed"

    def __init__(self, on_vectors: OnVectors, cache: VectorCache | None = None, ledger: Ledger | None = None) -> None:
        self._on_vectors = on_vectors
        self._cache = cache
        self._ledger = ledger
        self._lock = threading.Lock()
        self._fresh: dict[str, float] = {}  # text -> when it came; not yet redacted and looked for in the cache
        self._waiting: OrderedDict[str, float] = OrderedDict()  # what leaves of texts -> when the first of them came
        self._askers: dict[str, list[str]] = {}  # what waits or is on its way -> the texts that it is of
        self._asked: set[str] = set()  # those texts
        self._flying: list[_Request] = []
        self._landed: deque[_Request] = deque()
        self._breaker = Breaker()
        self._away = False
        self.calls = 0
        self.texts = 0
        self.hits = 0
        self.tokens = 0
        self.usd = 0.0
        self.wake: Callable[[], None] = lambda: None
        self.on_change: Callable[[], None] = lambda: None

    def use(self, embedder: Embedder, dimensions: int, limits: Limits) -> None:
        """Embed with this from the next batch on. Call it before the first turn; any thread may call it again.

        dimensions: what the vectors have to have; a service that answers with others is refused.
        """
        with self._lock:
            before = getattr(self, "_use", None)
            self._use = _Use(embedder, dimensions, limits, embedder.tokens, embedder.refused)
            self._breaker.mended()
            if before is not None and before.space != self._use.space:
                self._fresh.clear()  # whoever still wants them asks again
                self._waiting.clear()
                self._flying.clear()
                self._askers.clear()
                self._asked.clear()
            for one, at in list(self._waiting.items()):  # to be redacted anew: by other rules, perhaps
                self._fresh.update((text, at) for text in self._forget(one))
        self.wake()

    def submit(self, texts: Sequence[str]) -> None:
        """Ask for the vectors of texts; those that wait already are not asked for twice. Any thread may call it."""
        now = clock.monotonic()
        with self._lock:
            for text in texts:
                if text not in self._asked:
                    self._fresh.setdefault(text, now)
        self.wake()

    def keep_only(self, wanted: Collection[str]) -> None:
        """Withdraw all texts but these; what is on its way stays so. Any thread may call it."""
        with self._lock:
            self._fresh = {text: at for text, at in self._fresh.items() if text in wanted}
            for one in list(self._waiting):
                texts = [text for text in self._askers[one] if text in wanted]
                self._asked.difference_update(self._askers[one])
                self._asked.update(texts)
                self._askers[one] = texts
                if not texts:
                    del self._waiting[one], self._askers[one]

    @property
    def away(self) -> bool:
        """Whether the service is away, so that nobody should wait for it. Any thread may ask."""
        return self._away

    @property
    def trouble(self) -> str | None:
        """Why nothing is embedded at present, or None."""
        return self._breaker.reason

    @property
    def cut(self) -> int:
        """Texts that were too long for the model, and were cut."""
        return self._use.embedder.cut

    @property
    def refused(self) -> int:
        """Texts that the service does not take, however short."""
        return self._use.embedder.refused

    @property
    def usd_today(self) -> float:
        """What embedding has cost today (UTC), before the start as well."""
        return self._ledger.today().usd if self._ledger and self._use.embedder.remote else 0.0

    def waiting(self) -> int:
        """Texts that have no vector yet."""
        with self._lock:
            return len(self._fresh) + len(self._asked)

    def run_once(self, now: float) -> float:
        """Take what was answered, send what is due. See `stage.Stage`."""
        self._land()
        self._look_up()
        delay_s = self._send(now)
        self._notice(now)
        return delay_s

    def _land(self) -> None:
        """What the requests came to."""
        while self._landed:
            request = self._landed.popleft()
            outcome = request.outcome
            with self._lock:
                if request in self._flying:
                    self._flying.remove(request)
                elif request.use.space != self._use.space:
                    continue  # of before a reload; its vectors are in the cache, and nobody waits for them
                if isinstance(outcome, np.ndarray):
                    texts = [self._forget(one) for one in request.batch.texts]
                else:
                    for one in reversed([one for one in request.batch.texts if one in self._askers]):
                        self._waiting[one] = request.began_at
                        self._waiting.move_to_end(one, last=False)
            if isinstance(outcome, BaseException):
                if not isinstance(outcome, RetryableError | PermanentError):
                    raise outcome
                if request.use is self._use:
                    self._breaker.failed(outcome, request.began_at, clock.monotonic())
            elif outcome is not None:
                self._breaker.succeeded()
                self._count(request)
                rows = [row for row, some in enumerate(texts) for _ in some]
                self._on_vectors(list(chain.from_iterable(texts)), outcome[rows], request.use.embedder.name)

    def _forget(self, one: str) -> list[str]:
        """The texts that something that waited, or was on its way, is of; nobody waits for them any more."""
        self._waiting.pop(one, None)
        texts = self._askers.pop(one, [])
        self._asked.difference_update(texts)
        return texts

    def _count(self, request: _Request) -> None:
        self.calls += 1
        self.texts += len(request.batch.texts)
        if not request.use.embedder.remote:
            return
        refused = request.use.embedder.refused - request.use.refused
        if refused:
            request.use.refused += refused
            logger("embed").warning(Event.TEXTS_REFUSED, texts=refused, embedder=request.use.embedder.name)
        tokens = request.use.embedder.tokens - request.use.counted
        request.use.counted += tokens
        usd = tokens / 1e6 * request.use.limits.usd_per_million_tokens
        self.tokens += tokens
        self.usd += usd
        if self._ledger:
            self._ledger.add(calls=1, texts=len(request.batch.texts), tokens=tokens, usd=usd)

    def _look_up(self) -> None:
        """Hand on what the cache has of the texts that came; the others wait to be sent."""
        while True:
            with self._lock:
                use = self._use
                some = [(text, self._fresh[text]) for text, _ in zip(self._fresh, range(_AT_ONCE), strict=False)]
            if not some:
                return
            safe = leaving(use.embedder, [text for text, _ in some])
            found = self._cache.get(use.space, safe) if self._cache and use.embedder.keep else {}
            found = {one: vector for one, vector in found.items() if len(vector) == use.dimensions}
            hits: list[tuple[str, Vectors]] = []
            with self._lock:
                if self._use is not use:
                    continue
                for (text, at), one in zip(some, safe, strict=True):
                    if self._fresh.pop(text, None) is None:
                        continue  # withdrawn meanwhile
                    if one in found:
                        hits.append((text, found[one]))
                        continue
                    if one not in self._askers:
                        self._waiting[one] = at
                    self._askers.setdefault(one, []).append(text)
                    self._asked.add(text)
            if hits:
                self.hits += len(hits)
                if self._ledger:
                    self._ledger.add(hits=len(hits))
                self._on_vectors([text for text, _ in hits], np.stack([v for _, v in hits]), use.embedder.name)

    def _send(self, now: float) -> float:
        """Send the batches that are due; returns the delay until the next one."""
        while True:
            with self._lock:
                use, limits = self._use, self._use.limits
                if not self._waiting:
                    return self._until_slow(now)
                if len(self._flying) >= limits.max_in_flight:
                    return self._until_slow(now)
                batch = next_batch(self._waiting, limits)
                due_at = self._breaker.retry_at
                if use.embedder.remote and not batch.full:  # waiting saves calls, and only those cost anything
                    due_at = max(due_at, self._waiting[batch.texts[0]] + limits.max_wait_ms / 1000)
                if now < due_at:
                    return min(due_at - now, self._until_slow(now))
                if use.embedder.remote and self._over_budget(batch, use, now):
                    return _BUDGET_PAUSE_S
                for text in batch.texts:
                    del self._waiting[text]
                request = _Request(use, batch, now)
                self._flying.append(request)
            self._breaker.sent(now)
            if use.embedder.remote:
                try:
                    threading.Thread(target=self._fly, args=(request,), name="embed-request", daemon=True).start()
                except (RuntimeError, MemoryError) as error:  # it lands all the same, or its texts were lost
                    request.outcome = starved("a request for embeddings", error)
                    self._landed.append(request)
                    self._land()
                    return 0.0
            else:
                self._fly(request)
                self._land()
                return 0.0

    def _fly(self, request: _Request) -> None:
        """Runs in a thread of its own where the embedder is remote."""
        use = request.use
        try:
            vectors = use.embedder.embed(request.batch.texts)
            if vectors.shape[1] != use.dimensions:
                raise PermanentError(
                    f"{use.embedder.name}: vectors have {vectors.shape[1]} dimensions, the baseline's have "
                    f"{use.dimensions}; build the baseline again or correct embedder.model and embedder.dimensions"
                )
            if use.embedder.keep and self._cache:
                vectors = as_stored(vectors)
                # Before anybody uses them: what was answered and paid for outlives the end of the process.
                self._cache.put(use.space, dict(zip(request.batch.texts, vectors, strict=True)))
            request.outcome = vectors
        except MemoryError as error:
            request.outcome = starved("the answer to a request for embeddings", error)
        except BaseException as error:  # an unforeseen one is raised again in the stage, and ends the process
            request.outcome = error
        self._landed.append(request)
        if use.embedder.remote:
            self.wake()

    def _over_budget(self, batch: Batch, use: _Use, now: float) -> bool:
        limits = use.limits
        if limits.daily_usd is None or self._ledger is None:
            return False
        price = limits.usd_per_million_tokens / 1e6
        flying = sum(estimated_tokens(r.batch.size_bytes, len(r.batch.texts)) for r in self._flying)
        more = flying + estimated_tokens(batch.size_bytes, len(batch.texts))
        if self._ledger.today().usd + more * price <= limits.daily_usd:
            return False
        self._breaker.hold(f"the day's budget of ${limits.daily_usd:g} is used up", now + _BUDGET_PAUSE_S)
        return True

    def _until_slow(self, now: float) -> float:
        """When an unanswered request begins to look like an outage."""
        ages = [now - request.began_at for request in self._flying]
        patience_s = self._use.limits.patience_s
        return max(0.0, patience_s - max(ages)) if ages and max(ages) < patience_s else _IDLE_S

    def _notice(self, now: float) -> None:
        """Tell when the service goes and when it is back: once each."""
        with self._lock:
            oldest = min((request.began_at for request in self._flying if request.use.embedder.remote), default=None)
        if oldest is not None:
            self._breaker.slow(oldest, now, self._use.limits.patience_s)
        if self._breaker.open == self._away:
            return
        self._away = self._breaker.open
        if self._away:
            local = self._use.limits.on_outage == "local"
            event = Event.EMBEDDING_AWAY_LOCAL if local else Event.EMBEDDING_AWAY_WAIT
            logger("embed").error(event, reason=self._breaker.reason, waiting=self.waiting())
        else:
            logger("embed").info(Event.EMBEDDING_RECOVERED)
        self.on_change()
