"""`logwatchd check-config`: everything that is wrong with a configuration at once, or what it amounts to now."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from logwatchd import clock, config, overrides
from logwatchd.alerting.text import counted, visible
from logwatchd.commands.preflight import program_warnings, state_dir_problems, user
from logwatchd.commands.terminal import say
from logwatchd.commands.unit import Unit, unit_in
from logwatchd.commands.withheld import withheld
from logwatchd.config import Config, Settings
from logwatchd.config_alerting import RoutedSettings, SinkSettings, channel_problems
from logwatchd.config_errors import SECRETS
from logwatchd.config_secrets import Secrets
from logwatchd.errors import BaselineError, ConfigError, Exit
from logwatchd.ingest.journalctl import PROGRAM
from logwatchd.ingest.patterns import Glob, Listings
from logwatchd.ingest.streams import STDIN, stream_paths
from logwatchd.ingest.unlearned import unlearned
from logwatchd.kinds import is_folder
from logwatchd.parsing.names import is_compressed_name
from logwatchd.records import SourceSpec


@dataclass(frozen=True, slots=True)
class Matches:
    """What one source's paths and globs find now.

    nothing: those that find no file. unreadable: files, by this user. streams: standard input and FIFOs.
    """

    source: SourceSpec
    files: tuple[str, ...]
    nothing: tuple[str, ...]
    unreadable: tuple[str, ...]
    streams: tuple[str, ...] = ()


def run(config_path: Path, root: Path = Path("/")) -> Exit:
    """Print problems and warnings to stderr, one line each, or a summary to stdout.

    Args:
        root: below which systemd's units lie: a credential that the daemon's asks for is not missing.

    Returns:
        OK, or CONFIG when the daemon would refuse to start with this configuration.
    """
    unit = unit_in(root)
    given = unit.credentials if unit else frozenset()
    try:
        found = config.read(config_path, given.__contains__)
    except ConfigError as error:
        return _refuse(error.problems)
    loaded = _with_credentials(found.config, given)
    scoring, doubts, problems = _scoring(loaded, found.wrong)
    if problems := [*found.problems, *_more_problems(loaded, found.wrong), *problems]:
        return _refuse(list(dict.fromkeys(problems)))
    matches = [look(source) for source in loaded.sources]
    kept = _withheld(matches, root, unit) if unit and f"--config {config_path.absolute()}" in unit.starts else []
    for line in [*warnings(matches), *kept, *program_warnings(loaded.settings.sink), *doubts, *_past(loaded)]:
        say(f"warning: {line}")
    if sys.stdout.isatty():
        _print_table(loaded, matches)
    parts = [
        f"{counted(len(matches), 'source')} with {_finds(matches)} now",
        scoring,
        f"analysis {_switch(loaded.analysis_enabled)}",
        f"slack {_switch(loaded.slack_enabled)}",
    ]
    print(f"{config_path}: OK: {'; '.join(parts)}")
    for line in [*sinks(loaded, found.config.secrets), *mutes(loaded)]:
        print(line)
    return Exit.OK


def _with_credentials(found: Config, given: frozenset[str]) -> Config:
    """As the daemon will find it; what a credential of the unit says is not known here, and not needed."""
    secrets, unknown = found.secrets, SecretStr("(a credential of the unit)")
    named = {name: unknown for name in SECRETS if name in given and getattr(secrets, name) is None}
    asked = (sink.secret for sink in found.settings.sink)
    sinks = {name: unknown for name in asked if name in given and name not in secrets.sinks}
    return replace(found, secrets=replace(secrets, **named, sinks={**secrets.sinks, **sinks}))


def sinks(loaded: Config, here: Secrets) -> list[str]:
    """One line for each sink beside the journal, which gets everything: what it is, whether its secret is there, and
    which alerts it gets. Of an address only the host is shown: the rest may be a secret itself.

    here: what this command was given; the rest of `loaded.secrets` is the unit's.
    """
    lines = []
    known = {name for name in SECRETS if getattr(here, name) is not None} | here.sinks.keys()

    def state(name: str) -> str:
        return f"{name} is {'there' if name in known else 'given to the unit'}"

    slack = loaded.settings.slack
    if loaded.slack_enabled:
        bot = loaded.secrets.slack_bot_token is not None and slack.channel is not None
        what = f"Slack's bot, channel {slack.channel}" if bot else "Slack's webhook"
        secret = "slack_bot_token" if bot else "slack_webhook_url"
        lines.append(f"sink slack: {what}; {state(secret)}; gets {_gets(slack)}")
    for sink in loaded.settings.sink:
        secret = "needs no secret" if sink.secret is None else state(sink.secret)  # refused where there is none
        lines.append(f"sink {sink.name}: {_what(sink)}; {secret}; gets {_gets(sink)}")
    return lines


def mutes(loaded: Config) -> list[str]:
    """One line for each mute that is in force: what it covers, until when, and why."""
    now, lines = clock.utc_now(), []
    for number, mute in enumerate(loaded.settings.mute, start=1):
        if mute.until is not None and mute.until <= now:
            continue
        of = [f"fingerprints {', '.join(mute.fingerprints)}"] if mute.fingerprints else []
        of += [f"pattern {mute.pattern}"] if mute.pattern else []
        of += [f"{name} {', '.join(globs)}" for name, globs in _limits(mute.services, mute.sources)]
        until = f"until {mute.until.astimezone():%Y-%m-%d %H:%M %Z}" if mute.until else "for good"
        why = f"; {mute.reason}" if mute.reason else ""
        lines.append(visible(f"mute[{number}]: {' and '.join(of)}; {until}{why}"))
    return lines


def _past(loaded: Config) -> list[str]:
    now = clock.utc_now()
    ends = [(number, mute.until) for number, mute in enumerate(loaded.settings.mute, start=1) if mute.until]
    return [f"mute[{number}].until = {end.isoformat()}: is past; take it out" for number, end in ends if end <= now]


def _limits(services: Sequence[str], sources: Sequence[str]) -> list[tuple[str, Sequence[str]]]:
    return [(name, globs) for name, globs in (("services", services), ("files", sources)) if globs]


def _what(sink: SinkSettings) -> str:
    if sink.type == "command":
        return f"command {sink.command[0]}"
    if sink.type == "email":
        return f"e-mail by {sink.host}:{sink.port} ({sink.tls}) to {', '.join(sink.to)}"
    host = urlsplit(sink.url or "").hostname
    return f"{sink.type} at {host}" if host else sink.type


def _gets(routed: RoutedSettings) -> str:
    """Which alerts are led to a sink."""
    most = "alerts of every severity" if routed.min_severity == "P4" else f"alerts from {routed.min_severity} up"
    found = [f"{name} {', '.join(globs)}" for name, globs in _limits(routed.services, routed.sources)]
    return " ".join([most, *(["of", " and ".join(found)] if found else [])])


def look(source: SourceSpec) -> Matches:
    """Find a source's files as the daemon does, without opening them."""
    found: dict[str, None] = {}
    nothing = []
    hidden: dict[str, None] = {}
    streams = tuple(path for path in stream_paths(source) if path == STDIN or Path(path).is_fifo())
    listings = Listings()
    listings.begin(clock.monotonic())
    for pattern in source.paths:
        if pattern in streams:
            continue
        glob = Glob(pattern)
        paths = sorted(glob.expand(listings))
        hidden.update(dict.fromkeys(folder for folder in glob.folders if folder in listings.refused))
        files = [path for path in paths if Path(path).is_file() and not is_compressed_name(path)]
        found.update(dict.fromkeys(files))
        if not files:
            nothing.append(pattern)
    fifos = (path for path in streams if path != STDIN)
    barred = (path for path in (*found, *fifos) if not os.access(path, os.R_OK, effective_ids=True))
    unreadable = (*hidden, *barred)
    return Matches(source, tuple(found), tuple(nothing), unreadable, streams)


def warnings(matches: Sequence[Matches]) -> list[str]:
    """What may be meant so, but rarely is; one line each."""
    lines = overrides.unknown(Settings)
    owner: dict[str, int] = {}
    for number, match in enumerate(matches, start=1):
        key = f"source[{number}].paths"
        lines += [f"{key} = {pattern!r}: {_why_nothing(pattern)}" for pattern in match.nothing]
        lines += [
            f"{path}: not readable by {user()}; the daemon's user needs to be in the file's group, such as adm"
            for path in match.unreadable
        ]
        if match.source.journal and shutil.which(PROGRAM) is None:
            lines.append(f"source[{number}].journal = true: there is no {PROGRAM} here; it comes with systemd")
        for path in match.files:
            first = owner.setdefault(path, number)
            if first != number:
                lines.append(f"{path}: found by source[{first}] and source[{number}]; the first one has it")
    return lines


def _why_nothing(pattern: str) -> str:
    with suppress(OSError):
        if is_folder(Path(pattern)):
            return "is a folder; name files or a glob in it"
    return "finds no file now; it is watched for"


def _withheld(matches: Sequence[Matches], root: Path, unit: Unit) -> list[str]:
    """What is seen here and not by the daemon, one line for each source."""
    lines = []
    for number, match in enumerate(matches, start=1):
        files = [Path(file) for file in match.files if file not in match.unreadable]
        why = [*withheld(files, root, unit).values()]
        if why:
            others = f" (the same for {counted(len(why) - 1, 'other file')} of source[{number}])" if why[1:] else ""
            lines.append(f"{why[0]}{others}")
    return lines


def _finds(matches: Sequence[Matches]) -> str:
    files = {file for match in matches for file in match.files}
    streams = {stream for match in matches for stream in match.streams}
    others = [counted(len(streams), "stream")] if streams else []
    if any(match.source.journal for match in matches):
        others.append("the journal")
    return ", ".join([*([counted(len(files), "file")] if files or not others else []), *others])


def _more_problems(loaded: Config, wrong: Set[str]) -> list[str]:
    """What the daemon would refuse beside baseline and embedder, by tables that are in order."""
    problems = []
    slack = loaded.settings.slack
    if "slack" not in wrong:
        problems += channel_problems(loaded.path, slack.enabled, slack.channel, loaded.secrets.slack_bot_token)
    if "state_dir" not in wrong:
        problems += [f"{loaded.path}: {line}" for line in state_dir_problems(loaded.settings.state_dir)]
    return problems


def _scoring(loaded: Config, wrong: Set[str]) -> tuple[str, list[str], list[str]]:
    """Baseline and embedder in a few words, what may be wrong with them, and what the daemon would refuse.

    wrong: tables that are wrong themselves; what depends on them is not looked at.
    """
    from logwatchd.assembly import scoring_of
    from logwatchd.warming import lacks_baseline

    wanted = loaded.settings.baseline
    if wrong & {"baseline", "mask"}:
        return "", [], []
    if lacks_baseline(loaded):
        return f"no baseline {wanted.path} yet: the daemon learns for {wanted.warmup} and then watches", [], []
    keyless = loaded.settings.embedder.provider == "openai" and loaded.secrets.openai_api_key is None
    if keyless or "embedder" in wrong:  # as is told already
        return "", [], _baseline_problems(loaded)
    try:
        scoring = scoring_of(loaded)
    except BaselineError as error:
        return "", [], [f"{loaded.path}: {error}"]
    except ConfigError as error:  # the embedder's, before the baseline was looked at
        return "", [], [*error.problems, *_baseline_problems(loaded)]
    baseline, path = scoring.detector.baseline, loaded.settings.baseline.path
    words = (
        f"baseline {path} ({counted(baseline.manifest.patterns, 'pattern')}, "
        f"{counted(baseline.manifest.centroids, 'centroid')}, threshold {scoring.detector.thresholds}); "
        f"embedder {scoring.embedder.name}"
    )
    doubts = [
        f"{path}: was not learned from {name}, which is a configured source: its normal lines may look new"
        for name in unlearned(loaded.sources, baseline.manifest.sources)
    ]
    if baseline.manifest.of_another_version:
        doubts.append(
            f"{path}: made by another version of logwatchd, with normaliser {baseline.manifest.normaliser}: a few "
            "known lines may look new until it is built again"
        )
    return words, doubts, []


def _baseline_problems(loaded: Config) -> list[str]:
    from logwatchd.assembly import baseline_of

    try:
        baseline_of(loaded)
    except BaselineError as error:
        return [f"{loaded.path}: {error}"]
    return []


def _print_table(loaded: Config, matches: Sequence[Matches]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("paths", "service", "start at", "not embedded", "files now", title=escape(str(loaded.path)))
    for match in matches:
        source = match.source
        table.add_row(
            escape("\n".join([*source.paths, *(["journal"] if source.journal else [])])),
            escape(source.service or "(from the line)"),
            source.start_at,
            ", ".join(level.name for level in sorted(source.skip_levels)) or "-",
            str(len(match.files)),
        )
    Console().print(table)


def _refuse(problems: Sequence[str]) -> Exit:
    for problem in problems:
        say(problem)
    return Exit.CONFIG


def _switch(on: bool) -> str:
    return "on" if on else "off"
