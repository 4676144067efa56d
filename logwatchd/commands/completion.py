"""`logwatchd completion`: what bash, zsh and fish complete, made from the command line itself."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator

from logwatchd.commands.outline import Command, Option, commands_of, groups_of
from logwatchd.errors import Exit


def run(shell: str, parser: argparse.ArgumentParser) -> Exit:
    """Print the completion script for a shell."""
    sys.stdout.write(script_for(shell, parser))
    return Exit.OK


def script_for(shell: str, parser: argparse.ArgumentParser) -> str:
    """What the shell is to read. shell: bash, zsh or fish."""
    makers: dict[str, Callable[[list[Command]], Iterator[str]]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    return "\n".join(makers[shell](list(commands_of(parser)))) + "\n"


def _flags(command: Command) -> list[str]:
    return [flag for option in command.options for flag in option.flags] + ["--help"]


def _choices(command: Command) -> list[str]:
    """What an argument by place may be."""
    return [choice for option in command.options if not option.flags for choice in option.choices]


def _bash(commands: list[Command]) -> Iterator[str]:
    groups = groups_of(commands)
    yield "# bash completion for logwatchd"
    yield "_logwatchd() {"
    yield "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words='' at='' each"
    yield '  for each in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do'
    yield "    case $at in"
    yield f"      '') case $each in {'|'.join(groups)}) at=$each ;; esac ;;"
    for name, members in groups.items():
        if len(members) > 1:
            inner = "|".join(command.words[1] for command in members)
            yield f'      {name}) case $each in {inner}) at="{name} $each" ;; esac ;;'
    yield "    esac"
    yield "  done"
    yield '  case "$at $before" in'
    for command in commands:
        for option in command.options:
            for flag in option.flags if option.choices else ():
                yield f"    '{command.name} {flag}') words='{' '.join(option.choices)}' ;;"
    yield "    *) case $at in"
    yield f"      '') words='{' '.join(groups)} --help --version' ;;"
    for name, members in groups.items():
        if len(members) > 1:
            yield f"      {name}) words='{' '.join(command.words[1] for command in members)} --help' ;;"
    for command in commands:
        yield f"      '{command.name}')"
        yield f"        if [[ $word == -* ]]; then words='{' '.join(_flags(command))}'"
        yield f"        else words='{' '.join(_choices(command))}'; fi ;;"
    yield "    esac ;;"
    yield "  esac"
    yield '  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")'
    yield "  if [[ ! $words ]]; then"
    yield "    compopt -o filenames 2>/dev/null"
    yield '    mapfile -t COMPREPLY < <(compgen -f -- "$word")'
    yield "  fi"
    yield "}"
    yield "complete -F _logwatchd logwatchd"


def _zsh(commands: list[Command]) -> Iterator[str]:
    yield "#compdef logwatchd"
    yield "local -a args"
    yield '_logwatchd_verbs() { local -a verbs; verbs=("$@"); _describe verb verbs }'
    groups = groups_of(commands)
    yield "case $words[2] in"
    for name, members in groups.items():
        if len(members) == 1:
            yield f"  {name}) shift words; (( CURRENT-- )); _arguments -S {_zsh_arguments(members[0])} ;;"
            continue
        yield f"  {name})"
        yield "    case $words[3] in"
        for command in members:
            arguments = _zsh_arguments(command)
            yield f"      {command.words[1]}) shift 2 words; (( CURRENT -= 2 )); _arguments -S {arguments} ;;"
        yield f"      *) _logwatchd_verbs {' '.join(_zsh_verb(c.words[1], c.help) for c in members)} ;;"
        yield "    esac ;;"
    verbs = (_zsh_verb(name, members[0].help if len(members) == 1 else "") for name, members in groups.items())
    yield f"  *) _logwatchd_verbs {' '.join(verbs)} --help --version ;;"
    yield "esac"


def _zsh_verb(name: str, text: str) -> str:
    return _quoted(f"{name}:{text}" if text else name)


def _zsh_arguments(command: Command) -> str:
    return " ".join(_quoted(_zsh_argument(option)) for option in command.options) + " '--help[help]'"


def _zsh_argument(option: Option) -> str:
    action = f"({' '.join(option.choices)})" if option.choices else "_files"
    value = option.value.replace(":", " ")
    if not option.flags:
        return f"{'*' if option.repeated else ''}:{value}:{action}"
    text = "".join(" " if char in "[]:" else char for char in option.help)
    head = f"{'*' if option.repeated else ''}{option.flags[0]}[{text}]"
    return f"{head}:{value}:{action}" if option.value else head


def _fish(commands: list[Command]) -> Iterator[str]:
    groups = groups_of(commands)
    yield "# fish completion for logwatchd"
    yield "complete -c logwatchd -f"
    first = f"not __fish_seen_subcommand_from {' '.join(groups)}"
    yield f"complete -c logwatchd -n {_quoted(first)} -l version -d 'show the version'"
    for name, members in groups.items():
        text = members[0].help if len(members) == 1 else ""
        yield f"complete -c logwatchd -n {_quoted(first)} -a {name} -d {_quoted(text)}"
        for command in members if len(members) > 1 else ():
            inner = " ".join(member.words[1] for member in members)
            where = f"__fish_seen_subcommand_from {name}; and not __fish_seen_subcommand_from {inner}"
            yield f"complete -c logwatchd -n {_quoted(where)} -a {command.words[1]} -d {_quoted(command.help)}"
    for command in commands:
        where = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in command.words)
        for option in command.options:
            yield f"complete -c logwatchd -n {_quoted(where)}{_fish_option(option)}"


def _fish_option(option: Option) -> str:
    parts = [f" -l {flag[2:]}" for flag in option.flags if flag.startswith("--")]
    if option.choices:
        parts.append(f" {'-x ' if option.flags else ''}-a {_quoted(' '.join(option.choices))}")
    elif option.value:
        parts.append(" -r -F" if option.flags else " -F")
    return "".join(parts) + (f" -d {_quoted(option.help)}" if option.help else "")


def _quoted(text: str) -> str:
    """For all three shells; an apostrophe would end the quotation in each of them in another way."""
    return "'" + text.replace("'", "\u2019") + "'"
