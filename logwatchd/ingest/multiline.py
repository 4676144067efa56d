"""Which lines belong to the line before them: stack traces by default, or what the configuration says.

Pure functions over whole lines. An event is its first line and all that continue it. What is read always begins at an
event's first line, so nothing has to be remembered between two reads.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple, Protocol

from logwatchd.records import SourceSpec

MAX_EVENT_LINES = 500
MAX_EVENT_BYTES = 256 << 10


class Joined(NamedTuple):
    """take: how many bytes may be delivered now. inner: where in them newlines stand inside of an event."""

    take: int
    inner: tuple[int, ...]


class Joiner(Protocol):
    """Tells first lines from their continuations."""

    def continues(self, lines: Sequence[bytes], whole: bool) -> Iterator[bool]:
        """For each line whether it continues the one before; the first never does.

        whole: nothing more will come; else what may yet prove to continue one does.
        """

    def open_ended(self, event: Sequence[bytes]) -> bool:
        """Whether an event that stands last may still go on."""

    def worthwhile(self, data: bytes, whole: bool) -> bool:
        """Whether a look at single lines can find anything; a cheap question about a whole block. See `continues`."""


def join(joiner: Joiner, data: bytes, flush: bool) -> Joined:
    """Find the events in whole lines.

    Args:
        data: whole lines, the first one an event's first. flush: nothing more will come: deliver the last event, too.

    Returns:
        What may be delivered; a last event that may go on is held back. No event is longer than MAX_EVENT_LINES or
        MAX_EVENT_BYTES: what goes on beyond is an event of its own.
    """
    if not joiner.worthwhile(data, flush):
        return Joined(len(data), ())
    lines = data.split(b"\n")
    lines.pop()
    inner: list[int] = []
    begins = first = size = at = 0  # of the present event: byte, line; bytes in it; byte after the last line
    for index, (line, continues) in enumerate(zip(lines, joiner.continues(lines, flush), strict=True)):
        length = len(line) + 1
        if continues and index - first < MAX_EVENT_LINES and size + length <= MAX_EVENT_BYTES:
            inner.append(at - 1)
            size += length
        else:
            begins, first, size = at, index, length
        at += length
    if flush or not joiner.open_ended(lines[first:]):
        return Joined(len(data), tuple(inner))
    if len(lines) - first >= MAX_EVENT_LINES or size >= MAX_EVENT_BYTES:
        return Joined(len(data), tuple(inner))
    return Joined(begins, tuple(position for position in inner if position < begins))


@lru_cache(maxsize=256)
def joiner_of(spec: SourceSpec) -> Joiner | None:
    """What a source's configuration asks for; None: every line is an event."""
    if spec.multiline_start is not None:
        return ByPattern(re.compile(spec.multiline_start.encode()), matches_begin=True)
    if spec.multiline_continue is not None:
        return ByPattern(re.compile(spec.multiline_continue.encode()), matches_begin=False)
    return StackTraces() if spec.multiline == "auto" else None


class ByPattern:
    """`multiline_start`: what matches begins an event. `multiline_continue`: what matches continues one."""

    def __init__(self, pattern: re.Pattern[bytes], *, matches_begin: bool) -> None:
        self._pattern = pattern
        self._matches_begin = matches_begin

    def continues(self, lines: Sequence[bytes], whole: bool) -> Iterator[bool]:
        search, begin = self._pattern.search, self._matches_begin
        for index, line in enumerate(lines):
            yield index > 0 and (search(line) is None) == begin

    def open_ended(self, event: Sequence[bytes]) -> bool:
        return True

    def worthwhile(self, data: bytes, whole: bool) -> bool:
        return True


class _In(Enum):
    """What the lines so far are part of."""

    TEXT = auto()
    PYTHON = auto()  # frames; the exception itself is still to come
    PYTHON_DONE = auto()
    FRAMES = auto()  # Java's and Node's 'at' lines
    PANIC = auto()  # Go's first line
    GO = auto()
    PHP = auto()


_TRACE = rb"(?:Traceback \(most|[ \t]+at |panic: |fatal error: |goroutine |#0 )"
_TRACE_FIRST = re.compile(_TRACE)
_TRACE_LATER = re.compile(rb"\n" + _TRACE)
_TRACE_BYTES = b" \tTpfg#"  # with which it begins
_LARGE_BYTES = 1 << 14
_FEW_LINES = 500
_PYTHON_HEAD = b"Traceback (most recent call last):"
_PYTHON_LINKS = (
    b"During handling of the above exception, another exception occurred:",
    b"The above exception was the direct cause of the following exception:",
)
_PYTHON_EXCEPTION = re.compile(rb"[A-Za-z_][\w.]*(?::|$)")
_AT = re.compile(rb"[ \t]+(?:at \S|\.\.\. \d+ (?:more|common))")
_THROWN = re.compile(
    rb"(?:[ \t]{1,64}|Exception in thread \"[^\"]*\" |Caused by: |Uncaught )?[\w.$]*(?:Exception|Error|Throwable)\b"
)
_SOME_FRAME = b"\tat x"
_THROWN_ANEW = (b"Exception in thread", b"Uncaught ")  # written by the runtime, not under a log line
_AFTER_FRAMES = re.compile(rb"[ \t]+\S|Caused by: |\}|\]")
_PANIC = re.compile(rb"(?:panic: |fatal error: )")
_AFTER_PANIC = re.compile(rb"\s*$|\[signal |goroutine \d+ \[|[ \t]+")
# A function's name may begin with a receiver in parentheses, or with any other of these bytes. What stands behind its
# first '(' is looked at once: of many in a line, each would be tried with each ')'.
_NAME = rb"[\w./*()\[\]{},$\x80-\xff-][\w./*)\[\]{},$\x80-\xff-]*+"
_GO = re.compile(
    rb"\s*$|goroutine \d+ \[|[ \t]+\S|created by |exit status \d+$|%b\((?=.*\)\s*$)" % _NAME,
)
_PHP_HEAD = b"Stack trace:"
_MAY_BEGIN = re.compile(rb"%b|%b\r?$" % (_THROWN.pattern, _PHP_HEAD))  # a trace, though no frame of it is there yet
_PHP_NEXT = b"Next "  # what was thrown while the one before it was dealt with, behind an empty line
_PHP = re.compile(rb"#\d+ |  thrown in |%b" % _PHP_NEXT)


class StackTraces:
    """Joins the stack traces of Python, Java, Node, Go and PHP to the line that they stand under."""

    def continues(self, lines: Sequence[bytes], whole: bool) -> Iterator[bool]:
        state = _In.TEXT
        for index, line in enumerate(lines):
            following = lines[index + 1].rstrip(b"\r") if index + 1 < len(lines) else None
            if following is None and not whole and _THROWN.match(line):
                following = _SOME_FRAME  # as a pipe or a runtime brings it, line by line
            state, joined = _step(state, line.rstrip(b"\r"), following)
            yield joined and index > 0

    def open_ended(self, event: Sequence[bytes]) -> bool:
        # A lone line may be a log message under which the writer is about to put a trace. Waiting for that would hold
        # up every line, so only what has begun to look like a trace is waited for.
        first = event[0]
        return len(event) > 1 or first == _PYTHON_HEAD or bool(_PANIC.match(first) or _THROWN.match(first))

    def worthwhile(self, data: bytes, whole: bool) -> bool:
        if _TRACE_FIRST.match(data) or (not whole and _MAY_BEGIN.match(data, data.rfind(b"\n", 0, -1) + 1)):
            return True
        # Three times as fast where few lines begin so. Not worth importing numpy, which 'logwatchd tail' does without.
        if len(data) >= _LARGE_BYTES and "numpy" in sys.modules:
            from logwatchd.parsing.newlines import beginning_with

            begins = beginning_with(data, _TRACE_BYTES).tolist()
            if len(begins) <= _FEW_LINES:
                return any(_TRACE_FIRST.match(data, begin) for begin in begins)
        return _TRACE_LATER.search(data) is not None


def _step(state: _In, line: bytes, following: bytes | None) -> tuple[_In, bool]:
    """What a line makes of the state, and whether it continues the line before. following: None if it is the last."""
    match state:
        case _In.PYTHON if line[:1] in (b" ", b"\t"):
            return _In.PYTHON, True
        case _In.PYTHON if _PYTHON_EXCEPTION.match(line):
            return _In.PYTHON_DONE, True
        case _In.PYTHON_DONE if line[:1] in (b" ", b"\t") or line in _PYTHON_LINKS:
            return _In.PYTHON_DONE, True
        case _In.PYTHON_DONE if not line and (following in _PYTHON_LINKS or following in (_PYTHON_HEAD, None)):
            return _In.PYTHON_DONE, True
        case _In.FRAMES if _AFTER_FRAMES.match(line):
            return _In.FRAMES, True
        case _In.PANIC if _AFTER_PANIC.match(line):
            return (_In.GO if line.startswith(b"goroutine ") else _In.PANIC), True
        case _In.GO if _GO.match(line):
            return _In.GO, True
        case _In.PHP if _PHP.match(line) or (not line and (following is None or following.startswith(_PHP_NEXT))):
            return _In.PHP, True
    if line == _PYTHON_HEAD:
        return _In.PYTHON, True
    if line == _PHP_HEAD:
        return _In.PHP, True
    if _AT.match(line):
        return _In.FRAMES, True
    if following and _AT.match(following) and _THROWN.match(line):
        return _In.FRAMES, not line.startswith(_THROWN_ANEW)
    return (_In.PANIC if _PANIC.match(line) else _In.TEXT), False
