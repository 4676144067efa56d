"""How serious a line says it is, in the many spellings of the field."""

from __future__ import annotations

import re

from logwatchd.parsing.structured import field_of
from logwatchd.records import Level

_NAMES: dict[str, Level] = {
    **dict.fromkeys(("TRACE", "FINEST", "FINER", "VERBOSE", "SILLY"), Level.TRACE),
    **dict.fromkeys(("DEBUG", "DBG", "FINE", "DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5"), Level.DEBUG),
    **dict.fromkeys(("INFO", "INF", "INFORMATION", "INFORMATIONAL", "LOG", "CONFIG"), Level.INFO),
    "NOTICE": Level.NOTICE,
    **dict.fromkeys(("WARN", "WARNING", "WRN"), Level.WARNING),
    **dict.fromkeys(("ERROR", "ERR", "SEVERE", "FAILURE", "ERRO"), Level.ERROR),
    **dict.fromkeys(("CRITICAL", "CRIT", "CRT"), Level.CRITICAL),
    **dict.fromkeys(("FATAL", "FTL", "ALERT", "EMERG", "EMERGENCY", "PANIC"), Level.FATAL),
}
_FIELDS = ("level", "severity", "lvl", "loglevel", "log.level", "levelname", "priority", "@level", "severity_text")
# Numbers of Bunyan and pino; of syslog below ten.
_BUNYAN = {10: Level.TRACE, 20: Level.DEBUG, 30: Level.INFO, 40: Level.WARNING, 50: Level.ERROR, 60: Level.FATAL}
_PRIORITIES = frozenset("1234567")
_SYSLOG = (
    Level.FATAL,
    Level.FATAL,
    Level.CRITICAL,
    Level.ERROR,
    Level.WARNING,
    Level.NOTICE,
    Level.INFO,
    Level.DEBUG,
)

# Words that mean a level only where a level stands: FINE, LOG, CONFIG and FAILURE are also plain English.
_PLAIN = "TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|CRITICAL|CRIT|FATAL|EMERG|EMERGENCY|PANIC"
_UPPER = re.compile(
    rf"(?<![\w/.-])(?:{_PLAIN}|ALERT)(?![\w/.-]*\w)"
    # Celery's ': ERROR/MainProcess]' and Monolog's 'production.ERROR: '.
    rf"|(?<=: )(?:{_PLAIN})(?=/[\w-]{{1,64}}\])|(?<=[a-z]\.)(?:{_PLAIN}|ALERT)(?=: )"
)
_FIELD = r"\b(?:level|severity|lvl|levelname)[\"']?\s?[=:]\s?[\"']?(\w{1,16})"
_MARKED = re.compile(
    rf"[\[<|(](?:[\w.-]{{1,32}}:|[\d:.]{{5,16}} )?({_PLAIN}|alert|DBG|INF|WRN|CRT|FTL)[\]>|)]"
    rf"|{_FIELD}"
    # "..., info: ..." in the midst of a sentence is one of its fields, and would make little of what it says.
    rf"|(?:^|[\s\]:])(?!(?<=,\s)(?:info|notice|debug|trace)\b)({_PLAIN})\s?:",
    re.IGNORECASE,
)
_KLOG = re.compile(r"^([EWIF])\d{1,8} \d\d:\d\d:\d\d")  # a key has fewer digits than the line
_KLOG_LEVELS = {"E": Level.ERROR, "W": Level.WARNING, "I": Level.INFO, "F": Level.FATAL}
_POSTGRES = re.compile(r"\b(LOG|DEBUG[1-5]|STATEMENT|DETAIL|HINT):  ")
_MAX_CHARS = 1024  # a level stands near a line's beginning; the rest is not worth the time

# Whatever _UPPER and _MARKED find has one of these in it, as a word of its own but for its case.
_BEFORE_COLON = {name.encode(): _NAMES[name] for name in _PLAIN.split("|")}
_UPRIGHT = {**_BEFORE_COLON, b"ALERT": Level.FATAL}
_BRACKETED = {**_UPRIGHT, **{name.encode(): _NAMES[name] for name in ("DBG", "INF", "WRN", "CRT", "FTL")}}
_FIELD_NAMES = frozenset((b"LEVEL", b"SEVERITY", b"LVL", b"LEVELNAME"))
_NAMING = frozenset((*_BRACKETED, *_FIELD_NAMES))
_OPENING, _CLOSING = frozenset((b"[", b"<", b"|", b"(")), frozenset((b"]", b">", b"|", b")"))
_APART = frozenset((b" ", b""))
_NAMES_THERE = re.compile(rb"(?<![^ ])(?:%b)(?![^ ])" % b"|".join(sorted(_NAMING))).finditer
# What stands behind a name that _MARKED finds; what is no ASCII may be a blank.
_MAY_FOLLOW = re.compile(rb"[\]>|)]|[\"']?[\x00-\x20\x80-\xff]{0,3}[=:]").match
_FIELD_THERE = re.compile(_FIELD, re.IGNORECASE).match
_WORDS = bytes(ord(chr(byte).upper()) if byte < 0x80 and re.match(r"\w", chr(byte)) else 0x20 for byte in range(256))
_DOTTED_I, _DOTLESS_I, _LONG_S = "\u0130\u0131\u017f"  # an I or an S as well, where case is ignored
_BEFORE = 34  # characters that _MARKED may take before such a word


def level_of(line: str) -> Level:
    """The level that a line names, or UNKNOWN. Works on raw lines and on keys (digits as '0')."""
    head = line[:_MAX_CHARS]
    if "{" in head and head.lstrip()[:1] == "{":
        found = field_of(line, _FIELDS)
        if found is not None:
            name, value = found
            # Others are a queue's, and in a key a 0.
            other = name == "priority" and value.isdecimal() and value not in _PRIORITIES
            return Level.UNKNOWN if other else _named(value)
    if head[:1] in "EWIF":
        klog = _KLOG.match(head)
        if klog:
            return _KLOG_LEVELS[klog[1]]
    level = _written(head)
    if level is not Level.UNKNOWN or ":  " not in head:
        return level
    postgres = _POSTGRES.search(head)
    return _NAMES.get(postgres[1], Level.INFO) if postgres else Level.UNKNOWN


def _written(head: str) -> Level:
    """What `_searched` finds. Nearly all texts show by their words where to look."""
    raw = head.encode(errors="replace")
    if len(raw) > len(head) and (_DOTTED_I in head or _DOTLESS_I in head or _LONG_S in head):
        return _searched(head, 0)
    words = raw.translate(_WORDS)
    each = words.split()
    if _NAMING.isdisjoint(each):
        return Level.UNKNOWN
    word = next(filter(_NAMING.__contains__, each))
    at = words.find(word)
    end = at + len(word)
    if not (raw[at:end] in _UPRIGHT or _MAY_FOLLOW(raw, end)):
        place = _further(raw, words, each, at, end)
        if place is None:
            return Level.UNKNOWN
        at, end = place
        word = words[at:end]
    before, after = raw[at - 1 : at], raw[end : end + 1]
    if before in _OPENING and after in _CLOSING and word in _BRACKETED:
        return _BRACKETED[word]
    if before in _APART:
        if after == b":" and word in _BEFORE_COLON and raw[at - 2 : at - 1] != b",":
            return _BEFORE_COLON[word]
        if after in _APART and raw[at:end] == word and word in _UPRIGHT and raw[end + 1 : end + 2] != b":":
            return _UPRIGHT[word]
    first = len(raw[:at].decode())
    # A bracket before the field, with which _MARKED might begin, would make no other level of it.
    if word in _FIELD_NAMES and (field := _FIELD_THERE(head, first)) and (level := _named(field[1])):
        return level
    return _searched(head, first)


def _further(raw: bytes, words: bytes, each: list[bytes], at: int, end: int) -> tuple[int, int] | None:
    """Where the first naming word in capitals, or before what may follow one, stands. at, end: of one that is not."""
    if len([*filter(_NAMING.__contains__, each)]) == 1 and not (words[at - 1 : at] + words[end : end + 1]).strip():
        return None  # as in "an error of"; where it stands in a longer word, it comes again
    spans = (match.span() for match in _NAMES_THERE(words, at))
    return next(((at, end) for at, end in spans if raw[at:end] in _UPRIGHT or _MAY_FOLLOW(raw, end)), None)


def _searched(head: str, first: int) -> Level:
    """The level that _UPPER and _MARKED name. first: before it no word stands that either needs."""
    marked = _MARKED.search(head, max(0, first - _BEFORE))
    upper = None if marked and marked.start() <= first else _UPPER.search(head, first)
    if marked and (upper is None or marked.start() <= upper.start()):
        level = _named(next(group for group in marked.groups() if group))
        if level is not Level.UNKNOWN:
            return level
        upper = _UPPER.search(head, first)
    return _named(upper.group()) if upper else Level.UNKNOWN


def _named(word: str) -> Level:
    word = word.strip().upper()
    if word.isdecimal() and len(word) < 4:  # a superscript is a digit, too, and no number
        number = int(word)
        return _SYSLOG[number] if number < len(_SYSLOG) else _BUNYAN.get(number, Level.UNKNOWN)
    return _NAMES.get(word, Level.UNKNOWN)
