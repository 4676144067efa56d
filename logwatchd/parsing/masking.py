"""Rules, quickly. Most of them say nothing of blanks: they are asked of words, and nearly every word has been asked of
before, whatever the line. Only what spans words, such as '3.5 seconds', is searched for in whole lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import groupby

from logwatchd.parsing.rules import Rule

MAX_WORDS = 20_000  # that each group of rules remembers
_LONG_WORD = 64  # characters; longer ones hardly come again
_SEES_BLANKS = re.compile(r" |\\[sSWD]|\[\^|(?<!\\)\.(?![^\[]*\])")
_CLASS = r"\[(?:\\.|[^\]\\])*\]"
_BLANK_OR_END = re.compile(rf"\(\?=(?:{_CLASS}\|)+\$\)")  # '(?=[\s,]|$)': a word's end will do as well

Mask = Callable[[str], str]


def compiled(rules: Sequence[Rule]) -> tuple[Mask, ...]:
    """The rules as functions, to be applied to a text one after the other.

    A rule whose expression speaks of no blank is applied word by word. That is the definition, and makes the memory of
    words exact. It is also what the expression finds in the whole line: to `\\\\b`, and to what looks around itself, a
    blank is as good as the line's end.
    """
    masks: list[Mask] = []
    for spans, group in groupby(rules, key=spans_words):
        several = tuple(group)
        masks += map(_of_line, several) if spans else [_of_words(_Words(several))]
    return tuple(masks)


def spans_words(rule: Rule) -> bool:
    """Whether the rule's expression may match, or look at, a blank."""
    return _SEES_BLANKS.search(_BLANK_OR_END.sub("", rule.pattern.pattern)) is not None


def _of_line(rule: Rule) -> Mask:
    substitute, token, needs = rule.pattern.sub, rule.token, rule.needs
    if not needs:
        return lambda text: substitute(token, text)

    def masked(text: str) -> str:
        for need in needs:
            if need in text:
                return substitute(token, text)
        return text

    return masked


def _of_words(words: _Words) -> Mask:
    masked = words.__getitem__
    return lambda text: " ".join(map(masked, text.split(" ")))


class _Words(dict[str, str]):
    """word -> what the rules make of it. Any thread may ask: an entry that is lost is only made again."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        super().__init__()
        self._masks = tuple(map(_of_line, rules))

    def __missing__(self, word: str) -> str:
        text = word
        for mask in self._masks:
            text = mask(text)
        if len(word) <= _LONG_WORD:
            if len(self) >= MAX_WORDS:
                self.clear()
            self[word] = text
        return text
