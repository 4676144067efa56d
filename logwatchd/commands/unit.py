"""What systemd gives to the daemon's unit and keeps from it, for commands that run outside of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_UNIT = "logwatchd.service"
# In the order in which systemd takes them: of several files of one name the first counts.
_FOLDERS = ("etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system")
_SETTING = re.compile(r"^\s*(\w+)\s*=[ \t]*(.*?)\s*$")
_CREDENTIALS = ("LoadCredential", "LoadCredentialEncrypted", "SetCredential", "SetCredentialEncrypted")
_USER = "logwatchd"  # what DynamicUser= takes where no User= is given: the unit's name
_YES = ("1", "yes", "y", "true", "t", "on")
_HOMES, _TEMPORARY = ("/home", "/root", "/run/user"), ("/tmp", "/var/tmp")
_READS_ALL = {"CAP_DAC_READ_SEARCH", "CAP_DAC_OVERRIDE"}


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit with its drop-ins. starts: its command. credentials: the names of those that it asks for.

    user, groups: as whom it reads; the groups are those beside the user's own. reads_all: whatever the rights of files.
    closed: folders that it sees nothing of, each with the setting for which. empty: those of which it sees `shown`.
    """

    starts: str
    credentials: frozenset[str]
    user: str
    groups: tuple[str, ...]
    reads_all: bool
    closed: tuple[tuple[str, str], ...]
    empty: tuple[tuple[str, str], ...]
    shown: tuple[str, ...]

    def hides(self, path: str) -> str | None:
        """The setting for which the unit does not see a path, an absolute one, or None."""
        hidden = self.closed
        if not any(_is_in(path, folder) for folder in self.shown):
            hidden += self.empty
        return next((setting for folder, setting in hidden if _is_in(path, folder)), None)


def unit_in(root: Path) -> Unit | None:
    """The unit below `root` with its drop-ins; None where none of these is there, and within the unit itself."""
    files = list(_files(root))
    if "CREDENTIALS_DIRECTORY" in os.environ or not files:
        return None
    settings = _settings(files)

    def last(name: str, default: str) -> str:
        return settings.get(name, [default])[-1]

    def words(name: str) -> list[str]:
        return [word for value in settings.get(name, []) for word in value.split()]

    home, private = last("ProtectHome", "no"), last("PrivateTmp", "no")
    homes = tuple((folder, f"ProtectHome={home}") for folder in _HOMES)
    temporary = tuple((folder, f"PrivateTmp={private}") for folder in _TEMPORARY)
    user = last("User", _USER)
    return Unit(
        starts=last("ExecStart", ""),
        credentials=frozenset(
            re.split(r"[:\s]", value)[0] for name in _CREDENTIALS for value in settings.get(name, [])
        ),
        user=user,
        groups=tuple(words("SupplementaryGroups")),
        reads_all=user in ("root", "0")
        or (last("PrivateUsers", "no") not in _YES and not _READS_ALL.isdisjoint(words("AmbientCapabilities"))),
        closed=homes if home in _YES else (),  # a bind mount cannot be reached there
        empty=(homes if home == "tmpfs" else ()) + (temporary if private in (*_YES, "disconnected") else ()),
        shown=tuple(_bound_to(bound) for name in ("BindPaths", "BindReadOnlyPaths") for bound in words(name)),
    )


def _files(root: Path) -> Iterator[Path]:
    """The unit, and behind it its drop-ins in the order of their names."""
    folders = [root / folder for folder in _FOLDERS]
    yield from [folder / _UNIT for folder in folders if (folder / _UNIT).is_file()][:1]
    dropins: dict[str, Path] = {}
    for folder in folders:
        for file in (folder / f"{_UNIT}.d").glob("*.conf"):
            dropins.setdefault(file.name, file)
    yield from [dropins[name] for name in sorted(dropins)]


def _settings(files: Sequence[Path]) -> dict[str, list[str]]:
    """What stands behind each name, one value a line; an empty one takes back those before it."""
    found: dict[str, list[str]] = {}
    for file in files:
        for line in _text(file).replace("\\\n", " ").splitlines():
            setting = _SETTING.match(line)
            if setting and setting[2]:
                found.setdefault(setting[1], []).append(setting[2])
            elif setting:
                found.pop(setting[1], None)
    return found


def _bound_to(bound: str) -> str:
    """Where a bind mount is seen: SOURCE, SOURCE:DESTINATION or SOURCE:DESTINATION:OPTIONS."""
    source, *others = bound.lstrip("-+").split(":")
    return others[0] if others else source


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
