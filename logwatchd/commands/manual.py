"""`logwatchd manual`: the manual pages and journald's catalog, made from what the program itself says.

logwatchd.1 is made from the command line's own help, logwatchd.toml.5 from the commented configuration, and the
catalog from the names of all events.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator

from logwatchd import __version__
from logwatchd.commands.catalog import catalog
from logwatchd.commands.outline import Command, Option, commands_of
from logwatchd.commands.reference import Section, sections
from logwatchd.errors import Exit

_EXIT = {
    Exit.OK: "All went well.",
    Exit.ANOMALY: "scan, watch, explain: anomalies were found; baseline diff: verdicts change; redact --find: nothing "
    "was found.",
    Exit.USAGE: "The command line asks for something that is not there.",
    Exit.NOT_RUNNING: "reload: no daemon runs.",
    Exit.FAILED: "A part of the daemon died, and the service manager is meant to start it again; notify-test: a sink "
    "did not take it; reload: no answer came; of any command: it could not write, such as to a full disk, or met a "
    "mistake of ours.",
    Exit.CONFIG: "The configuration, the baseline or the state folder is refused. Starting again would not help.",
}
_SIGNALS = {
    "SIGHUP": "Reload configuration and baseline. What is refused leaves everything as it was; the reason is logged.",
    "SIGTERM, SIGINT": "Finish what was read, deliver what can be delivered, and end. Another one, a second later "
    "or more, ends at once.",
}
_FILES = {
    "/etc/logwatchd.toml": "The configuration, see logwatchd.toml(5).",
    "/var/lib/logwatchd": "Read positions, open incidents, alerts that wait for delivery, and the baseline.",
    "/var/lib/logwatchd/status.json": "What the running daemon counts. config_last_reload_successful is 0 after a "
    "reload that was refused.",
    "/etc/logwatchd": "Secrets that a drop-in loads as credentials.",
}
_ENVIRONMENT = {
    "OPENAI_API_KEY, ANTHROPIC_API_KEY, SLACK_WEBHOOK_URL, SLACK_BOT_TOKEN": "The secrets. "
    "$CREDENTIALS_DIRECTORY/openai_api_key and so on go before them.",
    "LOGWATCHD_TABLE__KEY": "Overrides a key of the configuration; lists and tables are given as JSON.",
    "NO_COLOR": "No colours on a terminal.",
}
_SEE_ALSO = {
    "logwatchd.1": "logwatchd.toml(5), systemctl(1), journalctl(1), systemd.exec(5)",
    "logwatchd.toml.5": "logwatchd(1), logrotate(8), journalctl(1)",
}


def run(page: str, parser: argparse.ArgumentParser) -> Exit:
    """Print a page as roff, or the catalog."""
    sys.stdout.write(text_of(page, parser))
    return Exit.OK


def text_of(page: str, parser: argparse.ArgumentParser) -> str:
    """The page of that name."""
    if page == "logwatchd.catalog":
        return catalog()
    lines = _of_commands(parser) if page == "logwatchd.1" else _of_configuration()
    return "\n".join(lines) + "\n"


def _head(page: str, section: int, title: str) -> Iterator[str]:
    yield f'.TH {page.upper()} {section} "" "logwatchd {__version__}" "logwatchd"'
    yield ".SH NAME"
    yield f"{page} \\- {_roff(title)}"


def _of_commands(parser: argparse.ArgumentParser) -> Iterator[str]:
    commands = list(commands_of(parser))
    yield from _head("logwatchd", 1, "tells about log lines that have never been said before")
    yield ".SH SYNOPSIS"
    for command in commands:
        yield f".B logwatchd {_roff(command.name)}"
        yield " ".join(_synopsis(option) for option in command.options)
        yield ".br"
    yield ".SH DESCRIPTION"
    yield _roff(parser.description or "")
    yield ".SH COMMANDS"
    for command in commands:
        yield from _command(command)
    yield ".SH EXIT STATUS"
    yield from _terms({str(int(code)): text for code, text in _EXIT.items()})
    yield ".SH SIGNALS"
    yield from _terms(_SIGNALS)
    yield ".SH ENVIRONMENT"
    yield from _terms(_ENVIRONMENT)
    yield ".SH FILES"
    yield from _terms(_FILES)
    yield ".SH SEE ALSO"
    yield _roff(_SEE_ALSO["logwatchd.1"])


def _synopsis(option: Option) -> str:
    value = f"\\fI{_roff(option.value)}\\fR" if option.value else ""
    dots = " ..." if option.repeated else ""
    flag = f"\\fB{_roff(option.flags[0])}\\fR" if option.flags else ""
    text = " ".join(part for part in (flag, value) if part) + dots
    return text if option.required else f"[{text}]"


def _command(command: Command) -> Iterator[str]:
    yield f".SS {_roff(command.name)}"
    yield _roff(_sentence(command.description or command.help))
    for option in command.options:
        if option.help or option.flags:
            yield ".TP"
            names = ", ".join(f"\\fB{_roff(flag)}\\fR" for flag in option.flags)
            value = f"\\fI{_roff(option.value)}\\fR" if option.value else ""
            yield " ".join(part for part in (names, value) if part)
            yield _roff(_sentence(option.help) or "See above.")


def _of_configuration() -> Iterator[str]:
    first, *tables = sections()
    yield from _head("logwatchd.toml", 5, "what logwatchd follows, and how it judges and tells")
    yield ".SH DESCRIPTION"
    for number, paragraph in enumerate(first.about):
        if number:
            yield ".PP"
        yield _roff(paragraph)
    yield ".SH OPTIONS OF THEIR OWN"
    yield from _entries(first)
    for table in tables:
        yield f".SH {_roff(table.title)}"
        for number, paragraph in enumerate(table.about):
            if number:
                yield ".PP"
            yield _roff(paragraph)
        yield from _entries(table)
    yield ".SH SEE ALSO"
    yield _roff(_SEE_ALSO["logwatchd.toml.5"])


def _entries(section: Section) -> Iterator[str]:
    for entry in section.entries:
        for number, line in enumerate(entry.lines):
            yield ".TQ" if number else ".TP"
            yield f"\\fB{_roff(line)}\\fR"
        yield _roff(entry.text or "See above.")


def _terms(terms: dict[str, str]) -> Iterator[str]:
    for term, text in terms.items():
        yield ".TP"
        yield f"\\fB{_roff(term)}\\fR"
        yield _roff(text)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if not text or text.endswith((".", ")")) else ".")


def _roff(text: str) -> str:
    """Text that says in roff what it says here; a line never begins with a dot or an apostrophe."""
    text = (
        text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("^", "\\(ha").replace("~", "\\(ti")
    )
    return re.sub(r"(?m)^\.", r"\\&.", text)
