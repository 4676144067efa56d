"""Keys -> patterns: what a line shares with all lines that say the same thing."""

from __future__ import annotations

from operator import add

from logwatchd.parsing.fold import KEPT, alike, key_of, show_kept
from logwatchd.parsing.masking import Masking
from logwatchd.parsing.rules import RULES, ruleset_version
from logwatchd.parsing.traces import without_frames

# Steps outside of the rules (folding, blanks, the cut) count as well: raise it when one of them changes.
NORMALISER_VERSION = f"4-{ruleset_version()}"
MAX_PATTERN_CHARS = 4096
_MASK = Masking(RULES)


def decode(raw: bytes) -> str:
    """Text for people: UTF-8 without its byte order mark, broken bytes visible as \\xNN."""
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = _decode_broken(raw)
    return text.rstrip("\r\n")


def _decode_broken(raw: bytes) -> str:
    if b"\\udc" in raw:
        return raw.decode(errors="backslashreplace")
    # The same, but all of it in C: each broken byte NN as U+DCNN first, and that as \udcNN.
    halves = raw.decode(errors="surrogateescape")
    return halves.encode(errors="backslashreplace").replace(b"\\udc", b"\\x").decode()


def pattern_of_key(key: bytes) -> str:
    """The pattern of every line that has this key.

    Args:
        key: what `fold.key` returned, without a newline.

    Returns:
        One line of text, at most MAX_PATTERN_CHARS characters; empty for an empty line.
    """
    return show_kept(_masked(key).encode()).decode()


def _masked(key: bytes) -> str:
    """The pattern with its kept digits still hidden."""
    return " ".join(_MASK(without_frames(decode(key[: 4 * MAX_PATTERN_CHARS]))).split())[:MAX_PATTERN_CHARS]


class Templates(dict[bytes, str]):
    """Keys -> patterns, masked once for all keys that differ in kept digits only: no mask tells one from another."""

    def __missing__(self, one_key: bytes) -> str:
        found = self[one_key] = _masked(one_key)
        return found

    def pattern_of_key(self, key: bytes) -> str:
        """What the function of this name says."""
        one_key, digits = alike(key)
        if not digits:
            return _masked(key)
        first, *rest = self[one_key].split(KEPT)
        if len(rest) != len(digits):  # some of them are masked, or lie beyond the cut
            return pattern_of_key(key)
        return first + "".join(map(add, digits, rest))


def normalise(line: str) -> str:
    """The pattern of one line of text; the slow path, for one line at a time."""
    return pattern_of_key(key_of(line.encode("utf-8", errors="surrogateescape")))
