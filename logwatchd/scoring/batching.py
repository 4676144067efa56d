"""What goes into one request: no more texts and no more tokens than a service takes, and no text too long for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

REQUEST_TOKENS = 300_000  # OpenAI's bound on all texts of a request together
_SENSIBLE = 0.8  # of a text's room: a cut between two words is sought in the rest


@dataclass(frozen=True, slots=True)
class Limits:
    """How texts are gathered, and what is done while the service is away.

    batch_size: texts a request. max_wait_ms: after a batch's first text. max_in_flight: requests at once. max_tokens:
    of one text. patience_s: with a request that is not answered. daily_usd: None for no budget.
    usd_per_million_tokens: what the embedder costs.
    on_outage: "wait" keeps lines with new texts on the disk, "local" judges them by the baseline's local twin.
    """

    batch_size: int = 200
    max_wait_ms: int = 200
    max_in_flight: int = 4
    max_tokens: int = 8191
    patience_s: float = 5.0
    daily_usd: float | None = None
    usd_per_million_tokens: float = 0.0
    on_outage: str = "wait"


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts to send together. full: no further text would have gone in."""

    texts: tuple[str, ...]
    size_bytes: int
    full: bool


def next_batch(waiting: Iterable[str], limits: Limits) -> Batch:
    """As many of the waiting texts as fit, in order; at least one where one waits.

    A token is at least a byte of UTF-8, so a request that keeps to the bounds in bytes keeps to them in tokens.
    """
    texts: list[str] = []
    total = 0
    for text in waiting:
        size = min(size_of(text), limits.max_tokens)
        if texts and total + size > REQUEST_TOKENS:
            return Batch(tuple(texts), total, full=True)
        texts.append(text)
        total += size
        if len(texts) == limits.batch_size:
            return Batch(tuple(texts), total, full=True)
    return Batch(tuple(texts), total, full=False)


def size_of(text: str) -> int:
    """Bytes of UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def cut(text: str, max_bytes: int) -> str:
    """The text's beginning, in at most so many bytes: up to the end of a word, unless that is far."""
    if size_of(text) <= max_bytes:
        return text
    head = text.encode("utf-8", "replace")[:max_bytes].decode("utf-8", "ignore")
    at = head.rfind(" ", int(len(head) * _SENSIBLE))
    return head[:at] if at > 0 else head
