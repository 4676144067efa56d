"""What a stack trace says: the exception and its message. The frames under it are the same fault's way, not its name.

Works on keys whose inner newlines are INNER (see `records.flat`), and on the escaped newlines inside of JSON strings.
Of raw events it leaves out only what would else be more than is judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from logwatchd.parsing.shapes import MAX_JUDGED_BYTES, shapes
from logwatchd.records import INNER

_NEWLINE = chr(INNER)
_RAW_NEWLINE = bytes([INNER])
# Frames of Python, Java and Node, Go, PHP; digits are '0' in a key.
_FRAME = re.compile(r'\s+(?:at \S|File \\?"|\S.*\.go:0)|goroutine 0|#0+ ')
_REST_IS_FRAMES = re.compile(r"goroutine 0|\[signal ")
_HEADS = {
    "Traceback (most recent call last):": "Traceback",
    "Stack trace:": "",
    "During handling of the above exception, another exception occurred:": "",
    "The above exception was the direct cause of the following exception:": "",
}
# As Tomcat indents it with its frames under the line that they belong to.
_INDENTED = r"\s{1,64}(?:Caused by: )?[\w.$]{1,256}(?:Exception|Error|Throwable)(?::|$)"
_FRAMELESS = re.compile(rf"(?!{_INDENTED})\s|#0+ |[}}\])]+$|exit status 0+$|$")
_ESCAPED = re.compile(
    r'("(?:[\w.-]{0,64}[._-])?(?:stack_?trace|stack|traceback|backtrace|exc_?info|exception|error)"\s?:\s?")'
    r'((?:[^"\\]|\\.){1,16384})"',
    re.IGNORECASE,
)
_ESCAPED_NEWLINE = re.compile(r"(?:\\r)?\\n")


def may_have_frames(text: str) -> bool:
    """Whether `without_frames` may change a text, or a line of several."""
    return _NEWLINE in text or ("\\n" in text and '"' in text)


def without_frames(text: str) -> str:
    """An event's text with the frames of its stack trace left out; other texts of several lines stay whole."""
    if "\\n" in text and '"' in text:
        text = _ESCAPED.sub(_unescaped, text)
    if _NEWLINE not in text:
        return text
    return _told(text.split(_NEWLINE))


def shortened(data: bytes) -> bytes:
    """Raw lines, of which those that are longer than MAX_JUDGED_BYTES keep one frame of their stack trace.

    `without_frames` says the same of it: what stands behind many frames, such as the cause, is judged as well.
    """
    if _RAW_NEWLINE not in data or len(data) <= MAX_JUDGED_BYTES:
        return data
    lines = data.split(b"\n")
    if max(map(len, lines)) <= MAX_JUDGED_BYTES:
        return data
    return b"\n".join(_shortened(line) if len(line) > MAX_JUDGED_BYTES else line for line in lines)


def _shortened(raw: bytes) -> bytes:
    lines = raw.split(_RAW_NEWLINE)
    shown = shapes(raw).decode(errors="replace").split(_NEWLINE)
    frame = next((index for index, line in enumerate(shown) if index and _is_frame(line)), None)
    if frame is None:
        return raw
    return _RAW_NEWLINE.join(lines[index] for index in sorted({0, frame, *_telling(shown)}))


def _unescaped(match: re.Match[str]) -> str:
    return f'{match[1]}{_told(_ESCAPED_NEWLINE.split(match[2]))}"'


def _told(lines: list[str]) -> str:
    if not any(map(_is_frame, lines[1:])):
        return " ".join(lines)
    return " ".join(_HEADS.get(lines[index], lines[index]) for index in (0, *_telling(lines)))


def _is_frame(line: str) -> bool:
    return _FRAME.match(line.replace("\\t", " ")) is not None


def _telling(lines: list[str]) -> Iterator[int]:
    """Which lines of a trace, behind the first, are none of its frames."""
    for index, line in enumerate(lines):
        if index and _REST_IS_FRAMES.match(line):
            return
        if index and not _FRAMELESS.match(line.replace("\\t", " ")):
            yield index
