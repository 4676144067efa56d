"""What every source of lines offers, so that streams can stand beside files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from logwatchd.records import Block, SourceSpec


@dataclass(frozen=True, slots=True)
class IngestStatus:
    """Counters of an ingest since its start, for status lines and metrics.

    streams: pipes and journals. unreadable: files and folders that cannot be read at present, unreadable_streams: pipes
    and journals.
    """

    files: int = 0
    streams: int = 0
    unreadable: int = 0
    unreadable_streams: int = 0
    open_handles: int = 0
    bytes: int = 0
    unread_bytes: int = 0
    rotations: int = 0
    truncations: int = 0
    truncated_unread_bytes: int = 0
    resets: int = 0
    inotify_overflows: int = 0
    dead_emitters: int = 0
    own_lines: int = 0
    polling_only: bool = False


class Source(Protocol):
    """A stage that delivers blocks into the queue it was given, and commits them afterwards."""

    on_wake: Callable[[], None]
    """Called, from any thread, when there may be something new to read; the wiring sets it."""

    @property
    def name(self) -> str: ...

    def run_once(self, now: float) -> float:
        """One turn: find, read, deliver while the queue has room. See `stage.Stage`."""

    def commit(self, block: Block) -> None:
        """The block's lines are dealt with: remember `block.end`. Thread-safe; in order within one file."""

    def reconfigure(self, specs: Sequence[SourceSpec]) -> None:
        """Follow these from the next turn on; files that both name go on without a break. Thread-safe."""

    def ready(self) -> bool:
        """Whether every configured file that exists has been found and is followed."""

    def drained(self) -> bool:
        """Whether the last turn found every file read to its end."""

    def status(self) -> IngestStatus: ...

    def flush(self) -> None:
        """Deliver what is held back in the hope of more of it. Call it when its thread has ended, before `close`."""

    def close(self) -> None:
        """Write what was committed and release all handles. Call it when its thread has ended."""
