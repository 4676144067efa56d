"""The command line as data: what the manual page and the completions are made from."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    """flags: such as '--config'; none for an argument by place. value: its placeholder, or "" for a switch."""

    flags: tuple[str, ...]
    value: str
    choices: tuple[str, ...]
    help: str
    required: bool
    repeated: bool


@dataclass(frozen=True, slots=True)
class Command:
    """One verb, such as ('baseline', 'build'), with all that it takes."""

    words: tuple[str, ...]
    help: str
    description: str
    options: tuple[Option, ...]

    @property
    def name(self) -> str:
        return " ".join(self.words)


def commands_of(parser: argparse.ArgumentParser, words: tuple[str, ...] = (), text: str = "") -> Iterator[Command]:
    """All commands that do something, in the order of the help."""
    inner = next((action for action in parser._actions if isinstance(action, argparse._SubParsersAction)), None)
    if inner is None:
        options = tuple(_option(action) for action in parser._actions if "--help" not in action.option_strings)
        yield Command(words, text, parser.description or "", options)
        return
    helps = {action.dest: action.help or "" for action in inner._choices_actions}
    for name, below in inner.choices.items():
        yield from commands_of(below, (*words, name), helps.get(name, ""))


def groups_of(commands: list[Command]) -> dict[str, list[Command]]:
    """Commands by their first word."""
    groups: dict[str, list[Command]] = {}
    for command in commands:
        groups.setdefault(command.words[0], []).append(command)
    return groups


def _option(action: argparse.Action) -> Option:
    choices = tuple(map(str, action.choices or ()))
    value = ""
    if action.nargs != 0:
        metavar = action.metavar if isinstance(action.metavar, str) else None
        value = metavar or ("|".join(choices) if choices else action.dest.upper())
    return Option(
        flags=tuple(action.option_strings),
        value=value,
        choices=choices,
        help=(action.help or "") % {"default": action.default} if action.help else "",
        required=action.required and action.nargs != "*",  # argparse says of that that it is
        repeated=action.nargs in ("*", "+"),
    )
