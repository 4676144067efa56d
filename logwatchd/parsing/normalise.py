"""Keys -> patterns: what a line shares with all lines that say the same thing."""

from __future__ import annotations

from logwatchd.parsing.fold import key_of, show_kept
from logwatchd.parsing.masking import compiled
from logwatchd.parsing.rules import RULES, ruleset_version
from logwatchd.parsing.traces import without_frames

# Steps outside of the rules (folding, blanks, the cut) count as well: raise it when one of them changes.
NORMALISER_VERSION = f"4-{ruleset_version()}"
MAX_PATTERN_CHARS = 4096
_MASKS = compiled(RULES)


def decode(raw: bytes) -> str:
    """Text for people: UTF-8 without its byte order mark, broken bytes visible as \\xNN."""
    return raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="backslashreplace").rstrip("\r\n")


def pattern_of_key(key: bytes) -> str:
    """The pattern of every line that has this key.

    Args:
        key: what `fold.key` returned, without a newline.

    Returns:
        One line of text, at most MAX_PATTERN_CHARS characters; empty for an empty line.
    """
    text = without_frames(decode(key[: 4 * MAX_PATTERN_CHARS]))
    for mask in _MASKS:
        text = mask(text)
    text = show_kept(text.encode("utf-8", errors="replace")).decode("utf-8", errors="replace")
    return " ".join(text.split())[:MAX_PATTERN_CHARS]


def normalise(line: str) -> str:
    """The pattern of one line of text; the slow path, for one line at a time."""
    return pattern_of_key(key_of(line.encode("utf-8", errors="surrogateescape")))
