"""What the journal holds of a source, read once from start to end, to learn from."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator

from logwatchd.errors import UsageError
from logwatchd.ingest.journal_entry import Entry, Oneself, joined, parse
from logwatchd.ingest.journalctl import PROGRAM, environment, latest
from logwatchd.records import SourceSpec

MAX_ENTRIES = 1_000_000  # the latest ones; more of a journal teach hardly more
_RUN_BYTES = 1 << 20  # of text


def read_history(spec: SourceSpec) -> Iterator[tuple[bytes, tuple[int, ...]]]:
    """Runs of events, as the source would deliver them; without what logwatchd itself wrote.

    Raises:
        UsageError: the journal cannot be read.
    """
    entries: list[Entry] = []
    size = 0
    for line in _lines(spec):
        try:
            entry = parse(line, Oneself())
        except (ValueError, TypeError, RecursionError):
            continue
        if not entry.own:
            entries.append(entry)
            size += len(entry.event)
        if size >= _RUN_BYTES:
            yield joined(entries)
            entries, size = [], 0
    if entries:
        yield joined(entries)


def _lines(spec: SourceSpec) -> Iterator[bytes]:
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                [PROGRAM, *latest(spec, MAX_ENTRIES)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env=environment(),
            )
        except OSError as error:
            raise UsageError(f"the journal cannot be read: {PROGRAM}: {error.strerror}") from None
        with process:
            assert process.stdout is not None
            try:
                yield from process.stdout
            except BaseException:  # a signal: it may search for long before it finds that nobody listens any more
                process.kill()
                raise
        if process.returncode:
            complaints.seek(0)
            words = complaints.read(1000).decode("utf-8", "backslashreplace").strip().replace("\n", "; ")
            raise UsageError(f"the journal cannot be read: {words or f'{PROGRAM} failed'}")
