"""The data that travels from a log file to a person: frozen, in the order of its way.

file -> `Block` (whole lines, their place) -> `Verdict` (of a pattern) -> `Anomaly` (a line) -> `Alert` (an incident).
Blocks, not lines, travel between threads: a known line then costs a dictionary look-up, or two where it has a status or
an exit code, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from logwatchd.vectors import Vectors

StartAt = Literal["end", "beginning"]


class Level(IntEnum):
    """How serious the writer of a line says it is; ordered."""

    UNKNOWN = 0
    TRACE = 1
    DEBUG = 2
    INFO = 3
    NOTICE = 4
    WARNING = 5
    ERROR = 6
    CRITICAL = 7
    FATAL = 8


class Severity(Enum):
    """How urgent an incident is for a person; the values are what people read."""

    P1 = "P1-Critical"
    P2 = "P2-High"
    P3 = "P3-Medium"
    P4 = "P4-Low"


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """What a `[[source]]` of the configuration asks for.

    paths: file names and globs; "-" is standard input. journal: systemd's, or what units, identifiers and priority, as
    journalctl knows them, leave of it. service: None means read from the line, else the file's name.
    start_at: where a file that exists at the very first start is begun. skip_levels: never judged.
    multiline: "auto" joins stack traces to the line that they stand under; multiline_start, multiline_continue: regular
    expressions that say it in its place. encoding: of the files; blocks are UTF-8 whatever it is.
    """

    paths: tuple[str, ...]
    service: str | None = None
    start_at: StartAt = "end"
    skip_levels: frozenset[Level] = frozenset({Level.DEBUG})
    multiline: Literal["auto", "off"] = "auto"
    multiline_start: str | None = None
    multiline_continue: str | None = None
    encoding: str = "utf-8"
    journal: bool = False
    units: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    priority: str | None = None


@dataclass(frozen=True, slots=True)
class Mask:
    """A `[[mask]]` of the user's.

    pattern: a regular expression over a raw line, matching no empty text. token: what takes its place, as <ORDER>.
    """

    name: str
    pattern: str
    token: str


class FileId(NamedTuple):
    """A file's identity. `generation` counts how often the same inode started anew (truncation)."""

    device: int
    inode: int
    generation: int

    @property
    def lane(self) -> Lane:
        """What stays in order: its lines, whatever the generation."""
        return self[:2]


Lane = tuple[int, int]  # of a file: device and inode

INNER = 0x0B  # a vertical tab: a blank to all that reads words, and yet still to be told from one


def flat(data: bytes, inner: tuple[int, ...]) -> bytes:
    """Lines with one line an event: newlines inside of events become INNER. Lengths and places stay as they are."""
    if not inner:
        return data
    copy = bytearray(data)
    for position in inner:
        copy[position] = INNER
    return bytes(copy)


@dataclass(frozen=True, slots=True)
class Block:
    """A run of whole lines from one file.

    data: the lines' bytes, each ended by b"\\n" (supplied where a finished file's last line has none).
    offset: where data begins in the file, in bytes. end: the file position to commit once these lines
    are dealt with; not always offset + len(data), since NUL holes and over-long lines are skipped.
    inner: where in data newlines stand inside of an event, such as a stack trace; an event is scored as one line.
    coding: the file's own encoding; data is UTF-8 whatever it is.
    """

    source: SourceSpec
    path: str
    file: FileId
    offset: int
    data: bytes
    end: int
    inner: tuple[int, ...] = ()
    coding: str = "utf-8"

    @property
    def lane(self) -> Lane:
        return self.file.lane

    def flat(self) -> bytes:
        """data with one line an event."""
        return flat(self.data, self.inner)

    def place(self, at: int) -> int:
        """Where in the file the byte `at` of data stands, in bytes."""
        return self.offset + self.length(0, at)

    def length(self, begin: int, end: int) -> int:
        """How many bytes data[begin:end], which are whole characters, have in the file."""
        if self.coding == "utf-8":
            return end - begin
        return len(self.data[begin:end].decode("utf-8").encode(self.coding, "backslashreplace"))


@dataclass(frozen=True, slots=True)
class Nearest:
    """The centroid nearest to a pattern: cosine `distance` to it, its `radius`, up to three of its examples."""

    centroid: int
    distance: float
    radius: float
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the scorer says of a pattern; every line with that pattern shares it.

    score: 0 (normal) to 1. skipped: its level is one the source never embeds, so it was not scored. novelty: the score
    before its level and its words of failure weighed on it.
    """

    pattern: str
    level: Level
    score: float
    threshold: float
    anomaly: bool
    nearest: Nearest | None
    skipped: bool = False
    novelty: float = 0.0


def unjudged(pattern: str, level: Level) -> Verdict:
    """What is said of a line that is never judged."""
    return Verdict(pattern, level, 0.0, 0.0, anomaly=False, nearest=None, skipped=True)


@dataclass(frozen=True, slots=True)
class Background:
    """What an alert tells of a line beside its verdict.

    differs: the words that made it far from its nearest known-good examples, the most telling first. context: up to 50
    lines of the same file before it, oldest first.
    """

    differs: tuple[str, ...]
    context: tuple[str, ...]


class Details(Protocol):
    """What is found out of a line only when it is asked for, for most lines join an alert that has gone out."""

    def background(self) -> Background:
        """What its alert tells; in half a millisecond."""

    def timestamp(self) -> datetime | None:
        """The line's own, if it has one."""

    def vector(self) -> Vectors:
        """(D,) embedding of the pattern, for grouping."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One line that the baseline does not know, with what is needed to explain it.

    line: decoded text without its newline (broken bytes as \\xNN), cut where it is very long. offset: its place in
    `file`, in bytes. end: that of the next line.
    read_at: wall clock, UTC. details: what takes time to find out. late: it waited for the embedding service. by_twin:
    judged by the baseline's local twin, while that service was away.
    """

    source: SourceSpec
    service: str
    path: str
    file: FileId
    offset: int
    end: int
    line: str
    verdict: Verdict
    read_at: datetime
    details: Details = field(compare=False, repr=False)
    late: bool = False
    by_twin: bool = False


@dataclass(frozen=True, slots=True)
class Analysis:
    """What Claude says of an incident, validated and stripped of control characters.

    check_also: what else to look at. evidence: those of the given lines that the cause rests on. conclusive: False
    where the lines do not tell a cause; likely_cause then says what is known and missing. reused_from: the alert whose
    analysis this was at first, None where it was made for this one.
    """

    likely_cause: str
    severity: Severity
    suggested_action: str
    model: str
    confidence: Literal["high", "medium", "low"] = "medium"
    check_also: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    conclusive: bool = True
    reused_from: str | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """What a person is told once about an incident: its first line and its explanation.

    id: of this incident, from its first line's place and text. fingerprint: of its kind (service and pattern), the same
    whenever it comes again; neither rests on a model's words. differs: words of the pattern that the nearest
    known-good examples do not have, the most telling first. context: the lines before, oldest first. severity: the
    local estimate. radius: of the nearest centroid. novelty: the score before level and words weighed on it. late: it
    waited on the disk for an embedding service that was away. by_twin: the baseline's local twin judged in its place.
    end: where in its file the next line begins, in bytes; None in what an earlier version stored.
    """

    id: str
    fingerprint: str
    service: str
    path: str
    line: str
    pattern: str
    level: Level
    score: float
    threshold: float
    distance: float
    centroid: int | None
    nearest_examples: tuple[str, ...]
    differs: tuple[str, ...]
    context: tuple[str, ...]
    severity: Severity
    read_at: datetime
    file: FileId
    offset: int
    end: int | None = None
    radius: float = 0.0
    novelty: float = 0.0
    late: bool = False
    by_twin: bool = False
