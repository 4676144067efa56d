"""`logwatchd redact FILE`: what would leave the machine of these lines, and whose a pseudonym is."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from logwatchd import config
from logwatchd.alerting.text import visible
from logwatchd.errors import Exit, StateError, UsageError
from logwatchd.ingest.lines import MAX_LINE_BYTES
from logwatchd.parsing.masks import Masks
from logwatchd.parsing.redaction import Redactor, read_key, redactor_of

_MAX_KEY_LINES = 200


def run(path: str, config_path: Path | None, find: str | None, *, embedded: bool) -> Exit:
    """Print every line as alerts and requests would show it.

    Args:
        find: a pseudonym; then the values in the lines that it stands for are printed instead.
        embedded: print what an embedding service would get of the lines instead, each distinct text once.

    Returns:
        OK, or ANOMALY when `find` found nothing.

    Raises:
        UsageError: the file cannot be read (what could be read of it was printed), or the pseudonyms' key cannot, which
            `find` needs.
    """
    if find is not None and embedded:
        raise UsageError("--find and --embedded exclude each other: what is embedded has no pseudonyms")
    redactor, masks = _redactor(config_path, needs_key=find is not None, says_key=not embedded)
    if embedded:
        seen = set()
        for text in map(redactor.masked, _patterns(path, masks)):
            if text not in seen:
                seen.add(text)
                _print(text)
        return Exit.OK
    if find is None:
        for line in _lines(path):
            _print(redactor(line))
        return Exit.OK
    found = Exit.ANOMALY
    for value in redactor.find(find, _lines(path)):
        _print(value)
        found = Exit.OK
    return found


def _print(text: str) -> None:
    """A filter's output is the text as it is; nothing in it steers a terminal."""
    print(visible(text, keep="\n\t") if sys.stdout.isatty() else text)


def _patterns(path: str, masks: Masks) -> Iterator[str]:
    """What events of the file are normalised to, as the daemon joins them; those at DEBUG it never embeds."""
    from logwatchd.ingest.offline import read_events
    from logwatchd.records import Level, SourceSpec, flat
    from logwatchd.scoring.lexicon import Lexicon

    lexicon = Lexicon(masks)
    for data, inner in read_events(None if path == "-" else Path(path), SourceSpec((path,))):
        if lexicon.full():
            lexicon = Lexicon(masks)
        for pattern_id in dict.fromkeys(lexicon.ids_of(flat(data, inner)).tolist()):
            if lexicon.patterns[pattern_id] and lexicon.levels[pattern_id] is not Level.DEBUG:
                yield lexicon.patterns[pattern_id]


def _lines(path: str) -> Iterator[str]:
    """The file's lines; a private key's are one text, or nothing would tell that its inner ones are a secret."""
    from logwatchd.ingest.offline import opened
    from logwatchd.ingest.unpacking import unpacked

    if path == "-":
        with opened(None):
            yield from _joined(_cut(sys.stdin))
        return
    with opened(Path(path)) as raw, unpacked(path, raw) as content:
        yield from _joined(_cut(io.TextIOWrapper(content, "utf-8", "backslashreplace")))


def _cut(file: TextIO) -> Iterator[str]:
    """The lines, at most MAX_LINE_BYTES characters of each: of an alert's line no more was ever read."""
    while line := file.readline(MAX_LINE_BYTES):
        yield line
        while line and not line.endswith("\n"):
            line = file.readline(MAX_LINE_BYTES)


def _joined(lines: Iterable[str]) -> Iterator[str]:
    key: list[str] = []
    for raw in lines:
        line = raw.rstrip("\n")
        if not key and not ("-----BEGIN" in line and "-----END" not in line):
            yield line
            continue
        key.append(line)
        if "-----END" in line or len(key) > _MAX_KEY_LINES:
            yield "\n".join(key)
            key = []
    if key:
        yield "\n".join(key)


def _redactor(config_path: Path | None, *, needs_key: bool, says_key: bool) -> tuple[Redactor, Masks]:
    """And the configuration's own masks. says_key: whether it matters that pseudonyms are of this run only."""
    if config_path is None and not config.DEFAULT_PATH.exists() and not needs_key:
        only = ", with pseudonyms of this run only" if says_key else ""
        print(f"no configuration: by the built-in rules{only}", file=sys.stderr)
        return Redactor(b""), ()
    found = config.load(config_path or config.DEFAULT_PATH, config.any_secret)
    key = b""
    if says_key:
        try:
            key = read_key(found.settings.state_dir)
        except StateError as error:
            if needs_key:
                raise UsageError(f"{error}; run it as the daemon's user or as root") from None
            print(f"pseudonyms of this run only: {error}", file=sys.stderr)
    return redactor_of(found.settings.redact, found.secrets, key), found.masks
