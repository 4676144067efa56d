"""Rules, quickly: lines are taken apart where no rule looks from one part to the next.

Nearly every part, such as a word, has been masked before, whatever the line, and most of what is new is plain words,
which no rule touches. Only what is left is asked of the rules, many parts at once, and most rules see at a glance that
they find nothing in them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from logwatchd.parsing.hints import BETWEEN
from logwatchd.parsing.rules import AFTER_NUMBERS, Rule

MAX_PARTS = 20_000  # that are remembered
_LONG_PART = 64  # characters; longer ones hardly come again

# A word of letters, with the blanks after it. No rule sees it: names of months and days, and letters that may be digits
# in base 16, are left to the rules. What may belong to a number before it is not looked at here.
_LETTERS = r"(?![A-Z][a-z]{2}(?![a-z])|[a-f]{8})[A-Za-z]++"
_FOREIGN = r"[^\x00-\x7f]++"  # of other scripts
_MIXED = (  # with bytes of other encodings, see `decode`
    rf"(?=[A-Za-z]*+(?:[^\x00-\x7f]|\\x))(?:{_LETTERS}|{_FOREIGN}|\\x[89a-f][1-9a-f])+"
)
_PLAIN = (
    r"(?=[^\x00-')-@\[\]-`{-\x7f])\(?+"  # is soon seen
    rf"(?:{_LETTERS}|{_FOREIGN}(?![A-Za-z\\])|{_MIXED})[,.;:)]?+(?![^\ \n])\ *+"
)
# Any word. In quotes, a value of JSON or logfmt and an access log's request are no words of their own. Between two
# fields of JSON a word ends, though no blank stands there.
_FIELD = r'(?:\{|(?<=,\ ))"[\w.@/-]++":\ "[^"\n]*+'  # what _WORD and _BLANK would make of it, sooner
_QUOTED = r'(?:(?<=[=:]")|(?<=:[^\S\n]")|(?=[A-Z]{3,7}\ /))[^"\n]*+'
_WORD = rf'[^\ "\n]*+(?:"(?:{_QUOTED}|(?!,")[^\ "\n]*+)?)*'
_NAME = r"[A-Z][a-z]{2}"
# Blanks across which a rule may look: within a time, between a number and its unit, a field and its value.
_BLANK = rf"""\ (?:
    (?<=[0ZCTK]\ ) (?: (?=[-+]?0) | (?<=0\ )(?={AFTER_NUMBERS}|{_NAME}\b) )
  | (?<=[a-z,]\ ) (?: (?<=\b{_NAME}\ )(?:(?={_NAME}\b)|\ ?+(?=0)) | (?<=\b{_NAME},\ )(?=[0A-Z])
      | (?<=0,\ )(?=(?:0000\ )?00?[:.]00) )
  | (?<=[":]\ ) (?: (?<="\ )(?=:) | (?<=":\ ) | (?<="\ :\ ) )
)"""
# Python before 3.11.5 raises SystemError at some possessive groups. None is needed here: as the end of it cannot fail,
# nothing is tried twice.
_TAKE_APART = re.compile(rf"((?:\n?+{_PLAIN})*\n?+)((?:{_FIELD})?{_WORD}(?:{_BLANK}{_WORD})*\ *+)", re.VERBOSE).split


class Masking:
    """The rules as one function, which gives what all of them give that are applied to a text one after the other.

    Any thread may call it.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        """rules: those of `rules.RULES`, or some of them; it is they that do not look from part to part."""
        self._parts = _Parts(rules)

    def __call__(self, text: str) -> str:
        """One line of text."""
        return self.lines(text)

    def lines(self, block: str) -> str:
        """Lines with newlines between, each by itself."""
        block = f"\n{block}"
        pieces = _TAKE_APART(block)
        parts = pieces[2::3]
        masked = self._parts.masked(parts)
        if "\n/" in block:  # to 'host', the beginning of a line is not the same as a blank
            for index, (plain, part) in enumerate(zip(pieces[1::3], parts, strict=True)):
                if part[:1] == "/" and plain[-1:] == "\n":
                    masked[index] = self._parts.masked_first(part)
        pieces[2::3] = masked
        return "".join(pieces)[1:]


class _Parts(dict[str, str]):
    """part -> what the rules make of it, which is lost when they are many: any of it is only made again."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        super().__init__()
        self._rules = rules

    def masked(self, parts: Sequence[str]) -> list[str]:
        """What the rules make of parts after a blank."""
        new = [part for part in set(parts) if part not in self]
        if new:
            self.update(zip(new, self._asked(["", *new])[1:], strict=True))
        found = [*map(self.__getitem__, parts)]
        for part in new:
            if len(part) > _LONG_PART:
                self.pop(part, None)
        if len(self) > MAX_PARTS:
            self.clear()
        return found

    def __missing__(self, part: str) -> str:
        """Another thread has thrown it away."""
        return self._asked(["", part])[1]

    def masked_first(self, part: str) -> str:
        """What they make of the first part of a line."""
        return self._asked([part])[0]

    def _asked(self, texts: Sequence[str]) -> list[str]:
        """What the rules make of texts, all but the first of which are after a blank."""
        block = BETWEEN.join(texts)
        apart: list[str] = []  # the block, where it is known
        for rule in self._rules:
            if rule.hint is None:
                block, apart = rule.quick.sub(rule.token, block), []
            elif numbers := rule.hint(block):
                apart = apart or block.split(BETWEEN)
                before = [""] if numbers[0] else []
                found = rule.quick.sub(rule.token, BETWEEN.join([*before, *[apart[number] for number in numbers]]))
                for number, text in zip(numbers, found.split(BETWEEN)[len(before) :], strict=True):
                    apart[number] = text
                block = BETWEEN.join(apart)
        return apart or block.split(BETWEEN)
