"""All kinds of sources as one: files, standard input and FIFOs, the systemd journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace

from logwatchd.flow import BlockQueue
from logwatchd.ingest.checkpoints import Checkpoints
from logwatchd.ingest.cursors import FILE_NAME
from logwatchd.ingest.files import FileSource
from logwatchd.ingest.memory import settle_memory
from logwatchd.ingest.source import IngestStatus, Source
from logwatchd.ingest.state_folder import StateFolder
from logwatchd.ingest.streams import STDIN, StreamSource
from logwatchd.records import Block, SourceSpec

_WITHOUT_JOURNALS = 2


class Sources:
    """A `Source` made of several. They share one thread, and so the queue has one producer, and take turns in it."""

    def __init__(self, specs: Sequence[SourceSpec], queue: BlockQueue, state_folder: StateFolder | None) -> None:
        """state_folder: where read positions are kept; None keeps them in memory only.

        Raises:
            StateError: the folder cannot be used.
        """
        settle_memory()
        self._specs = tuple(specs)
        self._streams = StreamSource(specs, queue)
        self._queue = queue
        self._state_folder = state_folder
        self._members: tuple[Source, ...] = (
            FileSource(_with_files(specs), queue, Checkpoints(state_folder)),
            self._streams,
            *self._journals(specs),
        )
        self._first = 0

    @property
    def name(self) -> str:
        return "tail"

    @property
    def on_wake(self) -> Callable[[], None]:
        return self._members[0].on_wake

    @on_wake.setter
    def on_wake(self, wake: Callable[[], None]) -> None:
        for member in self._members:
            member.on_wake = wake

    def run_once(self, now: float) -> float:
        # Another one begins each time: whoever has a backlog fills the queue.
        self._first = (self._first + 1) % len(self._members)
        turns = (*self._members[self._first :], *self._members[: self._first])
        return min([member.run_once(now) for member in turns])

    def _journals(self, specs: Sequence[SourceSpec]) -> tuple[Source, ...]:
        """The source of journals, if one is configured, or was and is to be forgotten: it takes time to import."""
        known = self._state_folder is not None and (self._state_folder.path / FILE_NAME).exists()
        if not known and not any(spec.journal for spec in specs):
            return ()
        from logwatchd.ingest.journal_source import JournalSource

        return (JournalSource(specs, self._queue, self._state_folder),)

    def commit(self, block: Block) -> None:
        """Each knows its own: device and inode are another's in no other source."""
        for member in self._members:
            member.commit(block)

    def reconfigure(self, specs: Sequence[SourceSpec]) -> None:
        added = self._journals(specs) if len(self._members) == _WITHOUT_JOURNALS else ()
        for member in added:
            member.on_wake = self.on_wake
        self._specs = tuple(specs)
        self._members[0].reconfigure(_with_files(specs))
        for member in self._members[1:]:
            member.reconfigure(specs)
        self._members += added
        self.on_wake()

    def ready(self) -> bool:
        return all(member.ready() for member in self._members)

    def drained(self) -> bool:
        return all(member.drained() for member in self._members)

    def ended(self) -> bool:
        """Whether nothing can ever come any more: standard input was all that is configured, and has ended."""
        return self._streams.ended() and not any(spec.journal for spec in self._specs)

    def status(self) -> IngestStatus:
        """The sum of all."""
        parts = [member.status() for member in self._members]
        total = {field.name: sum(getattr(part, field.name) for part in parts) for field in fields(IngestStatus)}
        return IngestStatus(**{**total, "polling_only": any(part.polling_only for part in parts)})

    def flush(self) -> None:
        for member in self._members:
            member.flush()

    def close(self) -> None:
        for member in self._members:
            member.close()


def _with_files(specs: Sequence[SourceSpec]) -> list[SourceSpec]:
    """What is left of the sources for whoever follows files."""
    kept = [replace(spec, paths=tuple(path for path in spec.paths if path != STDIN)) for spec in specs]
    return [spec for spec in kept if spec.paths]
