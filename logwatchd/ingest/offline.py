"""Files that are read once, from start to end: plain or compressed, or standard input."""

from __future__ import annotations

import errno
import glob
import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, cast

from logwatchd.errors import UnpackError, UsageError
from logwatchd.ingest.encoding import Coding, coding_of
from logwatchd.ingest.lines import MAX_LINE_BYTES
from logwatchd.ingest.memory import settle_memory
from logwatchd.ingest.multiline import Joined, join, joiner_of
from logwatchd.ingest.unpacking import DAMAGE, MAGIC_BYTES, foreign_content, pieces_of
from logwatchd.kinds import is_file
from logwatchd.records import SourceSpec

CHUNK_BYTES = 1 << 20
_NULS = re.compile(rb"\n\0+")


def log_name(path: Path) -> str:
    """What baselines and configurations call a file: from the root, without '..', and links as they are named."""
    return os.path.normpath(path.absolute())


def expand(patterns: Sequence[str]) -> list[Path]:
    """Files that the names and globs stand for, each once, oldest change first within a glob.

    Raises:
        UsageError: a name that is no file, or a glob that matches none.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        if is_file(Path(pattern)):
            found[Path(pattern)] = None
            continue
        matches = [path for path in map(Path, glob.glob(pattern, recursive=True)) if path.is_file()]
        if not matches:
            raise UsageError(f"{pattern}: {_why_not(Path(pattern))}")
        for path in sorted(matches, key=lambda path: (path.stat().st_mtime, path.name)):
            found[path] = None
    return list(found)


def _why_not(path: Path) -> str:
    if path.is_dir():
        return "is a folder; name files or a glob in it"
    # Such as bash's <(zcat ...): it could be read once only, and would be asked for its size first.
    return "is no regular file; pipe what it says into '-'" if path.exists() else "no such file"


def read_events(
    path: Path | None, spec: SourceSpec, on_bytes: Callable[[int], None] | None = None
) -> Iterator[tuple[bytes, tuple[int, ...]]]:
    """Runs of whole events, joined and decoded as the tailer would with this source's settings.

    Args:
        path: None for standard input. on_bytes: gets how many (uncompressed) bytes were read, as they are.

    Yields:
        UTF-8 lines, each ended by a newline, and where in them newlines stand inside of an event (see `records.Block`).

    Raises:
        UsageError: the file cannot be read.
        UnpackError: not all of it can be unpacked; what could be came before.
    """
    joiner = joiner_of(spec)
    held, trouble = b"", None
    try:
        for lines in _read_lines(path, spec.encoding, on_bytes):
            data = held + lines
            joined = Joined(len(data), ()) if joiner is None else join(joiner, data, flush=False)
            held = data[joined.take :]
            if joined.take:
                yield data[: joined.take], joined.inner
    except UsageError as error:
        trouble = error
    if held and joiner is not None:
        yield held, join(joiner, held, flush=True).inner
    if trouble:
        raise trouble


def _read_lines(path: Path | None, encoding: str, on_bytes: Callable[[int], None] | None) -> Iterator[bytes]:
    """Runs of whole lines of about CHUNK_BYTES, in UTF-8; the last line gets its newline if it has none."""
    settle_memory()
    with opened(path) as raw:
        pieces = pieces_of(path or "-", raw, CHUNK_BYTES)
        first = next(pieces, b"")
        coding = coding_of(encoding, first)
        chunks = chain([first], pieces)
        at_start = True
        for run in whole_lines(_told(chunks, on_bytes), coding):
            yield coding.to_utf8(run.removeprefix(coding.mark) if at_start else run)
            at_start = False


def _told(chunks: Iterator[bytes], on_bytes: Callable[[int], None] | None) -> Iterator[bytes]:
    for chunk in chunks:
        if on_bytes:
            on_bytes(len(chunk))
        yield chunk


def whole_lines(chunks: Iterable[bytes], coding: Coding) -> Iterator[bytes]:
    """Runs of whole lines; the last one gets its newline if it has none.

    Without what the tailer leaves out as well: of an over-long line all that is beyond MAX_LINE_BYTES, and NULs at a
    line's beginning.

    Args:
        chunks: of CHUNK_BYTES at most; the first one starts at a line's beginning.
    """
    rest: list[bytes | memoryview] = []
    size = 0  # of rest: the beginning of a line
    for chunk in chunks:
        data = _without_nuls(chunk, at_start=not size) if coding.width == 1 else chunk
        newline = coding.find(data, 0)
        begin = data[: newline if newline >= 0 else len(data)][: MAX_LINE_BYTES - size]
        if newline < 0:
            rest += [begin] if begin else []
            size += len(begin)
            continue
        end = coding.rfind(data, 0, len(data)) + coding.width
        rest += [begin, data[newline:end]] if size + newline > MAX_LINE_BYTES else [memoryview(data)[:end]]
        yield b"".join(rest)
        rest, size = [data[end:]], len(data) - end
    if size:
        yield b"".join(rest) + coding.newline


def _without_nuls(data: bytes, at_start: bool) -> bytes:
    """at_start: whether a line begins with them."""
    if data.find(0) < 0:  # far cheaper to ask
        return data
    return _NULS.sub(b"\n", data.lstrip(b"\0") if at_start else data)


@contextmanager
def opened(path: Path | None) -> Iterator[IO[bytes]]:
    """A file's bytes as they are on the disk; None: standard input.

    Raises:
        UsageError: what is done with them meets a file that cannot be read.
        UnpackError: its compression is damaged, or of a kind that takes another program.
    """
    try:
        if path is None:
            _check_format(sys.stdin.buffer, "FILE", "standard input")
            yield sys.stdin.buffer
        else:
            with path.open("rb") as file:
                _check_format(file, str(path), str(path))
                yield file
    except (OSError, *DAMAGE) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if path is None and isinstance(error, OSError) and error.errno == errno.EBADF:
            reason = "it is closed; pipe the lines into it, or name a file"
        kind = UsageError if isinstance(error, OSError) and error.errno is not None else UnpackError
        raise kind(f"{path or 'standard input'}: cannot be read: {reason}") from None


def _check_format(file: IO[bytes], path: str, name: str) -> None:
    command = foreign_content(cast(io.BufferedReader, file).peek(MAGIC_BYTES))
    if command:
        raise UnpackError(f"{name}: is compressed and not unpacked here; pipe it: '{command} {path} | logwatchd ... -'")
