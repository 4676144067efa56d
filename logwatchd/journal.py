"""What logwatchd itself says: structlog set-up and the names of all events in one place."""

from __future__ import annotations

import atexit
import logging
import math
import os
import sys
import traceback
from collections.abc import Iterable, Mapping
from enum import Enum, IntEnum, StrEnum
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from logwatchd import clock
from logwatchd.journal_output import Entry, JournaldSink, Plain, Sink, StreamSink, as_json, as_text
from logwatchd.journald import JournalSocket, is_journal
from logwatchd.without import without

Output = Literal["auto", "journal", "terminal", "json"]

_HIDDEN = "**********"
_MIN_SECRET_CHARS = 6  # shorter ones would blot out ordinary words
_MAX_DEPTH = 4


class Event(StrEnum):
    """Every event that logwatchd logs; the text is what people read."""

    # the daemon
    STARTING = "starting"
    READY = "ready"
    RELOADED = "reloaded"
    RELOAD_REFUSED = "reload refused; the old configuration and baseline stay in force"
    STOPPING = "stopping"
    STOPPED = "stopped"
    LEARNING = "there is no baseline yet: learning what is normal; only critical lines are told until then"
    LEARNED = "learned what is normal; watching from now on"
    WARMUP_FAILS = "what was learned cannot be put to use; it is tried again"
    STAGE_DIED = "a stage died; stopping so that the supervisor can start anew"
    STAGE_HANGS = "a stage makes no progress"
    STATE_LOST = "the state folder was deleted or replaced; stopping so that the supervisor can start anew"
    STATUS_NOT_WRITTEN = "the status file cannot be written"

    # files
    FILE_FOUND = "file found"
    FILE_IGNORED = "file ignored"
    FILE_UNREADABLE = "file cannot be read; it is tried again"
    FILE_ROTATED = "file rotated"
    FILE_TRUNCATED = "file truncated"
    FILE_RELEASED = "file released"
    LINES_LOST = "bytes were truncated away before they were read"
    LINE_CUT = "line is too long and was cut"
    POLLING_ONLY = "inotify cannot be used; polling only"
    WATCHER_DIED = "the inotify thread died"
    CHECKPOINTS_DAMAGED = "the record of read positions is damaged"
    CHECKPOINTS_UNWRITABLE = "read positions cannot be written"
    CHECKPOINTS_WRITABLE = "read positions can be written again"
    JOURNAL_UNREADABLE = "the journal cannot be read; it is tried again until it can"
    JOURNAL_READABLE = "the journal can be read again"
    JOURNAL_SAYS = "journalctl says"
    JOURNAL_GARBLED = "journalctl told something that is no entry; it is left out"
    OUTPUT_UNWRITABLE = "the output cannot be written; reading waits until it can"
    OUTPUT_WRITABLE = "the output can be written again"

    # scoring
    BASELINE_OF_ANOTHER_VERSION = (
        "the baseline is another version's; a few known lines may look new until it is built again"
    )
    SOURCE_UNLEARNED = "the baseline was not learned from this source; its normal lines may look new"
    STUMBLED = "a fault in logwatchd, over a line or a text; it goes on with each by itself"
    LINE_UNTOLD = "a line is passed over: telling it stumbles upon a fault in logwatchd"
    TEXTS_REFUSED = "the embedding service refuses texts; they count as new, whatever they say"
    EMBEDDING_AWAY_WAIT = "embedding fails; lines with new texts are kept on the disk and scored late"
    EMBEDDING_AWAY_LOCAL = "embedding fails; new texts are judged by the baseline's local twin until it works again"
    EMBEDDING_RECOVERED = "embedding works again"
    CACHE_FAILS = "the cache of embeddings cannot be used; texts may be sent again after a restart"
    FILE_SET_ASIDE = "a file of the state folder cannot be used and is set aside; a new one is begun"
    BACKLOG_FULL = "the lines that wait for embedding fill their room; reading waits until it works again"
    BACKLOG_FAILS = "the lines that wait for embedding cannot be written or read; it is tried again"
    LINES_GIVEN_UP = "lines that waited for embedding were given up"
    BACKLOG_DONE = "the lines that waited for embedding are scored"
    STORING_FAILED = "anomalies cannot be stored; reading waits until they can"

    # alerting
    ANOMALY = "new incident"
    INCIDENT_GREW = "another kind of line joined an incident"
    INCIDENT_UPDATE = "people are told more of an incident"
    LINES_MUTED = "muted lines: nobody is told of them"
    ALERTS_HELD = "more incidents than max_alerts_per_hour; a digest will tell of those that are held back"
    DIGEST = "digest of what was held back"
    INCIDENT_RESOLVED = "incident is over"
    INCIDENT_GIVEN_UP = "an incident cannot be read again and is over; its next line opens a new one"
    INCIDENT_CONTINUES = "incident is still open as we stop"
    ANALYSIS = "Claude says"
    ANALYSIS_UNUSABLE = "Claude's answer cannot be used; the alert explains itself"
    ANALYSIS_FAILS = "analysis fails; alerts explain themselves until it works again"
    ANALYSIS_REFUSED = "analysis is refused; it stays off until a reload"
    ANALYSIS_OVER_BUDGET = "no more analyses for now: over max_per_hour or daily_usd; they follow"
    ANALYSIS_RECOVERED = "analysis works again"
    SINK_FAILS = "alerts cannot be delivered; they are kept and tried again"
    SINK_REFUSED = "alerts are refused; they are kept until a reload"
    ALERT_REFUSED = "an alert is refused and set aside; the others go on"
    SINK_RECOVERED = "alerts are delivered again"
    ALERTS_KEPT = "alerts are kept for the next start"
    ALERTS_GIVEN_UP = "alerts were given up"
    OUTBOX_FAILS = "the outbox cannot be written; it is tried again"


class Logger:
    """structlog's logger for one part of the program, fetched when there is something to say.

    Details are keywords: `log.warning(Event.X, path=path)`. Two have a meaning: `message` is what people read in place
    of the list of details (which stay fields); `exc_info=True` (or `log.exception`) adds the traceback.
    """

    def __init__(self, part: str) -> None:
        self._part = part

    def debug(self, event: str, **details: Any) -> None:
        self._say("debug", event, details)

    def info(self, event: str, **details: Any) -> None:
        self._say("info", event, details)

    def warning(self, event: str, **details: Any) -> None:
        self._say("warning", event, details)

    def error(self, event: str, **details: Any) -> None:
        self._say("error", event, details)

    def critical(self, event: str, **details: Any) -> None:
        self._say("critical", event, details)

    def exception(self, event: str, **details: Any) -> None:
        self._say("exception", event, {"exc_info": True, **details})

    def _say(self, method: str, event: str, details: dict[str, Any]) -> None:
        if prepare():
            import structlog

            getattr(structlog.stdlib.get_logger(part=self._part), method)(event, **details)
        elif method != "debug":  # without structlog: that no handle is left to import with may be what is to be said
            told = _wanted or _Wanted(_Entries(()), _sink("auto"), logging.INFO)
            level = "error" if method == "exception" else method
            _Mouth(told.sink).debug(told.entries.entry(level, {"event": event, "part": self._part, **details}))


def logger(part: str) -> Logger:
    """A logger for one part of the program: 'tail', 'score', 'slack' and so on."""
    return Logger(part)


@runtime_checkable
class Secret(Protocol):
    """What pydantic's SecretStr offers; naming it here would import pydantic for `--help`."""

    def get_secret_value(self) -> Any: ...


def configure(output: Output = "auto", verbosity: int = 0, secrets: Iterable[Secret | None] = ()) -> None:
    """Say from now on what is logged, where it belongs; may be called again.

    output: 'journal' sends to journald, stderr standing in for it; 'terminal' writes for people to stderr, in colours
    if that is a terminal and NO_COLOR is empty; 'json' writes lines to stdout; 'auto' takes the first if systemd
    connected us to the journal, else the second on a terminal, else the third. Commands whose stdout is data ask
    for 'terminal'.
    verbosity: -2 errors only, -1 warnings, 0 info, 1 debug.
    secrets: their values are blotted out wherever they turn up, such as in a library's error message.
    """
    sink = _sink(output)
    entries = _Entries(secrets)
    level = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)[1 - max(-2, min(1, verbosity))]
    global _wanted
    _wanted = _Wanted(entries, sink, level)
    if "structlog" in sys.modules:
        prepare()
    _listen_to_libraries(entries, sink)


_to_journald: JournaldSink | None = None
_of_alerts: dict[str, Plain] = {}


def about_alerts(**facts: Plain) -> None:
    """Say from now on with every entry about an alert what holds for all of them, such as the baseline in force."""
    _of_alerts.update(facts)


def prepare() -> bool:
    """Import structlog, unless that is done, and tell it what `configure` was told; False if that fails now.

    It takes as long as all that a short command does, so it is left until something is said. A program that may have
    something to say when there is no handle left to import with calls it while it has nothing else to do.
    """
    global _wanted
    try:
        with without("rich"):  # of which it would make tracebacks for a terminal: 3 MiB that nobody uses
            import structlog
    except (ImportError, OSError):
        return False
    wanted = _wanted
    if wanted is not None:
        structlog.configure(
            processors=[wanted.entries],
            wrapper_class=structlog.make_filtering_bound_logger(wanted.level),
            logger_factory=lambda *_: _Mouth(wanted.sink),
            cache_logger_on_first_use=False,
        )
        if _wanted is wanted:
            _wanted = None
    return True


def _sink(output: Output) -> Sink:
    if output == "auto":
        output = "journal" if is_journal(2, os.environ) else "terminal" if os.isatty(2) else "json"
    if output == "json":
        return StreamSink(1, as_json)
    colours = os.isatty(2) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    terminal = StreamSink(2, lambda entry: as_text(entry, colours))
    return _journald(terminal) if output == "journal" else terminal


def _journald(stand_in: Sink) -> JournaldSink:
    """One for the whole process: what waits for journald outlasts a reload."""
    global _to_journald
    if _to_journald is None:
        _to_journald = JournaldSink(JournalSocket(), stand_in, keeps=is_journal(2, os.environ))
        atexit.register(_to_journald.finish)
    return _to_journald


def catch_up() -> None:
    """Send journald what it could not take before; a process that lives long calls it now and then."""
    if _to_journald is not None:
        _to_journald.catch_up()


class _Mouth:
    """What structlog calls at the end of its chain: every level's method does the same."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def debug(self, entry: Entry) -> None:
        try:
            self._sink.emit(entry)
        except Exception:  # a log line must never break the work that it is about
            return

    info = warning = error = critical = debug


class _Entries:
    """structlog's one processor: turns an event with its details into an `Entry` without secrets."""

    def __init__(self, secrets: Iterable[Secret | None]) -> None:
        values = {str(secret.get_secret_value()) for secret in secrets if secret is not None}
        self._secrets = sorted((v for v in values if len(v) >= _MIN_SECRET_CHARS), key=len, reverse=True)

    def __call__(self, _logger: Any, method: str, details: Mapping[str, Any]) -> tuple[tuple[Entry], dict[str, Any]]:
        return (self.entry("error" if method == "exception" else method, dict(details)),), {}

    def entry(self, level: str, details: dict[str, Any]) -> Entry:
        """The entry that `details` describe; never raises, whatever stands in them."""
        event = details.pop("event", "")
        part = str(details.pop("part", ""))
        error = details.pop("exc_info", None)
        message = details.pop("message", None)
        return Entry(
            at=clock.utc_now(),
            level=level,
            kind=event.name if isinstance(event, Event) else "",
            part=part,
            text=self._text(event),
            message="" if message is None else self._text(message),
            details={key: self._plain(value) for key, value in details.items() if value is not None},
            traceback=self._traceback(error),
            about=dict(_of_alerts) if "alert_id" in details else {},
        )

    def _text(self, value: object) -> str:
        try:
            text = str(value)
        except Exception:
            return f"<unprintable {type(value).__name__}>"
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text

    def _plain(self, value: object, depth: int = 0) -> Plain:
        """The value as JSON knows it."""
        if type(value) is str:  # nearly all are; and whether one is a Secret takes long to see
            return self._text(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Secret):
            return _HIDDEN
        if isinstance(value, Enum):
            return value.name if isinstance(value, IntEnum) else self._text(value.value)
        if isinstance(value, Integral):
            return int(value)
        if isinstance(value, Real):
            number = float(value)
            return number if math.isfinite(number) else str(number)
        if isinstance(value, bytes):
            return self._text(value.decode("utf-8", "backslashreplace"))
        if isinstance(value, BaseException):
            return self._text(f"{type(value).__name__}: {self._text(value)}".removesuffix(": "))
        if depth < _MAX_DEPTH and isinstance(value, Mapping):
            return {self._text(key): self._plain(item, depth + 1) for key, item in value.items()}
        if depth < _MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
            return [self._plain(item, depth + 1) for item in value]
        return self._text(value)

    def _traceback(self, error: object) -> str:
        if isinstance(error, tuple):
            error = error[1]
        elif error and not isinstance(error, BaseException):
            error = sys.exc_info()[1]
        if not isinstance(error, BaseException):
            return ""
        try:
            return self._text("".join(traceback.format_exception(error)).rstrip())
        except Exception:
            return self._text(repr(type(error)))


class _FromLibraries(logging.Handler):
    """What libraries say through `logging` (watchdog's lost events, for one) goes the same way as our own words."""

    def __init__(self, entries: _Entries, sink: Sink) -> None:
        super().__init__(logging.WARNING)
        self._entries = entries
        self._mouth = _Mouth(sink)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception:
            text = str(record.msg)
        level = record.levelname.lower() if record.levelname.lower() in {"error", "critical"} else "warning"
        details = {"event": text, "part": record.name, "exc_info": record.exc_info}
        self._mouth.debug(self._entries.entry(level, details))


class _Wanted(NamedTuple):
    """What structlog is to be told."""

    entries: _Entries
    sink: Sink
    level: int


_wanted: _Wanted | None = None


def _listen_to_libraries(entries: _Entries, sink: Sink) -> None:
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, _FromLibraries):
            root.removeHandler(handler)
    root.addHandler(_FromLibraries(entries, sink))
    # Below WARNING, HTTP clients log whole addresses, and a webhook's address is a secret.
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
