"""Where log entries go: journald with fields, a terminal for people, JSON lines for containers.

No sink raises into its caller, and none keeps it waiting for long: an entry that cannot be delivered is counted.
"""

from __future__ import annotations

import json
import os
import select
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from logwatchd.journald import AWAY, JournalSocket, field_name, pack

IDENTIFIER = "logwatchd"

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]

_PATIENCE_S = 0.3
_ROOM_BYTES = 4 << 20  # of entries that wait for journald: a thousand alerts with all their fields
_PIPE_BUF = 4096  # what a pipe that is ready takes without blocking
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
_COLOURS = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "1;31"}
_DAEMON_FACILITY = "3"
# Fixed for ever: message catalogues and people's queries name the ids that are derived from it.
_MESSAGE_IDS = uuid.UUID("6f1c0b0e-2b0f-4a5e-9d0c-3f0a4c6b7d11")
# Control and bidirectional characters of a foreign log line must not steer anybody's terminal.
_VISIBLE = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that logwatchd says, free of secrets.

    level: 'debug' to 'critical'. kind: the Event member's name, or "" for what a library says. text: what people read
    first. details: what they read after it when there is no `message` of its own. traceback: several lines, or "".
    about: fields of the whole daemon, which are not read to people.
    """

    at: datetime
    level: str
    kind: str
    part: str
    text: str
    message: str
    details: Mapping[str, Plain]
    traceback: str
    about: Mapping[str, Plain] = field(default_factory=dict)

    def sentence(self) -> str:
        """The entry for people, without its time: one line, and a traceback below it."""
        text = self.text
        if self.message:
            text = f"{text}: {self.message}" if text else self.message
        elif self.details:
            text = f"{text}: " + " ".join(f"{key}={_quoted(value)}" for key, value in self.details.items())
        if self.traceback:
            text = f"{text}\n{self.traceback}"
        return text.translate(_VISIBLE)


class Sink(Protocol):
    """Takes entries from any thread."""

    def emit(self, entry: Entry) -> None: ...


def message_id(kind: str) -> str:
    """journald's MESSAGE_ID of a kind of event: the same in every version and on every machine."""
    return uuid.uuid5(_MESSAGE_IDS, kind).hex


def as_json(entry: Entry) -> str:
    """One JSON object; a detail never hides one of the entry's own keys."""
    own: dict[str, Plain] = {
        "timestamp": _instant(entry, "microseconds"),
        "level": entry.level,
        "event": entry.kind,
        "message": f"{entry.text}: {entry.message}" if entry.message else entry.text,
        "part": entry.part,
    }
    if entry.traceback:
        own["traceback"] = entry.traceback
    more = {key: value for key, value in (*entry.about.items(), *entry.details.items()) if key not in own}
    return json.dumps(own | more, ensure_ascii=False)


def as_text(entry: Entry, colours: bool = False) -> str:
    """Local time, level, part, sentence."""
    level = f"{entry.level:8}"
    if colours:
        level = f"\x1b[{_COLOURS.get(entry.level, '0')}m{level}\x1b[0m"
    return f"{entry.at.astimezone():%H:%M:%S} {level} {entry.part:9} {entry.sentence()}"


def as_fields(entry: Entry, *, late: bool = False) -> Iterator[tuple[str, str]]:
    """The entry's journal fields. late: journald is going to date it by when it got it; so it says itself when it was
    said."""
    if late:
        yield "MESSAGE", f"(said at {_instant(entry, 'seconds')}, when journald was away) {entry.sentence()}"
        yield "LOGWATCHD_SAID_AT", _instant(entry, "microseconds")
    else:
        yield "MESSAGE", entry.sentence()
    yield "PRIORITY", str(_PRIORITIES.get(entry.level, 6))
    yield "SYSLOG_IDENTIFIER", IDENTIFIER
    yield "SYSLOG_FACILITY", _DAEMON_FACILITY
    if entry.kind:
        yield "MESSAGE_ID", message_id(entry.kind)
        yield "LOGWATCHD_EVENT", entry.kind
    if entry.part:
        yield "LOGWATCHD_PART", entry.part
    for key, value in (*entry.about.items(), *entry.details.items()):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield field_name(f"LOGWATCHD_{key}"), text


def _instant(entry: Entry, precision: str) -> str:
    return entry.at.isoformat(timespec=precision).replace("+00:00", "Z")


def _loss(entry: Entry, count: int) -> Entry:
    """What stands before `entry` in place of those that nobody took."""
    text = "log entries before this one were lost: nobody took them"
    return Entry(entry.at, "warning", "", "journal", text, "", {"lost": count}, "")


def _quoted(value: Plain) -> str:
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return (
        value
        if value and value.isprintable() and not set(value) & set(" \"'=")
        else json.dumps(value, ensure_ascii=False)
    )


class StreamSink:
    """Writes lines to a handle (1 or 2) and gives up on one that nobody reads, such as a stopped terminal."""

    def __init__(self, fd: int, render: Callable[[Entry], str]) -> None:
        self._fd = fd
        self._render = render
        self._lock = threading.Lock()
        self._patience_s = _PATIENCE_S
        self._lost = 0
        self._torn = False

    def emit(self, entry: Entry) -> None:
        # Not for ever: the holder may be stuck in a write, or be this very thread, interrupted by a signal.
        if not self._lock.acquire(timeout=_PATIENCE_S):
            self._lost += 1
            return
        try:
            self._write(entry)
        finally:
            self._lock.release()

    def _write(self, entry: Entry) -> None:
        lines = ([_loss(entry, self._lost)] if self._lost else []) + [entry]
        text = "".join(self._render(line) + "\n" for line in lines)
        data = (("\n" if self._torn else "") + text).encode("utf-8", "backslashreplace")
        at = 0
        try:
            while at < len(data):
                if not self._takes_data():
                    raise BlockingIOError
                at += os.write(self._fd, data[at : at + _PIPE_BUF])
        except OSError:
            self._patience_s = 0.0
            self._lost += 1
            self._torn = self._torn or at > 0
            return
        self._patience_s, self._lost, self._torn = _PATIENCE_S, 0, False

    def _takes_data(self) -> bool:
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        return bool(poll.poll(self._patience_s * 1000))


class JournaldSink:
    """Sends to journald; what it does not take goes to `fallback`, or waits for it.

    keeps: what it does not take waits in memory, and goes to it in its order once it takes entries again. That is for
    a process whose stderr is journald's, too: that handle ends with journald's sockets, and what is written to it while
    journald alone is away comes late and without its fields.
    """

    def __init__(self, journal: JournalSocket, fallback: Sink, *, keeps: bool = False) -> None:
        self._journal = journal
        self._fallback = fallback
        self._keeps = keeps
        self._lock = threading.Lock()  # nothing that is done under it waits for journald
        self._waiting: deque[tuple[Entry, int]] = deque()  # each with the bytes that it takes
        self._room = _ROOM_BYTES
        self._lost = 0  # behind those that wait, whose last one says so

    def emit(self, entry: Entry) -> None:
        if not self._waiting:
            try:
                self._journal.send(pack(as_fields(entry)))
                return
            except OSError as error:
                if not self._keeps or error.errno not in AWAY:
                    self._fallback.emit(entry)
                    return
        # Not for ever: the holder may be this very thread, interrupted by a signal.
        if not self._lock.acquire(timeout=_PATIENCE_S):
            self._fallback.emit(entry)
            return
        try:
            self._stand_in_line(entry)
        finally:
            self._lock.release()

    def catch_up(self) -> None:
        """Send what waits, as far as journald takes it now."""
        if self._waiting and self._lock.acquire(blocking=False):
            try:
                self._hand_over()
            finally:
                self._lock.release()

    def finish(self) -> None:
        """The process ends: what journald does not take now goes to `fallback`."""
        self.catch_up()
        while self._waiting:
            self._fallback.emit(self._waiting.popleft()[0])

    def _stand_in_line(self, entry: Entry) -> None:
        if self._hand_over() and self._sent(entry, late=False):
            return
        size = len(pack(as_fields(entry, late=True)))
        if not self._lost and size <= self._room:
            self._waiting.append((entry, size))
            self._room -= size
            return
        if self._lost:
            self._waiting.pop()
        self._lost += 1
        self._waiting.append((_loss(entry, self._lost), 0))
        self._fallback.emit(entry)

    def _hand_over(self) -> bool:
        """Whether nothing waits any more."""
        while self._waiting:
            entry, size = self._waiting[0]
            if not self._sent(entry, late=True):
                return False
            self._waiting.popleft()
            self._room += size
        self._lost = 0
        return True

    def _sent(self, entry: Entry, *, late: bool) -> bool:
        """Whether journald is done with an entry; one that it can never get goes to `fallback`."""
        try:
            self._journal.send(pack(as_fields(entry, late=late)), wait=False)
        except OSError as error:
            if error.errno in AWAY:
                return False
            self._fallback.emit(entry)
        return True
