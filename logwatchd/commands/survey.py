"""What this machine logs: files, the journal, and the services whose logs want to be read in their own way."""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from logwatchd.alerting.text import counted, visible
from logwatchd.commands.unit import unit_in
from logwatchd.commands.withheld import withheld
from logwatchd.ingest.journalctl import PROGRAM
from logwatchd.parsing.names import is_compressed_name, rotated

_MAX_FILES = 5000
_MAX_DEPTH = 3
_HEAD_BYTES = 4096
_QUIET_AFTER_S = 60 * 86_400.0  # a log that was not written to for so long is history
# Syslog's copies of what /var/log/syslog or /var/log/messages has as well; auth.log is not in there on Debian.
_COPIES = {"kern.log", "daemon.log", "user.log", "debug", "cron.log", "lpr.log", "mail.info", "mail.warn", "mail.err"}
_SYSLOGS = ("syslog", "messages")
# Package managers' and installers' logs, and records that are no running service's log.
_NO_LOGS = {
    "alternatives.log",
    "dpkg.log",
    "lastlog",
    "wtmp",
    "btmp",
    "faillog",
    "tallylog",
    "bootstrap.log",
    "fontconfig.log",
    "README",
}
_NO_FOLDERS = {"apt", "journal", "installer", "private", "sysstat", "sa", "pcp"}
_NGINX_LOG = re.compile(r"^\s*(?:access|error)_log\s+(?:\")?(/[^\s;\"$]+)", re.MULTILINE)
_POSTGRES = re.compile(
    r"^\s*(data_directory|log_directory|logging_collector)\s*=\s*'?([^'#\n]*?)'?\s*(?:#.*)?$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One `[[source]]`. paths: globs; none for the journal. why: what it is, for people."""

    why: str
    paths: tuple[str, ...] = ()
    service: str | None = None
    journal: bool = False
    multiline_continue: str | None = None


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found; one line each for what the daemon's user may not read, with the mend.

    proposals: what to follow. left_out: what none of them follows. not_yet: files of proposals, which are followed as
    soon as they may be read.
    """

    proposals: tuple[Proposal, ...]
    left_out: tuple[str, ...]
    not_yet: tuple[str, ...]


def survey(root: Path, now: float) -> Survey:
    """Look at the machine below `root`, which is / but in tests. now: seconds since 1970."""
    left_out: list[str] = []
    not_yet: list[str] = []
    known: set[Path] = set()
    found: list[Proposal] = []
    unit = unit_in(root)

    def propose(proposal: Proposal, files: Iterable[Path]) -> None:
        files = [file for file in files if file not in known]
        known.update(files)
        left_out.extend(
            f"{visible(_shown(file, root))}: its name is no plain text; name it by a glob in a [[source]]"
            for file in files
            if not _is_plain(file)
        )
        files = [file for file in files if _is_plain(file)]
        why = [*withheld(files, root, unit).values()]
        if len(why) < len(files):
            found.append(proposal)
            not_yet.extend(f"{line}: it is configured, and followed from then on" for line in why)
        elif why:
            more = len(why) - 1
            others = f" (the same for {counted(more, 'other file')} of {proposal.why})" if more else ""
            left_out.append(f"{why[0]}{others}; 'logwatchd setup --force' then takes it in")

    logs = root / "var" / "log"
    files = list(_logs(logs, now))
    nginx = [*(file for file in files if file.parent == logs / "nginx"), *_nginx(root)]
    propose(Proposal("nginx", _globs(nginx, root), "nginx"), nginx)
    postgres = [*(file for file in files if file.parent == logs / "postgresql"), *_postgres(root, now)]
    propose(Proposal("PostgreSQL", _globs(postgres, root), "postgres", multiline_continue=r"^\t"), postgres)
    top = [file for file in files if file.parent == logs]
    syslog = [file for file in top if file.name in _SYSLOGS]
    propose(Proposal("syslog", _named(syslog, root)), syslog)
    others = [file for file in top if file not in syslog and not (syslog and file.name in _COPIES)]
    propose(Proposal("other files in /var/log", _named(others, root)), others)
    folders: dict[Path, list[Path]] = {}
    for file in files:
        if file.parent != logs:
            folders.setdefault(logs / file.relative_to(logs).parts[0], []).append(file)
    for folder, inside in sorted(folders.items()):
        rest = [file for file in inside if file not in known]
        propose(Proposal(folder.name, _globs(rest, root), folder.name), rest)
    if len(withheld(syslog, root, unit)) == len(syslog) and _has_journal(root):
        found.insert(0, Proposal("the systemd journal", journal=True))
    containers = sorted((root / "var/lib/docker/containers").glob("*/*-json.log"))
    if containers and _docker_driver(root) != "journald":
        if not withheld(containers, root, unit):
            found.append(Proposal("Docker's containers", ("/var/lib/docker/containers/*/*-json.log",)))
        else:
            left_out.append(
                'Docker\'s containers: only root may read their files; put {"log-driver": "journald"} into'
                " /etc/docker/daemon.json, and follow the journal"
            )
    return Survey(tuple(found), tuple(left_out), tuple(not_yet))


def _logs(folder: Path, now: float, depth: int = 0) -> Iterator[Path]:
    """Text files that something writes to; not their rotated copies, which are found by their names."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries[:_MAX_FILES]:
        path = Path(entry.path)
        try:
            if entry.is_dir(follow_symlinks=False):
                if depth < _MAX_DEPTH and entry.name not in _NO_FOLDERS:
                    yield from _logs(path, now, depth + 1)
            elif entry.is_file(follow_symlinks=False) and _is_log(path, entry.stat(), now):
                yield path
        except OSError:
            continue


def _is_log(path: Path, status: os.stat_result, now: float) -> bool:
    name = path.name
    if name in _NO_LOGS or is_compressed_name(name) or (rotated(name) and path.suffix != ".log"):
        return False
    if now - status.st_mtime > _QUIET_AFTER_S:
        return False
    if not status.st_size:
        return path.suffix == ".log" or name in _SYSLOGS
    with path.open("rb") as file:
        return b"\0" not in file.read(_HEAD_BYTES)


def _is_plain(file: Path) -> bool:
    """Whether it can stand in a configuration: a line break in a name would begin a table of its own there."""
    return str(file).isprintable()


def _named(files: Iterable[Path], root: Path) -> tuple[str, ...]:
    """The files' names as globs that find them alone."""
    return tuple(glob.escape(_shown(file, root)) for file in files if _is_plain(file))


def _globs(files: Iterable[Path], root: Path) -> tuple[str, ...]:
    """The files' names, as globs where they share folder and ending: tomorrow's are found as well."""
    globs: dict[str, None] = {}
    for file in filter(_is_plain, files):
        name = f"*{file.suffix}" if file.suffix == ".log" else glob.escape(file.name)
        globs[f"{glob.escape(_shown(file.parent, root))}/{name}"] = None
    return tuple(sorted(globs))


def _shown(path: Path, root: Path) -> str:
    return "/" + str(path.relative_to(root))


def _nginx(root: Path) -> Iterator[Path]:
    """Logs that nginx's configuration names elsewhere."""
    folder = root / "etc" / "nginx"
    for file in (folder / "nginx.conf", *folder.glob("conf.d/*"), *folder.glob("sites-enabled/*")):
        for name in _NGINX_LOG.findall(_text(file)):
            path = root / name.lstrip("/")
            if path.is_file():
                yield path


def _postgres(root: Path, now: float) -> Iterator[Path]:
    """Logs of PostgreSQL's own collector."""
    for file in (root / "etc" / "postgresql").glob("*/*/postgresql.conf"):
        settings = dict(_POSTGRES.findall(_text(file)))
        if settings.get("logging_collector") == "on":
            data = root / settings.get("data_directory", "").lstrip("/")
            folder = settings.get("log_directory", "log")
            yield from _logs(root / folder.lstrip("/") if folder.startswith("/") else data / folder, now, _MAX_DEPTH)


def _docker_driver(root: Path) -> str:
    try:
        return str(json.loads(_text(root / "etc/docker/daemon.json")).get("log-driver", ""))
    except (ValueError, AttributeError):
        return ""


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _has_journal(root: Path) -> bool:
    if shutil.which(PROGRAM) is None:
        return False
    command = [PROGRAM, f"--root={root}", "--lines=1", "--output=cat", "--quiet"]
    if root == Path("/"):
        command.pop(1)
    try:
        done = subprocess.run(command, capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and bool(done.stdout)
