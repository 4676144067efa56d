"""Files that are read once, from start to end: plain or compressed, or standard input."""

from __future__ import annotations

import glob
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO

from logwatchd.errors import UsageError
from logwatchd.ingest.encoding import coding_of
from logwatchd.ingest.memory import keep_freed
from logwatchd.ingest.multiline import Joined, join, joiner_of
from logwatchd.ingest.unpacking import DAMAGE, unpacked
from logwatchd.records import SourceSpec

CHUNK_BYTES = 1 << 20


def expand(patterns: Sequence[str]) -> list[Path]:
    """Files that the names and globs stand for, each once, oldest change first within a glob.

    Raises:
        UsageError: a name that is no file, or a glob that matches none.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        if Path(pattern).is_file():
            found[Path(pattern)] = None
            continue
        matches = [path for path in map(Path, glob.glob(pattern, recursive=True)) if path.is_file()]
        if not matches:
            what = "is a folder; name files or a glob in it" if Path(pattern).is_dir() else "no such file"
            raise UsageError(f"{pattern}: {what}")
        for path in sorted(matches, key=lambda path: (path.stat().st_mtime, path.name)):
            found[path] = None
    return list(found)


def read_events(
    path: Path | None, spec: SourceSpec, on_bytes: Callable[[int], None] | None = None
) -> Iterator[tuple[bytes, tuple[int, ...]]]:
    """Runs of whole events, joined and decoded as the tailer would with this source's settings.

    Args:
        path: None for standard input. on_bytes: gets how many (uncompressed) bytes each run has.

    Yields:
        UTF-8 lines, each ended by a newline, and where in them newlines stand inside of an event (see `records.Block`).

    Raises:
        UsageError: the file cannot be read, or its compression is damaged.
    """
    joiner = joiner_of(spec)
    held = b""
    for data in _decoded(_read_lines(path, on_bytes), spec.encoding):
        data = held + data
        joined = Joined(len(data), ()) if joiner is None else join(joiner, data, flush=False)
        held = data[joined.take :]
        if joined.take:
            yield data[: joined.take], joined.inner
    if held and joiner is not None:
        yield held, join(joiner, held, flush=True).inner


def _decoded(runs: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Whole lines in UTF-8. Where a newline is not one byte, the runs do not end with lines of their own."""
    first = next(runs, b"")
    coding = coding_of(encoding, first)
    if coding.width == 1:
        yield from (coding.to_utf8(run) for run in chain([first], runs) if run)
        return
    rest = b""
    for run in chain([first], runs):
        rest += run
        end = coding.rfind(rest, 0, len(rest)) + coding.width
        if end >= coding.width:
            yield coding.to_utf8(rest[:end])
            rest = rest[end:]
    rest = rest.removesuffix(b"\n")  # the newline of one byte that was supplied
    if rest:
        yield coding.to_utf8(rest + coding.newline)


def _read_lines(path: Path | None, on_bytes: Callable[[int], None] | None) -> Iterator[bytes]:
    """Runs of whole lines of about CHUNK_BYTES; the last line gets its newline if it has none."""
    keep_freed()
    with opened(path) as raw:
        file = raw if path is None else unpacked(path, raw)
        rest: list[bytes] = []
        while chunk := file.read(CHUNK_BYTES):
            end = chunk.rfind(b"\n") + 1
            if end:
                rest.append(chunk[:end])
                run = b"".join(rest)
                rest = [chunk[end:]] if end < len(chunk) else []
                yield _told(run, on_bytes)
            else:
                rest.append(chunk)
        if rest:
            yield _told(b"".join(rest) + b"\n", on_bytes)


def _told(run: bytes, on_bytes: Callable[[int], None] | None) -> bytes:
    if on_bytes:
        on_bytes(len(run))
    return run


@contextmanager
def opened(path: Path | None) -> Iterator[IO[bytes]]:
    """A file's bytes as they are on the disk; None: standard input.

    Raises:
        UsageError: what is done with them meets a file that cannot be read, or whose compression is damaged.
    """
    try:
        if path is None:
            yield sys.stdin.buffer
        else:
            with path.open("rb") as file:
                yield file
    except (OSError, *DAMAGE) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(f"{path or 'standard input'}: cannot be read: {reason}") from None
