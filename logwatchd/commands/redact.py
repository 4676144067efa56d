"""`logwatchd redact FILE`: what would leave the machine of these lines, and whose a pseudonym is."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from logwatchd import config
from logwatchd.errors import Exit, StateError, UsageError
from logwatchd.parsing.redaction import Redactor, read_key

_MAX_KEY_LINES = 200


def run(path: str, config_path: Path | None, find: str | None) -> Exit:
    """Print every line as alerts and requests would show it.

    Args:
        find: a pseudonym; then the values in the lines that it stands for are printed instead.

    Returns:
        OK, or ANOMALY when `find` found nothing.

    Raises:
        UsageError: the file cannot be read, or the pseudonyms' key cannot, which `find` needs.
    """
    redactor = _redactor(config_path, needs_key=find is not None)
    if find is None:
        for line in _lines(path):
            print(redactor(line))
        return Exit.OK
    found = Exit.ANOMALY
    for value in redactor.find(find, _lines(path)):
        print(value)
        found = Exit.OK
    return found


def _lines(path: str) -> Iterator[str]:
    """The file's lines; a private key's are one text, or nothing would tell that its inner ones are a secret."""
    try:
        if path == "-":
            yield from _joined(sys.stdin)
        else:
            with Path(path).open(encoding="utf-8", errors="backslashreplace") as file:
                yield from _joined(file)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; name a text file that you may read, or -") from None


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


def _redactor(config_path: Path | None, *, needs_key: bool) -> Redactor:
    if config_path is None and not config.DEFAULT_PATH.exists() and not needs_key:
        print("no configuration: by the built-in rules, with pseudonyms of this run only", file=sys.stderr)
        return Redactor(b"")
    found = config.load(config_path or config.DEFAULT_PATH)
    rules = [(rule.name, rule.pattern) for rule in found.settings.redact]
    known = [secret.get_secret_value() for secret in found.secrets.all() if secret is not None]
    try:
        key = read_key(found.settings.state_dir)
    except StateError as error:
        if needs_key:
            raise UsageError(f"{error}; run it as the daemon's user or as root") from None
        print(f"pseudonyms of this run only: {error}", file=sys.stderr)
        key = b""
    return Redactor(key, rules, known)
