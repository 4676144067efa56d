"""Secrets and people's identifiers taken out of a text before it leaves the machine.

What is taken out becomes <kind-xxxxxxxx>, an HMAC of its value: the same value has the same pseudonym everywhere, as
long as the key in state_dir lives, and nobody without it can tell whose it is. With the key, `Redactor.find` reads it
back from the lines that hold it: no list of secrets is kept anywhere.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from logwatchd.errors import StateError, state_error
from logwatchd.parsing.redaction_rules import RULES, Rule

if TYPE_CHECKING:
    from logwatchd.config_alerting import RedactSettings
    from logwatchd.config_secrets import Secrets

KEY_NAME = "redaction.key"
_KEY_BYTES = 32
_SHOWN = 8  # hexadecimal digits of a pseudonym
# No secret, or known better here: those of tokens take time that grows with the square of a line's length.
_LEFT_OUT = {"IPPublicDetector", "BasicAuthDetector", "PrivateKeyDetector", "JwtTokenDetector", "NpmDetector"}
_PSEUDONYM = re.compile(r"<([a-z][a-z0-9-]{0,30})-([0-9a-f]{8})>")
# What the normaliser left in the middle of a word: there the rules are to see digits, or they know no token again.
_FOLDED = re.compile(r"(?<=[\w/.:%+-])<(?:N|ID)>|<(?:N|ID)>(?=[\w/.:%+-])")

Span = tuple[int, int, str]  # where it begins and ends, kind
_begin = itemgetter(0)


class Redactor:
    """Thread-safe; the same text always gives the same text."""

    def __init__(self, key: bytes, also: Sequence[tuple[str, str]] = (), known: Iterable[str] = ()) -> None:
        """
        Args:
            also: the configuration's own rules, as (kind, regular expression).
            known: values that are never to leave, whatever surrounds them, such as our own keys.
        """
        self._key = key
        kinds = "|".join(sorted({"secret", *(kind for kind, _ in also), *(rule.kind for rule in RULES)}))
        self._mask = re.compile(f"<(?:{kinds})>")
        own = [Rule(kind, re.compile(pattern)) for kind, pattern in also]
        values = sorted({value for value in known if len(value) >= 6}, key=len, reverse=True)
        if values:
            own.insert(0, Rule("secret", re.compile("|".join(map(re.escape, values)))))
        self._own = tuple(own)

    def __call__(self, text: str) -> str:
        """The text with a pseudonym for each value."""
        return _replaced(text, self._spans(text, _pseudonyms(text)), self.pseudonym)

    def masked(self, pattern: str) -> str:
        """A pattern (or a line) with <kind> for each value: the same under every key, for what models compare.

        It finds as well what the normaliser has left of a value. `masked(masked(x)) == masked(x)`.
        """
        while True:  # ends: each time there is less outside of the masks
            folded = [match.span() for match in _FOLDED.finditer(pattern)] if "<" in pattern else []
            opened = _replaced(pattern, [(*span, "") for span in folded], lambda _, mask: "0" * len(mask))
            masks = [(match.start(), match.end(), "") for match in self._mask.finditer(pattern)]
            spans = _whole(self._spans(opened, masks), folded)
            if not spans:
                return pattern
            pattern = _replaced(pattern, spans, lambda kind, _: f"<{kind}>")

    def pseudonym(self, kind: str, value: str) -> str:
        digest = hmac.new(self._key, f"{kind}\0{value}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return f"<{kind}-{digest[:_SHOWN]}>"

    def find(self, wanted: str, lines: Iterable[str]) -> Iterator[str]:
        """The values in these lines whose pseudonym is wanted, with or without its <>; each once."""
        wanted = f"<{wanted.strip('<>')}>"
        seen: set[str] = set()
        for line in lines:
            for begin, end, kind in self._spans(line, _pseudonyms(line)):
                value = line[begin:end]
                if value not in seen and self.pseudonym(kind, value) == wanted:
                    seen.add(value)
                    yield value

    def _spans(self, text: str, taken: list[Span]) -> list[Span]:
        """What is to be taken out, in order, without overlaps; what an earlier rule found stays its own.

        Args:
            taken: where nothing is to be found, in order and without overlaps; their kind is "". What is found comes in
                between.
        """
        lower = text.lower()
        for rule in (*self._own, *RULES, *_detected()):
            if rule.hints and not any(hint in lower for hint in rule.hints):
                continue
            for match in rule.pattern.finditer(text):
                begin, end = _value(match)
                place = bisect_left(taken, end, key=_begin)  # behind the last one that begins before it ends
                clear = not place or taken[place - 1][1] <= begin
                if end > begin and clear and rule.holds(text[begin:end]):
                    taken.insert(place, (begin, end, rule.kind))
        return [span for span in taken if span[2]]


def redactor_of(rules: Iterable[RedactSettings], secrets: Secrets | None, key: bytes = b"") -> Redactor:
    """What takes out the built-in forms, those of `[[redact]]` tables, and our own secrets.

    Args:
        key: of the pseudonyms; none is needed for `Redactor.masked`.
    """
    known = [secret.get_secret_value() for secret in (secrets.all() if secrets else ()) if secret is not None]
    return Redactor(key, [(rule.name, rule.pattern) for rule in rules], known)


def read_key(state_dir: Path) -> bytes:
    """The key of the pseudonyms; made at the first call.

    Raises:
        StateError: it can be neither read nor made.
    """
    file = state_dir / KEY_NAME
    try:
        with suppress(FileExistsError):
            fresh = state_dir / f"{KEY_NAME}.{os.getpid()}.{secrets.token_hex(4)}"
            if not file.exists():
                handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                with os.fdopen(handle, "wb") as out:
                    out.write(secrets.token_bytes(_KEY_BYTES))
                    out.flush()
                    os.fsync(out.fileno())
                try:
                    os.link(fresh, file)  # another process may have been quicker: then its key counts
                finally:
                    fresh.unlink()
        if not stat.S_ISREG(file.stat().st_mode):  # a FIFO would wait for a writer for ever
            raise StateError(f"{file}: no regular file; move it away, and a new one is made")
        key = file.read_bytes()
    except OSError as error:
        raise state_error(f"{file}: {error.strerror}", error, "it needs a state_dir that it may write to") from None
    if len(key) != _KEY_BYTES:
        raise StateError(f"{file}: is {len(key)} bytes long and no key of ours; move it away, and a new one is made")
    return key


@cache
def _detected() -> tuple[Rule, ...]:
    """The formats that the detect-secrets package knows, where it is installed (the extra `redact`)."""
    try:
        plugins = import_module("detect_secrets.core.plugins.util").get_mapping_from_secret_type_to_class()
    except ImportError:
        return ()
    found = []
    for plugin in plugins.values():
        patterns = getattr(plugin, "denylist", ())
        if plugin.__name__ not in _LEFT_OUT and isinstance(patterns, list | tuple | set):
            found += [Rule("secret", pattern) for pattern in patterns if isinstance(pattern, re.Pattern)]
    return tuple(found)


def _value(match: re.Match[str]) -> tuple[int, int]:
    for name in ("value", "value2", "value3"):
        if name in match.re.groupindex and match.start(name) >= 0:
            return match.span(name)
    return match.span()


def _pseudonyms(text: str) -> list[Span]:
    return [(match.start(), match.end(), "") for match in _PSEUDONYM.finditer(text)] if "<" in text else []


def _whole(spans: Sequence[Span], folded: Sequence[tuple[int, int]]) -> list[Span]:
    """The spans, with all of each mask that they begin or end in."""
    whole: list[Span] = []
    for begin, end, kind in spans:
        begin = _around(begin, folded)[0]
        end = _around(end, folded)[1]
        if whole and begin < whole[-1][1]:
            begin, kind = whole[-1][0], whole.pop()[2]
        whole.append((begin, end, kind))
    return whole


def _around(place: int, folded: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Where the mask begins and ends inside of which a place is; the place itself where it is in none."""
    before = bisect_left(folded, place, key=_begin) - 1
    return folded[before] if before >= 0 and place < folded[before][1] else (place, place)


def _replaced(text: str, spans: Sequence[Span], write: Callable[[str, str], str]) -> str:
    """The text with what `write(kind, value)` returns in place of each span."""
    pieces, at = [], 0
    for begin, end, kind in spans:
        pieces += [text[at:begin], write(kind, text[begin:end])]
        at = end
    return "".join([*pieces, text[at:]]) if pieces else text
