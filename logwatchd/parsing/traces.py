"""What a stack trace says: the exception and its message. The frames under it are the same fault's way, not its name.

Works on keys whose inner newlines are INNER (see `records.flat`), and on the escaped newlines inside of JSON strings.
"""

from __future__ import annotations

import re

from logwatchd.records import INNER

_NEWLINE = chr(INNER)
# Frames of Python, Java and Node, Go; digits are '0' in a key.
_FRAME = re.compile(r'\s+(?:at \S|File \\?"|\S.*\.go:0)|goroutine 0')
_REST_IS_FRAMES = re.compile(r"goroutine 0|\[signal ")
_HEADS = {
    "Traceback (most recent call last):": "Traceback",
    "During handling of the above exception, another exception occurred:": "",
    "The above exception was the direct cause of the following exception:": "",
}
_FRAMELESS = re.compile(r"\s|[}\])]+$|exit status 0+$|$")
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


def _unescaped(match: re.Match[str]) -> str:
    return f'{match[1]}{_told(_ESCAPED_NEWLINE.split(match[2]))}"'


def _told(lines: list[str]) -> str:
    if not any(_FRAME.match(line.replace("\\t", " ")) for line in lines[1:]):
        return " ".join(lines)
    told = [_HEADS.get(lines[0], lines[0])]
    for line in lines[1:]:
        if _REST_IS_FRAMES.match(line):
            break
        if not _FRAMELESS.match(line.replace("\\t", " ")):
            told.append(_HEADS.get(line, line))
    return " ".join(told)
