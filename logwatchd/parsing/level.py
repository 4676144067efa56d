"""How serious a line says it is, in the many spellings of the field."""

from __future__ import annotations

import re

from logwatchd.parsing.structured import fields_of
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
_PLAIN = "TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|ERR|SEVERE|CRITICAL|CRIT|FATAL|EMERG|EMERGENCY|PANIC"
_UPPER = re.compile(rf"(?<![\w/.-])(?:{_PLAIN}|ALERT)(?![\w/.-]*\w)")
_MARKED = re.compile(
    rf"[\[<|(](?:[\w.-]{{1,32}}:)?({_PLAIN}|alert|DBG|INF|WRN|CRT|FTL)[\]>|)]"
    rf"|\b(?:level|severity|lvl|levelname)[\"']?\s?[=:]\s?[\"']?(\w{{1,16}})"
    rf"|(?:^|[\s\]:])({_PLAIN})\s?:",
    re.IGNORECASE,
)
_KLOG = re.compile(r"^([EWIF])\d{4} \d\d:\d\d:\d\d")
_KLOG_LEVELS = {"E": Level.ERROR, "W": Level.WARNING, "I": Level.INFO, "F": Level.FATAL}
_POSTGRES = re.compile(r"\b(LOG|DEBUG[1-5]|STATEMENT|DETAIL|HINT):  ")
_MAX_CHARS = 1024  # a level stands near a line's beginning; the rest is not worth the time


def level_of(line: str) -> Level:
    """The level that a line names, or UNKNOWN. Works on raw lines and on keys (digits as '0')."""
    head = line[:_MAX_CHARS]
    if head.lstrip()[:1] == "{":
        fields = fields_of(line)
        for name in _FIELDS:
            if name in fields:
                return _named(fields[name])
    klog = _KLOG.match(head)
    if klog:
        return _KLOG_LEVELS[klog[1]]
    upper, marked = _UPPER.search(head), _MARKED.search(head)
    if marked and (not upper or marked.start() <= upper.start()):
        level = _named(next(group for group in marked.groups() if group))
        if level is not Level.UNKNOWN:
            return level
    if upper:
        return _named(upper.group())
    postgres = _POSTGRES.search(head)
    if postgres:
        return _NAMES.get(postgres[1], Level.INFO)
    return Level.UNKNOWN


def _named(word: str) -> Level:
    word = word.strip().upper()
    if word.isdigit() and len(word) < 4:
        number = int(word)
        return _SYSLOG[number] if number < len(_SYSLOG) else _BUNYAN.get(number, Level.UNKNOWN)
    return _NAMES.get(word, Level.UNKNOWN)
