"""What journald gets, and what becomes of it while journald is away: on real datagram sockets."""

from __future__ import annotations

import array
import fcntl
import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from logwatchd.journal_output import Entry, JournaldSink, message_id
from logwatchd.journald import JournalSocket
from tests.fakes.journald import entry, unpack


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "socket"))
        server.settimeout(10)
        yield server


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[JournalSocket]:
    sender = JournalSocket(str(tmp_path / "socket"))
    yield sender
    sender.close()


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def emit(self, entry: Entry) -> None:
        self.entries.append(entry)


def test_an_entry_arrives_in_one_datagram_with_its_fields(receiver: socket.socket, sender: JournalSocket) -> None:
    said = entry(traceback="Traceback:\n  line 1\nValueError", alert_id="ab12", score=0.75, path="/var/log/a b")
    JournaldSink(sender, Kept()).emit(said)
    fields = unpack(receiver.recv(1 << 16))
    assert fields == {
        "MESSAGE": 'file rotated: alert_id=ab12 score=0.75 path="/var/log/a b"\nTraceback:\n  line 1\nValueError',
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "logwatchd",
        "SYSLOG_FACILITY": "3",
        "MESSAGE_ID": message_id("FILE_ROTATED"),
        "LOGWATCHD_EVENT": "FILE_ROTATED",
        "LOGWATCHD_PART": "tail",
        "LOGWATCHD_ALERT_ID": "ab12",
        "LOGWATCHD_SCORE": "0.75",
        "LOGWATCHD_PATH": "/var/log/a b",
    }


def test_a_big_entry_arrives_whole_as_a_sealed_file(receiver: socket.socket, sender: JournalSocket) -> None:
    line = "x\n" * 400_000
    JournaldSink(sender, Kept()).emit(entry(line=line))
    data, ancillary, _flags, _address = receiver.recvmsg(1 << 16, socket.CMSG_SPACE(4))
    assert data == b""
    file = array.array("i", ancillary[0][2])[0]
    try:
        assert fcntl.fcntl(file, fcntl.F_GET_SEALS) & fcntl.F_SEAL_WRITE
        os.lseek(file, 0, os.SEEK_SET)
        with os.fdopen(os.dup(file), "rb") as content:
            assert unpack(content.read())["LOGWATCHD_LINE"] == line
    finally:
        os.close(file)


def test_a_journald_that_is_gone_is_stood_in_for_and_found_again(tmp_path: Path, sender: JournalSocket) -> None:
    fallback = Kept()
    sink = JournaldSink(sender, fallback)
    sink.emit(entry("first"))
    assert [said.text for said in fallback.entries] == ["first"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "socket"))
        server.settimeout(10)
        sink.emit(entry("second"))
        assert unpack(server.recv(1 << 16))["MESSAGE"] == "second"
    assert len(fallback.entries) == 1


def test_a_journald_that_hangs_does_not_hang_us(receiver: socket.socket, sender: JournalSocket) -> None:
    fallback = Kept()
    sink = JournaldSink(sender, fallback)
    sent = 0
    while not fallback.entries:  # the kernel's queue of datagrams takes some
        sink.emit(entry(f"entry {sent}"))
        sent += 1
    assert [said.text for said in fallback.entries] == [f"entry {sent - 1}"]
    for number in range(sent - 1):
        assert unpack(receiver.recv(1 << 16))["MESSAGE"] == f"entry {number}"
    sink.emit(entry("again"))
    assert unpack(receiver.recv(1 << 16))["MESSAGE"] == "again"


def test_what_a_stopped_journald_could_not_take_goes_to_it_once_in_its_order(
    tmp_path: Path, sender: JournalSocket
) -> None:
    fallback = Kept()
    sink = JournaldSink(sender, fallback, keeps=True)
    for number in range(3):
        sink.emit(entry(f"away {number}", alert_id="ab12"))
    sink.catch_up()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "socket"))
        server.settimeout(10)
        sink.emit(entry("back", alert_id="ab12"))
        late = [unpack(server.recv(1 << 16)) for _ in range(3)]
        assert [fields["MESSAGE"] for fields in late] == [
            f"(said at 2026-01-02T12:00:00Z, when journald was away) away {number}: alert_id=ab12"
            for number in range(3)
        ]
        assert {fields["LOGWATCHD_SAID_AT"] for fields in late} == {"2026-01-02T12:00:00.000250Z"}
        assert {fields["LOGWATCHD_ALERT_ID"] for fields in late} == {"ab12"}
        back = unpack(server.recv(1 << 16))
        assert (back["MESSAGE"], back.get("LOGWATCHD_SAID_AT")) == ("back: alert_id=ab12", None)
        sink.catch_up()
        sink.finish()
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.recv(1 << 16)
    assert fallback.entries == []


def test_what_waits_goes_without_another_entry(tmp_path: Path, sender: JournalSocket) -> None:
    sink = JournaldSink(sender, Kept(), keeps=True)
    sink.emit(entry("away"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "socket"))
        server.settimeout(10)
        sink.catch_up()
        assert unpack(server.recv(1 << 16))["MESSAGE"].endswith(" away")


def test_a_hanging_journald_gets_everything_once_it_goes_on(receiver: socket.socket, sender: JournalSocket) -> None:
    sink = JournaldSink(sender, Kept(), keeps=True)
    texts = [f"entry {number}" for number in range(2000)]  # more than the kernel's queue of datagrams takes
    for text in texts:
        sink.emit(entry(text))
    receiver.setblocking(False)
    got: list[str] = []
    while len(got) < len(texts):
        sink.catch_up()
        got.append(unpack(receiver.recv(1 << 16))["MESSAGE"])
    assert any(message.startswith("(said at ") for message in got), "the queue took all of them; say more"
    got = [message.split(") ")[-1] for message in got]
    assert got == texts


def test_what_there_is_no_room_for_is_counted_and_stood_in_for(tmp_path: Path, sender: JournalSocket) -> None:
    fallback = Kept()
    sink = JournaldSink(sender, fallback, keeps=True)
    for number in range(8):
        sink.emit(entry(f"entry {number}", details="x" * (1 << 19)))  # in the message and as a field
    sink.emit(entry("a short one that would have room"))
    lost = [said.text for said in fallback.entries]
    assert lost == [*(f"entry {number}" for number in range(3, 8)), "a short one that would have room"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "socket"))
        server.settimeout(10)
        sink.catch_up()
        for _ in range(3):
            assert server.recv(1 << 16) == b"", "too big for a datagram: a file comes in its place"
        fields = unpack(server.recv(1 << 16))
        assert (fields["LOGWATCHD_LOST"], fields["PRIORITY"]) == ("6", "4")
        sink.emit(entry("after"))
        assert unpack(server.recv(1 << 16))["MESSAGE"] == "after"
    sink.emit(entry("away again"))
    assert len(fallback.entries) == 6, "there is room again"


def test_what_waits_at_the_end_is_stood_in_for(sender: JournalSocket) -> None:
    fallback = Kept()
    sink = JournaldSink(sender, fallback, keeps=True)
    sink.emit(entry("first"))
    sink.emit(entry("last"))
    assert fallback.entries == []
    sink.finish()
    assert [said.text for said in fallback.entries] == ["first", "last"]


def test_what_journald_can_never_get_stops_nothing_behind_it(tmp_path: Path, sender: JournalSocket) -> None:
    fallback = Kept()
    sink = JournaldSink(sender, fallback, keeps=True)
    sink.emit(entry("too big", line="x" * 400_000))
    sink.emit(entry("small"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "socket"))
        server.settimeout(10)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))  # no handle for a file in memory
        try:
            sink.catch_up()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert unpack(server.recv(1 << 16))["MESSAGE"].endswith(" small")
    assert [said.text for said in fallback.entries] == ["too big"]
