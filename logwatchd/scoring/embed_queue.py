"""Texts wait here to be embedded together: a batch leaves when it is full or its first text has waited long enough."""

from __future__ import annotations

import random
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from logwatchd import clock
from logwatchd.errors import PermanentError, RetryableError
from logwatchd.journal import Event, logger
from logwatchd.scoring.embedder import Embedder
from logwatchd.vectors import Vectors

OnVectors = Callable[[Sequence[str], Vectors, str], None]  # texts, their vectors, the embedder's name

_FIRST_RETRY_S = 0.5
_LONGEST_RETRY_S = 30.0
_PERMANENT_RETRY_S = 60.0  # a refused key is tried again now and then: it may be mended without a restart
_IDLE_S = 60.0


class EmbedQueue:
    """A stage: embeds what others submit. A remote embedder blocks a turn for at most its time-out.

    Every distinct text waits once. Texts stay until they are embedded, so an outage holds lines back, and loses none.
    `on_vectors` is called from this stage's thread. `wake` is set by the wiring to the wake of this stage's thread.
    """

    name = "embed"

    def __init__(self, on_vectors: OnVectors) -> None:
        self._on_vectors = on_vectors
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, float] = OrderedDict()  # text -> when it came
        self._retry_at = 0.0
        self._failures = 0
        self._trouble: str | None = None
        self.calls = 0
        self.texts = 0
        self.wake: Callable[[], None] = lambda: None

    def use(self, embedder: Embedder, dimensions: int, batch_size: int, max_wait_ms: int) -> None:
        """Embed with this from the next batch on. Call it before the first turn; any thread may call it again.

        dimensions: what the vectors have to have; a service that answers with others is refused.
        """
        with self._lock:
            self._embedder = embedder
            self._dimensions = dimensions
            self._batch_size = batch_size
            self._max_wait_s = max_wait_ms / 1000 if embedder.remote else 0.0  # waiting saves calls; here are none
            self._retry_at = 0.0
        self.wake()

    def submit(self, texts: Sequence[str]) -> None:
        """Ask for the vectors of texts; those that wait already are not asked for twice. Any thread may call it."""
        now = clock.monotonic()
        with self._lock:
            for text in texts:
                self._waiting.setdefault(text, now)
        self.wake()

    @property
    def trouble(self) -> str | None:
        """Why nothing is embedded at present, or None."""
        return self._trouble

    def waiting(self) -> int:
        with self._lock:
            return len(self._waiting)

    def run_once(self, now: float) -> float:
        """Send one batch if it is due. See `stage.Stage`."""
        with self._lock:
            if not self._waiting:
                return _IDLE_S
            due_at = max(next(iter(self._waiting.values())) + self._max_wait_s, self._retry_at)
            if len(self._waiting) >= self._batch_size:
                due_at = self._retry_at
            if now < due_at:
                return due_at - now
            batch = [text for text, _ in zip(self._waiting, range(self._batch_size), strict=False)]
            embedder, dimensions = self._embedder, self._dimensions
        try:
            vectors = embedder.embed(batch)
            if vectors.shape[1] != dimensions:
                raise PermanentError(
                    f"{embedder.name}: vectors have {vectors.shape[1]} dimensions, the baseline's have {dimensions}; "
                    "build the baseline again or correct embedder.model"
                )
        except (RetryableError, PermanentError) as error:
            return self._put_off(error)
        self._recover()
        with self._lock:
            for text in batch:
                self._waiting.pop(text, None)
        self.calls += 1
        self.texts += len(batch)
        self._on_vectors(batch, vectors, embedder.name)
        return 0.0

    def _put_off(self, error: RetryableError | PermanentError) -> float:
        self._failures += 1
        if isinstance(error, PermanentError):
            delay_s = _PERMANENT_RETRY_S
        else:
            ceiling_s = min(_LONGEST_RETRY_S, _FIRST_RETRY_S * 2 ** min(self._failures - 1, 10))
            delay_s = max(error.retry_after_s or 0.0, ceiling_s * random.uniform(0.5, 1.0))
        self._retry_at = clock.monotonic() + delay_s
        if self._trouble is None:  # said once an outage, not once a try
            logger("embed").error(Event.EMBEDDING_FAILED, reason=str(error), waiting=self.waiting())
        self._trouble = str(error)
        return delay_s

    def _recover(self) -> None:
        if self._trouble is not None:
            logger("embed").info(Event.EMBEDDING_RECOVERED, failures=self._failures)
        self._trouble, self._failures, self._retry_at = None, 0, 0.0
