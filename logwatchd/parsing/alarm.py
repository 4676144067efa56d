"""Whether a text sounds the alarm by itself, whatever level its writer gave it: words, exceptions, failed statuses."""

from __future__ import annotations

import re

# Each stands for itself: 'command-errors' is a document's name, 'errors=0' a count, 'no error' the opposite.
_WORDS = (
    r"errors?|err|errno|fail(?:ed|s|ing|ures?)?|faults?|exceptions?|traceback|fatal|panic(?:ked)?|crash(?:ed|es)?"
    r"|abort(?:ed|ing)?|denied|refused|rejected|timeout|time[ -]out|timed[ -]out|expired|unreachable|unavailable"
    r"|cannot|can't|could(?: not|n't)|unable to|no such|no space|not (?:found|permitted|allowed|responding|available)"
    r"|too many|exceed(?:ed|s)?|giving up|gave up|invalid|illegal|malformed|mismatch|unexpected|bad|corrupt(?:ed|ion)?"
    r"|segfault|killed|oom|out of memory|lost|missing|broken|deadlock|hung|stuck|degraded|overflow|violation"
    r"|unhandled|uncaught|unrecoverable|uncorrectable|dead"
)
_WORD = re.compile(
    rf"(?<![\w./-])(?<!\bno )(?<!\b0 )(?<!\bwithout )(?:{_WORDS})"
    r"(?![\w-]|\.\w|\(s\)|[=:] ?(?:<N>|0\b|none\b|null\b|nil\b|false\b|no\b|\[\]|\"\"))",
    re.IGNORECASE,
)
_EXCEPTION = re.compile(r"[a-z](?:Error|Exception|Failure)\b")
_STATUS = re.compile(
    r"\" 5\d\d\b|\b[Ss]tatus(?:[ _-]?[Cc]ode)?[\"']?[=: ]{1,3}[\"']?5\d\d\b"
    r"|\b[Ee]xit(?:ed|s)?(?: with)?[ _-]?(?:code|status|value)?[\"']?[=: ]{1,3}[1-9]"
)


def is_alarming(text: str) -> bool:
    """Whether a pattern or a line names a failure: an alarm word, an exception, a 5xx status, an exit code not 0.

    The words are those by which services and shells say that something went wrong, in English only.
    """
    return bool(_WORD.search(text) or _EXCEPTION.search(text) or _STATUS.search(text))
