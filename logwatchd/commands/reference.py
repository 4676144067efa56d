"""The commented configuration as data: what its manual page and a configuration proposed by `setup` are made from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.resources import files

_KEY = re.compile(r"#?(?P<key>[a-z_]+) = .+")
_TABLE = re.compile(r"#?(?P<table>\[{1,2}[a-z.]+\]{1,2})")


@dataclass(slots=True)
class Entry:
    """Keys that are explained together. lines: `key = default`, as in the file."""

    lines: list[str]
    text: str


@dataclass(slots=True)
class Section:
    """One table. title: as it is written, such as '[[source]]'. about: paragraphs."""

    title: str
    about: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)


def text() -> str:
    """The commented configuration, as it is installed where there is none."""
    return (files("logwatchd") / "reference.toml").read_text(encoding="utf-8")


def sections() -> list[Section]:
    """What stands before the first table, and then each table once, in the order of the file."""
    found: dict[str, Section] = {"": Section("")}
    here = found[""]
    said: list[str] = []
    known: set[tuple[str, str]] = set()
    for line in [*text().splitlines(), ""]:
        if table := _TABLE.fullmatch(line):
            title = table["table"]
            here = found.setdefault(title, Section(title))
            here.about += _joined(said)
            said = []
        elif key := _KEY.fullmatch(line):
            shown = line.removeprefix("#")
            # A second example of a table repeats keys.
            if (here.title, key["key"]) not in known:
                known.add((here.title, key["key"]))
                if said or not here.entries:
                    here.entries.append(Entry([shown], " ".join(_joined(said))))
                else:
                    here.entries[-1].lines.append(shown)
            said = []
        elif line.startswith("#"):
            said.append(line.removeprefix("#").strip())
        elif here.title == "" and not here.entries and said:
            here.about += _joined(said)
            said = []
        elif not line and said and here.entries:
            here.entries[-1].text += " " + " ".join(_joined(said))
            said = []
    return list(found.values())


def _joined(lines: list[str]) -> list[str]:
    """Paragraphs of comment lines; an empty one parts them."""
    paragraphs = "\n".join(lines).split("\n\n")
    return [" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip()]
