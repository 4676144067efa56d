"""Keys -> patterns: what a line shares with all lines that say the same thing."""

from __future__ import annotations

from collections.abc import Sequence

from logwatchd.parsing.keys import KEPT, alike, key_of, show_kept
from logwatchd.parsing.masking import Masking
from logwatchd.parsing.rules import RULES, ruleset_version
from logwatchd.parsing.traces import may_have_frames, without_frames

# Steps outside of the rules (folding, blanks, the cut) count as well: raise it when one of them changes.
NORMALISER_VERSION = f"10-{ruleset_version()}"
MAX_PATTERN_CHARS = 4096
MAX_KEY_BYTES = 4 * MAX_PATTERN_CHARS  # what lies beyond is not looked at
_BOM = b"\xef\xbb\xbf"
_RARE_BLANKS = "\v\f\r\t\x1c\x1d\x1e\x1f"
_MASK = Masking(RULES)


def decode(raw: bytes) -> str:
    """Text for people: UTF-8 without its byte order mark, broken bytes visible as \\xNN."""
    return _decoded(raw.removeprefix(_BOM)).rstrip("\r\n")


def decode_all(lines: Sequence[bytes]) -> list[str]:
    """What `decode` says of each; of lines without their newline."""
    block = b"\n".join(lines)
    if _BOM in block or b"\r" in block:
        return [*map(decode, lines)]
    return _decoded(block).split("\n") if lines else []


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        pass
    if b"\\udc" in raw:
        return raw.decode(errors="backslashreplace")
    # The same, but all of it in C: each broken byte NN as U+DCNN first, and that as \udcNN.
    halves = raw.decode(errors="surrogateescape")
    return halves.encode(errors="backslashreplace").replace(b"\\udc", b"\\x").decode()


def pattern_of_key(key: bytes) -> str:
    """The pattern of every line that has this key.

    Args:
        key: what `keys.key` returned, without a newline.

    Returns:
        One line of text, at most MAX_PATTERN_CHARS characters; empty for an empty line.
    """
    return show_kept(_masked(key).encode()).decode()


def patterns_of(texts: Sequence[str]) -> list[str]:
    """The patterns of decoded keys of up to MAX_KEY_BYTES, with their kept digits still hidden."""
    block = "\n".join(texts)
    if may_have_frames(block):
        block = "\n".join(map(without_frames, texts))
    block = _MASK.lines(block)
    if "  " in block or not block.isascii() or any(map(block.__contains__, _RARE_BLANKS)):
        patterns = [" ".join(line.split()) for line in block.split("\n")]
    else:
        patterns = [*map(str.strip, block.split("\n"))]
    if max(map(len, patterns)) > MAX_PATTERN_CHARS:
        patterns = [pattern[:MAX_PATTERN_CHARS] for pattern in patterns]
    return patterns if texts else []


def _masked(key: bytes) -> str:
    """The pattern with its kept digits still hidden."""
    return patterns_of([decode(key[:MAX_KEY_BYTES])])[0]


class Templates(dict[bytes, str]):
    """Keys -> patterns, masked once for all keys that differ in kept digits only: no mask tells one from another."""

    def learn(self, some: Sequence[bytes]) -> None:
        """Mask at once what is going to be asked: `alike` keys."""
        new = [one_key for one_key in dict.fromkeys(some) if one_key not in self and len(one_key) <= MAX_KEY_BYTES]
        self.update(zip(new, patterns_of(decode_all(new)), strict=True))

    def __missing__(self, one_key: bytes) -> str:
        found = self[one_key] = _masked(one_key)
        return found

    def pattern_of_key(self, key: bytes) -> str:
        """What the function of this name says."""
        one_key, digits = alike(key)
        if not digits:
            return _masked(key)
        pattern = self[one_key]
        if pattern.count(KEPT) != len(digits):  # some of them are masked, or lie beyond the cut
            return pattern_of_key(key)
        for digit in digits:
            pattern = pattern.replace(KEPT, digit, 1)
        return pattern


def normalise(line: str) -> str:
    """The pattern of one line of text; the slow path, for one line at a time."""
    raw = line.encode("utf-8", errors="surrogateescape")
    return pattern_of_key(key_of(raw.replace(b"\n", b" ")))
