"""Rules, quickly: a line is taken apart where no rule looks from one part to the next.

Nearly every part, such as a word, has been masked before, whatever the line, and most of what is new is plain words,
which no rule touches. Only what is left is asked of the rules, and of those only such as may find something in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

from logwatchd.parsing.rules import AFTER_NUMBERS, MARKS, Hint, Rule

MAX_PARTS = 20_000  # that are remembered
MAX_CHOICES = 4_000  # of rules, by their marks
_LONG_PART = 64  # characters; longer ones hardly come again
_LONG_MARKS = 64
_OTHERS = bytes(set(range(256)) - set(MARKS.encode()))

# A word of letters, with the blanks after it. No rule sees it: names of months and days, and letters that may be digits
# in base 16, are left to the rules. What may belong to a number before it is not looked at here.
_PLAIN = r"(?![A-Z][a-z]{2}(?![a-z])|[a-f]{8})[A-Za-z]++[,.;:)]?+(?![^\ ])\ *+"
# Any word. In quotes, a value of JSON or logfmt and an access log's request are no words of their own.
_WORD = r'[^\ "]*+(?:"(?:(?:(?<=[=:]")|(?<=:\s")|(?=[A-Z]{3,7}\ /))[^"]*+)?[^\ "]*+)*'
_NAME = r"[A-Z][a-z]{2}"
# Blanks across which a rule may look: within a time, between a number and its unit, a field and its value.
_BLANK = rf"""\ (?:
    (?<=[0ZCT]\ )(?=[-+0])
  | (?<=0\ )(?={AFTER_NUMBERS}|{_NAME}\b)
  | (?<=\b{_NAME}\ )(?:(?={_NAME}\b)|\ ?+(?=0))
  | (?<=\b{_NAME},\ )(?=[0A-Z])
  | (?<="\ )(?=:) | (?<=":\ ) | (?<="\ :\ )
)"""
# Python before 3.11.5 raises SystemError at some possessive groups. None is needed here: as the end of it cannot fail,
# nothing is tried twice.
_TAKE_APART = re.compile(rf"((?:{_PLAIN})*)({_WORD}(?:{_BLANK}{_WORD})*\ *+)", re.VERBOSE).split

Mask = Callable[[str], str]


def compiled(rules: Sequence[Rule]) -> Mask:
    """The rules, as one function that gives what all of them give that are applied to a text one after the other.

    rules: those of `rules.RULES`, or some of them; it is they that do not look from part to part.
    """
    masked = _Parts(_Choices(rules)).__getitem__
    in_turn = _InTurn(rules)

    def mask(text: str) -> str:
        if text[:1] == "/":  # to 'host', the beginning of a line is not the same as a blank
            return in_turn(text)
        parts = _TAKE_APART(text)
        parts[2::3] = map(masked, parts[2::3])
        return "".join(parts)

    return mask


class _InTurn:
    """The definition."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules

    def __call__(self, text: str) -> str:
        for rule in self._rules:
            text = rule.pattern.sub(rule.token, text)
        return text


class _Choices(dict[bytes, tuple[tuple[Hint | None, Mask], ...]]):
    """The marks in a text -> the rules that may find something in it."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        super().__init__()
        self._rules = rules

    def __missing__(self, marks: bytes) -> tuple[tuple[Hint | None, Mask], ...]:
        text = marks.decode()
        found = tuple(
            (rule.hint, partial(rule.pattern.sub, rule.token)) for rule in self._rules if rule.marks.search(text)
        )
        if len(marks) <= _LONG_MARKS:
            if len(self) >= MAX_CHOICES:
                self.clear()
            self[marks] = found
        return found


class _Parts(dict[str, str]):
    """part -> what the rules make of it. Any thread may ask: an entry that is lost is only made again."""

    def __init__(self, choices: _Choices) -> None:
        super().__init__()
        self._choices = choices

    def __missing__(self, part: str) -> str:
        blank = " " if part[:1] == "/" else ""
        text = blank + part
        for hint, mask in self._choices[text.encode(errors="replace").translate(None, _OTHERS)]:
            if hint is None or hint(text):
                text = mask(text)
        text = text[len(blank) :]
        if len(part) <= _LONG_PART:
            if len(self) >= MAX_PARTS:
                self.clear()
            self[part] = text
        return text
