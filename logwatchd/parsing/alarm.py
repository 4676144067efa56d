"""Whether a text sounds the alarm by itself, whatever level its writer gave it: words, exceptions, failed statuses."""

from __future__ import annotations

import re

from logwatchd.parsing.failing import EXIT, counts_failures

# Each stands for itself: 'command-errors' is a document's name, 'errors=0' a count, 'no error' the opposite.
_WORDS = (
    r"errors?|err|errno|fail(?:ed|s|ing|ures?)?|faults?|exceptions?|traceback|fatal|panic(?:ked)?|crash(?:ed|es)?"
    r"|abort(?:ed|ing)?|denied|refused|rejected|timeout|time[ -]out|timed[ -]out|expired|unreachable|unavailable"
    r"|cannot|can't|could(?: not|n't)|unable to|no such|no space"
    r"|not (?:found|permitted|allowed|authori[sz]ed|responding|available)"
    r"|too many|exceed(?:ed|s)?|giving up|gave up|invalid|illegal|malformed|mismatch|unexpected|bad|corrupt(?:ed|ion)?"
    r"|segfault|killed|oom|out of memory|lost|missing|broken|deadlock|hung|stuck|degraded|overflow|violation"
    r"|unhandled|uncaught|unrecoverable|uncorrectable|dead|died|wrong|incorrect|unauthori[sz]ed|forbidden|exhausted"
    r"|insufficient|unhealthy|starvation"
)
_NOTHING = r"(?:<N>|0\b|none\b|null\b|nil\b|false\b|no\b|\[\])"  # as a value; or a setting
_WORD = re.compile(
    rf"(?<![\w./-])(?<!\bno )(?<!\b0 )(?<!\bwithout )(?:{_WORDS})"
    rf"(?![\w-]|\.\w|\(s\)|[\"']?[=:] ?(?:{_NOTHING}|\"{_NOTHING}?\"|'{_NOTHING}?'))",
    re.IGNORECASE,
)

_EXCEPTION = re.compile(r"[a-z](?:Error|Exception|Failure)\b")
# Where `slots` keeps a status: behind a request or what is quoted, timers, gin's time, what a cache did; or by name.
_BEHIND = (
    r"(?:\"|<N>|<TIME> \||\bHTTP/(?:<N>|[\d.]+)|\b(?:Completed|Sent)|after <DURATION> -"
    r"|\b(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) \S+(?: ->?| responded)?) "
    r"|\b(?:TCP|UDP)_[A-Z_]{2,32}/|\b[Ss]tatus(?:[ _-]?[Cc]ode)?[\"']?[=: ]{1,3}[\"']?"
)
# And the worst of the colours in which a cluster tells its health, as what it is or has changed to.
_RED = r"\bhealth\b[^\"\n]{1,64} to \[RED\]|\b(?<!previous\.)(?:health|status)\\?[\"']?[=:] ?\\?[\"']?(?:red|RED)\b"
_ANSWER = re.compile(rf"(?:{_BEHIND})5\d\d\b|{_RED}")
_REFUSAL = re.compile(rf"(?P<before>{_BEHIND})(?P<status>4\d\d)\b")
# What a server says of its load, and how a session ended in HAProxy: by the server, or for want of something.
_BUSY = 429
_CUT = re.compile(r"(?:<N>|-) [DIRSs][CDHLQRT](?:[-A-Z]{2})? <N> <N>")
_STATUS = re.compile(rf"(?:{_BEHIND})(?:5\d\d|{_BUSY})\b|{EXIT}[1-9]|{_RED}")


# Whatever _WORD finds has one of these in it as a word of its own, at its beginning or where _BEFORE says; most texts
# have none. Of 'time out', 'could not' and "can't" it is the rarer word.
_TELLING = frozenset(
    b"""
    error errors err errno fail failed fails failing failure failures fault faults exception exceptions
    traceback fatal panic panicked crash crashed crashes abort aborted aborting denied refused rejected
    timeout out expired unreachable unavailable cannot t not unable no too exceed exceeded exceeds giving gave
    invalid illegal malformed mismatch unexpected bad corrupt corrupted corruption segfault killed oom lost
    missing broken deadlock hung stuck degraded overflow violation unhandled uncaught unrecoverable
    uncorrectable dead died wrong incorrect unauthorised unauthorized forbidden exhausted insufficient unhealthy
    starvation
    """.split()
)
# What _WORD finds may begin so many characters before a telling word.
_BEFORE = {
    b"out": (len("time "), len("timed ")),
    b"not": (len("could "),),
    b"t": (len("can'"), len("couldn'")),
}
_ALIKE = {"\u0130": "i", "\u0131": "i", "\u017f": "s", "\u212a": "k"}  # re.IGNORECASE takes one for the other
_SMALL = bytes(ord(chr(byte).lower()) if byte < 0x80 and re.match(r"\w", chr(byte)) else 0x20 for byte in range(256))


def is_alarming(text: str) -> bool:
    """Whether a pattern or a line names a failure: an alarm word, an exception, a 5xx status or 429, a session that a
    server cut, an exit code or a count of failures that is not 0.

    The words are those by which services and shells say that something went wrong, in English only.
    """
    return _has_word(text) or _has_exception(text) or _has_status(text) or counts_failures(text) or _was_cut(text)


def is_failed_answer(text: str) -> bool:
    """Whether a pattern or a line names a 5xx status or a red health, with which a server says that it failed."""
    return (" 5" in text or "/5" in text or "tatus" in text or "ealth" in text) and bool(_ANSWER.search(text))


def refusal(text: str) -> str:
    """The first 4xx status that a pattern or a line names; empty where it names none."""
    found = _REFUSAL.search(text) if "4" in text else None
    return found["status"] if found else ""


def without_refusals(pattern: str) -> str:
    """What it would say if its 4xx statuses were 200."""
    return _REFUSAL.sub(r"\g<before>200", pattern)


def _has_word(text: str) -> bool:
    plain = text
    if not text.isascii():
        for letter, like in _ALIKE.items():
            plain = plain.replace(letter, like)
    # A byte a character, so that places are the same in both.
    words = b" " + plain.encode("ascii", "replace").translate(_SMALL) + b" "
    return any(_stands(word, words, text) for word in _TELLING.intersection(words.split()))


def _stands(word: bytes, words: bytes, text: str) -> bool:
    """Whether _WORD finds something at one of the places of a telling word."""
    alone, leads = b" %b " % word, _BEFORE.get(word, ())
    at = words.find(alone)
    while at >= 0:
        if _WORD.match(text, at) or any(_WORD.match(text, at - lead) for lead in leads if lead <= at):
            return True
        at = words.find(alone, at + 1)
    return False


def _has_exception(text: str) -> bool:
    told = "Error" in text or "Exception" in text or "Failure" in text
    return told and bool(_EXCEPTION.search(text))


def _has_status(text: str) -> bool:
    told = (" 5", "/5", f"{_BUSY}", "tatus", "ealth", "xit")
    return any(map(text.__contains__, told)) and bool(_STATUS.search(text))


def _was_cut(text: str) -> bool:
    return " <N> <N>" in text and bool(_CUT.search(text))
