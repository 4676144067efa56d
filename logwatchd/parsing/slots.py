"""Where a shape holds digits that carry meaning: an HTTP status, an exit code, an error number.

They are words, not measurements, so they are kept in the pattern. Where they stand depends on the shape alone.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Collection, Iterable, Iterator, Sequence
from http import HTTPStatus
from itertools import accumulate

from logwatchd.parsing import counts
from logwatchd.parsing.shapes import ZERO

# Where digits that carry meaning stand: data[start:end], and of which kind of `SAYS` they are. There are many, and the
# search for cycles passes over plain tuples.
Slot = tuple[int, int, str]
Slots = tuple[Slot, ...]

_HTTP = frozenset({*HTTPStatus, 444, *range(494, 500), *range(520, 531)})  # nginx's and Cloudflare's as well
# Which numbers are words of a kind; others at its place are measurements: a status of 4675 is no status.
SAYS: dict[str, Collection[int]] = {
    "http": _HTTP,
    "status": _HTTP | frozenset(range(100)),
    "exit": range(256),
    "signal": range(65),
    "code": range(10_000),
    "priority": range(8),  # syslog's; of a queue's others
    "count": (0,),  # of failures, behind its name: there are some or none
    "counted": (0,),  # before its name
}
COUNTS = ("count", "counted")
MAX_KEPT = 4  # digits; in all of these
MAX_SLOTS = 16  # of a text, the first ones: a line of thousands of statuses is a table of measurements

# Read backwards, from the number's last digit on, for numbers are rarer than letters: what is before the number comes
# after it. A status of HTTP follows the request: its protocol, its target, or the quotes that stand first behind the
# time, whatever is in them. What follows other quotes, as a referer's or an agent's, is a measurement. HAProxy's status
# follows its five timers, those of Amazon's load balancers a target and three times, Squid's what the cache did, gin's
# the time, those of Rails, Phoenix and .NET a word. Other kinds have a name, counts of failures before or behind them.
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_REQUEST = (
    r"""(?:>?-\ |dednopser\ )?"?[^\ "\n]{1,255}+(?:(?<=/)|(?<=//:ptth)|(?<=//:sptth)|(?<=>HTAP<))"""
    rf"""\ (?:{"|".join(_METHODS)[::-1]})\b"""
)
_TIMERS = r"\ (?:(?:0++|-)\ )?(?:0++(?:\.0++|-)\ ){3}(?:0++:|-\ )"
_CACHED = r"/(?:[A-Z][A-Z_]{1,31}_(?:PCT|PDU)|ENON)\b"
_DONE = r"\ (?:(?:(?<=[A-Z]\ 0\ )|(?<=[A-Z]\ 000\ ))detelpmoC|(?:(?<=ni\ 0\ )|(?<=ni\ 000\ ))tneS|-\ sm[0.]++\ retfa)\b"


def _read_backwards(words: Iterable[str]) -> str:
    """Words in small letters, with a first one that may be a capital."""
    return "|".join(rf"{re.escape(word[:0:-1])}[{word[0]}{word[0].upper()}]" for word in words)


def _after(words: Iterable[str]) -> str:
    """Whether one of these words, and no other's name, stands after a number whose last digit was read."""
    return "|".join(rf"(?<=(?<![A-Za-z0_=:]){_read_backwards([word])}\ 0)" for word in words)


_FIRST, _SECOND = ("".join(sorted({word[place] for word in (*counts.COUNTED, *counts.LISTED)})) for place in range(2))
_SUFFIX = rf"(?:{'|'.join(re.escape(suffix[::-1]) for suffix in counts.SUFFIXES)})"
_CAPITALS = [name.upper() for name in counts.NAMES]
_COUNT = (
    rf"(?:{_SUFFIX}(?:{_read_backwards(counts.COUNTABLE)})|{_read_backwards(counts.NAMES)})"
    rf"(?:(?<=[A-Z])(?![A-Z])|(?![A-Za-z]))|(?:{'|'.join(name[::-1] for name in _CAPITALS)})(?![A-Za-z])"
)
_ENDS = "|".join(sorted({word[:0:-1][:3] for word in (*counts.NAMES, *_CAPITALS, "count", "total")}))


def _backwards(request: str) -> re.Pattern[bytes]:
    """request: what a status may be behind that follows a request's target."""
    return re.compile(
        rf"""
        0(?<![0A-Za-z_.:/-]0)  # no part of a longer number or word
        (?: 0*+
            (?= \ (?:"|\|\ 0|detel|tneS|-\ sm{request}) | /[A-Z] | {_TIMERS}  # what it may be behind is soon seen
              | ["'=:\ \#\[(_-]++ (?: [0.]*+[+-]?/|edo|sutat|eulav|htiw|de|s?tix|cr|ter|langi|GI|onr|leve|lvl|ytir|YTIR
                                 | rorr|{_ENDS} ) )
            (?: (?P<exit> [=:\ ]{{1,3}}["']?(?:edoc|sutats|eulav)?[ _-]?(?:htiw\ )?(?:de|s)?tix[Ee]\b
                        | -?[=:\ \#\[(]{{1,3}}["']?(?:denruter|cr|ter)\b )
              | (?P<status> ["']?[=:\ ]{{1,3}}["']?(?:edo[Cc][ _-]?)?sutat[Ss]\b )
              | (?P<signal> [=:\ \#\[(]{{1,3}}["']?(?:langi[Ss]|GIS)\b )
              | (?P<code> (?:-|["'])?[=:\ \#\[(]{{1,3}}
                          (?: (?<==)rre | ["']?(?:onrre|level(?:gol)?|lvl|ytireves|edo[Cc]|rorr[Ee]) )\b )
              | (?P<priority> ["']?\ ?[=:]["']?(?:ytiroirp|YTIROIRP)\b )
              | (?P<count> ["']?\ {{0,3}}[=:]\ ?["']?(?:{_COUNT}) )
              | (?P<http> (?={_TIMERS}|{_CACHED}|{_DONE} | \ (?: (?:"\\?|')?(?:0\.)?0/PTTH\b | "[^"\n]{{0,255}}"\\?\ \]
                               | 0+[+-]?(?:/0+[+-]?){{4}}[ ] | \|\ 00:00:00\ -[ ] {request} )) ) )
          | (?<=[{_SECOND}][{_FIRST}{_FIRST.upper()}]\ 0|p\ %0)
            (?: (?:{_after(counts.COUNTED)}|(?<=ssol\ tekcap\ %0))0*+(?![0A-Za-z_.:/-])
              | (?:{_after(counts.LISTED)})0*+(?=\ (?:[,;:|=(\[]|(?:dna|htiw)\ )|[(\[]|\n|\Z) )
            (?P<counted>) )
        """.encode(),
        re.VERBOSE,
    )


_BACKWARDS, _BACKWARDS_TO_REQUESTS = _backwards(""), _backwards(f"|{_REQUEST}")
_TARGETS = (b" /", b" http", b" <PATH>")  # with one of these a target begins, in a pattern with the last


def meaningful(text: bytes) -> Slots:
    """Where a shape or a skeleton (without its newline) holds digits that carry meaning."""
    return next(meaningful_in([text]), (0, ()))[1]


def meaningful_in(texts: Sequence[bytes]) -> Iterator[tuple[int, Slots]]:
    """The same of several, by their numbers; those without any are left out."""
    block = b"\n".join(texts)
    size = len(block)
    ends: list[int] = []  # of each text behind its newline
    slots: dict[int, list[Slot]] = {}  # of each text, the last one first
    find = _BACKWARDS_TO_REQUESTS if any(map(block.__contains__, _TARGETS)) else _BACKWARDS
    for match in find.finditer(block[::-1]):
        ends = ends or [*accumulate(len(text) + 1 for text in texts)]
        kind = match.lastgroup or ""
        start, end = size - match.start(kind), size - match.start()
        number = bisect(ends, start)
        begins = ends[number] - len(texts[number]) - 1
        slots.setdefault(number, []).append((start - begins, end - begins, kind))
    for number, found in reversed(slots.items()):
        yield number, tuple(found[: -MAX_SLOTS - 1 : -1])


def places(shape: bytes, bare: bytes, slots: Slots) -> Slots:
    """Where the slots of a shape's skeleton `bare` stand in the shape itself; none where that cannot be told."""
    found: list[Slot] = []
    rest, passed = shape, 0  # the shape from the word on that bare[passed] is in
    for start, _, kind in slots:
        lead = bare[bare.rfind(b" ", 0, start) + 1 : start]
        blanks = bare.count(b" ", passed, start)
        words = rest.split(b" ", blanks)
        rest, passed = words[-1], start
        # Of bytes that are no text, words are left out.
        if ZERO in lead or len(words) <= blanks or not rest.startswith(lead):
            again = meaningful(shape)
            return again if [kind for _, _, kind in again] == [kind for _, _, kind in slots] else ()
        number = rest[len(lead) :]
        begin, digits = len(shape) - len(number), len(number) - len(number.lstrip(b"0"))
        if not digits:
            return ()
        found.append((begin, begin + digits, kind))
    return tuple(found)


def kept(data: bytes, slots: Slots, line: int = 0) -> bytes:
    """The digits at these slots of the line that begins at data[line], with a comma between."""
    if len(slots) == 1:
        start, end, _ = slots[0]
        return data[line + start : line + end]
    return b",".join([data[line + start : line + end] for start, end, _ in slots])
