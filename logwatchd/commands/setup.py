"""`logwatchd setup`: looks at what the machine logs, proposes a configuration, learns a first baseline, writes both."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from logwatchd import clock, config, status_file
from logwatchd.alerting.text import counted, visible
from logwatchd.commands import reference
from logwatchd.commands.learning import Lesson, finish, read
from logwatchd.commands.output import make_folder_of
from logwatchd.commands.reload import state_dirs
from logwatchd.commands.survey import Proposal, Survey, survey
from logwatchd.commands.terminal import say
from logwatchd.config import Config
from logwatchd.errors import BaselineError, Exit, UsageError
from logwatchd.ingest.journal_history import read_history
from logwatchd.ingest.patterns import Glob, Listings
from logwatchd.ingest.unlearned import JOURNAL
from logwatchd.ingest.unpacking import foreign_name
from logwatchd.parsing.names import base_of, order_of
from logwatchd.records import SourceSpec
from logwatchd.scoring.baseline import save
from logwatchd.scoring.suspicion import bursts
from logwatchd.scoring.thresholds import own_thresholds

_SAMPLE_BYTES = 1 << 30  # of all files together: minutes, not hours


def run(config_path: Path, *, yes: bool, force: bool, root: Path = Path("/")) -> Exit:
    """Show what was found; after a yes write the configuration, learn, and say what to do next.

    Args:
        yes: ask nothing. force: replace a configuration that somebody wrote; it is kept beside the new one.
        root: of the machine that is looked at.

    Raises:
        UsageError: a configuration of somebody's is there, or one of ours and a baseline; or nobody is there to ask, or
            nothing is logged.
        ConfigError, BaselineError: the configuration stays written where only the baseline fails.
    """
    current = _current(config_path)
    found = survey(root, clock.utc_now().timestamp())
    if not force:
        _check_untouched(config_path, current, found.proposals)
    if not found.proposals:
        raise UsageError(f"nothing in {root}var/log, and no journal, that could be followed: {_hint(found)}")
    _show(found)
    if not yes and not _agreed(config_path):
        print("nothing was written")
        return Exit.OK
    carry_out(config_path, found.proposals)
    return Exit.OK


def carry_out(config_path: Path, proposals: Sequence[Proposal]) -> None:
    """Write the configuration, learn, and say what to do next.

    Raises:
        UsageError, ConfigError, BaselineError: see `run`.
    """
    _write(config_path, proposals)
    loaded = config.load(config_path, config.any_secret)
    learned = _learn(loaded)
    _tell_next(config_path, loaded, learned)


def configuration(proposals: Sequence[Proposal]) -> str:
    """The commented configuration, following what is proposed."""
    text = reference.text()
    begin, end = text.index("# What to follow;"), text.index("# What turns texts into vectors.")
    return text[:begin] + "".join(map(_source, proposals)) + text[end:]


def _source(proposal: Proposal) -> str:
    lines = [f"# {proposal.why}", "[[source]]"]
    if proposal.paths:
        lines.append(f"paths = {json.dumps(list(proposal.paths))}")
    if proposal.journal:
        lines.append("journal = true")
    if proposal.service:
        lines.append(f"service = {json.dumps(proposal.service)}")
    if proposal.multiline_continue:
        lines.append(f"multiline_continue = '{proposal.multiline_continue}'")
    return "\n".join(lines) + "\n\n"


def _current(path: Path) -> str | None:
    """The configuration that is there, in a place that may be written to."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else None
    except OSError as error:
        mend = "run it as root, or name another --config"
        raise UsageError(f"{path}: cannot be read: {error.strerror}; {mend}") from None
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent}; create it first, or name another --config")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"{path}: may not be written by this user; run it as root, or name another --config")
    return text


def _check_untouched(path: Path, current: str | None, proposals: Sequence[Proposal]) -> None:
    """Pass over what was installed, and over what a setup wrote that did not come to its baseline."""
    if current is None or current == reference.text():
        return
    if current != configuration(proposals):
        raise UsageError(f"{path}: somebody wrote it; --force keeps it as {path.name}.old and writes another one")
    baseline = config.load(path, config.any_secret).settings.baseline.path
    if baseline.exists():
        raise UsageError(f"{path}: setup wrote it, and {baseline} is there; --force learns anew")


def _hint(found: Survey) -> str:
    return "; ".join(found.left_out) or "name files in a [[source]] of the configuration"


def _show(found: Survey) -> None:
    print("This machine logs:")
    for proposal in found.proposals:
        print(visible(f"  {proposal.why:28} {', '.join(proposal.paths) or 'all of it'}"))
    for line in found.left_out:
        say(f"left out: {line}")
    for line in found.not_yet:
        say(f"not readable yet: {line}")


def _agreed(path: Path) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask at: --yes takes what is proposed")
    try:
        answer = input(f"Write {path} and learn from these logs and their rotated copies? [Y/n] ")
    except EOFError:
        return False
    return answer.strip().lower() in {"", "y", "yes"}


def _write(path: Path, proposals: Sequence[Proposal]) -> None:
    new, text = path.with_name(f".{path.name}.new"), configuration(proposals)
    kept = None
    try:
        new.write_text(text, encoding="utf-8")
        if path.exists() and path.read_text(encoding="utf-8", errors="replace") not in (reference.text(), text):
            kept = _spare(path)
            path.replace(kept)
        new.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        new.unlink(missing_ok=True)
    if kept:  # told only now: whoever reads our output may be gone
        print(f"kept the old one as {kept}")
    print(f"wrote {path}")


def _spare(path: Path) -> Path:
    """A free name for the configuration that was there: what an earlier --force kept stays."""
    names = (path.with_name(f"{path.name}.old{number or ''}") for number in count())
    return next(name for name in names if not os.path.lexists(name))


def _learn(loaded: Config) -> bool:
    """Learn from what is there; False where there is too little, which the daemon's warm-up then makes good."""
    files = [(file, source) for source in loaded.sources for file in _history(source)]
    more = [Lesson(JOURNAL, source, read_history) for source in loaded.sources if source.journal]
    taught = read(files, more, _SAMPLE_BYTES, loaded.masks)
    for line in taught.damaged:
        say(line, "yellow")
    doubted = bursts(taught.builder.alarms)
    taught.builder.forget(doubt.pattern for burst in doubted for doubt in burst.doubts)
    path = loaded.settings.baseline.path
    try:
        baseline = finish(taught, loaded)
    except BaselineError:
        return False
    make_folder_of(path)
    save(baseline, path)
    manifest = baseline.manifest
    teachers = [*([counted(len(taught.extents), "file")] if taught.extents else []), *(["the journal"] if more else [])]
    print(
        f"wrote {path}: {counted(manifest.patterns, 'pattern')} from {counted(manifest.lines, 'line')} of "
        f"{' and '.join(teachers)}; threshold {own_thresholds(baseline)}"
    )
    for burst in doubted:
        lines = counted(sum(doubt.lines for doubt in burst.doubts), "line")
        print(f"left out, as it looks like an incident: {lines} of {visible(burst.log)}")
    return True


def _history(source: SourceSpec) -> list[Path]:
    """A source's files and their rotated copies, oldest first, as far as they can be unpacked."""
    listings = Listings()
    listings.begin(clock.monotonic())
    found: dict[Path, None] = {}
    for pattern in source.paths:
        for name in (*Glob(pattern).expand(listings), *Glob(pattern + "[.-]*").expand(listings)):
            path = Path(name)
            if path.is_file() and not foreign_name(path) and os.access(path, os.R_OK):
                found[path] = None
    return sorted(found, key=lambda path: (base_of(str(path)), order_of(str(path))))


def _tell_next(path: Path, loaded: Config, learned: bool) -> None:
    if not learned:
        print(f"There is nothing to learn from yet: the daemon learns for {loaded.settings.baseline.warmup} first.")
    running = any(status_file.read_running(folder) for folder in state_dirs(path))
    print("Next:")
    print(f"  logwatchd check-config --config {path}")
    print(f"  systemctl {'reload' if running else 'enable --now'} logwatchd")
    print("  journalctl -u logwatchd -f")
