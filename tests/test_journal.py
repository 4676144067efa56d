"""What logwatchd says, on real handles: pipes and a pseudo-terminal. `test_journald` has what is said to journald."""

from __future__ import annotations

import json
import logging
import os
import pty
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from logwatchd import journal
from logwatchd.journal_output import Entry, StreamSink, as_fields, as_json, as_text, message_id
from logwatchd.journald import field_name, is_journal, pack
from logwatchd.records import Level, Severity
from tests.fakes.journald import NOON, entry, unpack

WEBHOOK = "https://hooks.example.com/services/T00/B00/secret-part"


def test_a_pipe_that_nobody_reads_costs_entries_not_the_daemon() -> None:
    reading, writing = os.pipe()
    sink = StreamSink(writing, as_json)
    filler = threading.Thread(target=lambda: [sink.emit(entry(f"entry {n}")) for n in range(2000)], daemon=True)
    filler.start()
    filler.join(60)
    assert not filler.is_alive()
    lines = _read_available(reading).splitlines()
    assert 0 < len(lines) < 2000
    sink.emit(entry("after"))
    loss, after = (json.loads(line) for line in _read_available(reading).splitlines() if line.startswith(b"{"))
    assert (loss["level"], after["message"]) == ("warning", "after")
    whole = sum(1 for line in lines if line.endswith(b"}"))
    assert loss["lost"] == 2000 - whole
    os.close(reading)
    sink.emit(entry("nobody"))  # a broken pipe raises nothing either
    os.close(writing)


def _read_available(fd: int) -> bytes:
    os.set_blocking(fd, False)
    data = b""
    try:
        while chunk := os.read(fd, 1 << 16):
            data += chunk
    except BlockingIOError:
        pass
    return data


@given(st.dictionaries(st.text(st.characters(), min_size=1), st.text(st.characters())))
def test_every_value_survives_packing(values: dict[str, str]) -> None:
    named = {field_name(f"LOGWATCHD_{key}"): value for key, value in values.items()}
    received = unpack(pack(named.items()))
    assert received == {name: value.encode("utf-8", "backslashreplace").decode() for name, value in named.items()}
    assert all(name.isascii() and len(name) <= 64 and name.upper() == name for name in received)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.just(SecretStr("s3cret-word")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), anything), st.text())
def test_any_detail_becomes_valid_json_fields_and_text(details: dict[str, object], event: str) -> None:
    said = journal._Entries([SecretStr("s3cret-word")]).entry("info", {**details, "event": event})
    assert isinstance(json.loads(as_json(said).encode("utf-8", "backslashreplace")), dict)
    fields = unpack(pack(as_fields(said)))
    assert "MESSAGE" in fields
    assert "s3cret-word" not in as_json(said) + as_text(said) + "".join(fields.values())


def test_control_characters_of_a_foreign_line_do_not_reach_the_terminal() -> None:
    shown = as_text(
        entry("said \x1b[2J\x07", line="\x1b]0;title\x07\u202egnp.exe", traceback="a\n\tb\x9b"), colours=True
    )
    stripped = shown.replace("\x1b[33m", "").replace("\x1b[0m", "")
    assert not set(stripped) & {"\x1b", "\x07", "\u202e", "\x9b"}
    assert stripped.endswith("\na\n\tb\\x9b")


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.usefixtures("logging_restored")
class TestConfigured:
    def test_json_lines_go_to_stdout(self, capfd: pytest.CaptureFixture[str]) -> None:
        journal.configure("json")
        journal.logger("slack").error(
            "alert sent",
            severity=Severity.P1,
            level=Level.ERROR,
            path=Path("/x"),
            when=NOON,
            none=None,
            bad=Unprintable(),
        )
        out, err = capfd.readouterr()
        said = json.loads(out)
        assert said.pop("timestamp").endswith("Z")
        assert said == {
            "level": "error",
            "event": "",
            "message": "alert sent",
            "part": "slack",
            "severity": "P1-Critical",
            "path": "/x",
            "when": str(NOON),
            "bad": "<unprintable Unprintable>",
        }
        assert err == ""

    def test_auto_without_terminal_and_journal_is_json(
        self, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("JOURNAL_STREAM", "1:1")  # of a service manager that we were redirected from
        journal.configure("auto")
        journal.logger("main").info("hello")
        assert json.loads(capfd.readouterr().out)["message"] == "hello"

    def test_a_message_of_its_own_stands_in_place_of_the_details(self, capfd: pytest.CaptureFixture[str]) -> None:
        journal.configure("terminal")
        journal.logger("alert").warning("anomaly", message="nginx: upstream gone", score=0.9)
        assert capfd.readouterr().err.rstrip().endswith("warning  alert     anomaly: nginx: upstream gone")

    def test_secrets_are_blotted_out_wherever_they_turn_up(self, capfd: pytest.CaptureFixture[str]) -> None:
        log = journal.logger("slack")
        for output in ("json", "terminal"):
            journal.configure(output, secrets=[SecretStr(WEBHOOK), SecretStr(""), None])
            try:
                raise ConnectionError(f"POST {WEBHOOK} refused")
            except ConnectionError as error:
                log.exception("no delivery", error=error, url=SecretStr("other"), nested={"to": [f"<{WEBHOOK}>"]})
            logging.getLogger("http").warning("calling %s", WEBHOOK)
        out, err = capfd.readouterr()
        for text in (out, err):
            assert text.count("no delivery") == 1
            assert text.count("calling **********") == 1
            assert "secret-part" not in text
            assert "other" not in text
            assert "ConnectionError: POST ********** refused" in text

    def test_verbosity(self, capfd: pytest.CaptureFixture[str]) -> None:
        log = journal.logger("main")
        for verbosity in (-1, 0, 1):
            journal.configure("json", verbosity)
            log.debug("d")
            log.info("i")
            log.warning("w")
        assert [json.loads(line)["message"] for line in capfd.readouterr().out.splitlines()] == list("wiwdiw")

    def test_library_warnings_come_once_and_chatter_does_not(self, capfd: pytest.CaptureFixture[str]) -> None:
        journal.configure("json", 1)
        journal.configure("json", 1)
        logging.getLogger("watchdog").warning("queue of %d is full", 7)
        broken = logging.LogRecord("watchdog", logging.ERROR, __file__, 1, "broken %d", ("text",), None)
        next(h for h in logging.getLogger().handlers if isinstance(h, journal._FromLibraries)).handle(broken)
        logging.getLogger("httpx").info("POST https://hooks.example.com")
        said = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
        assert [(one["part"], one["message"]) for one in said] == [
            ("watchdog", "queue of 7 is full"),
            ("watchdog", "broken %d"),
        ]

    def test_a_failing_sink_raises_nothing(self) -> None:
        class Broken:
            def emit(self, entry: Entry) -> None:
                raise RuntimeError("sink")

        structlog.configure(
            processors=[journal._Entries([])],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            logger_factory=lambda *_: journal._Mouth(Broken()),
        )
        journal.logger("main").error("said into the void")

    def test_without_structlog_it_is_said_all_the_same(self) -> None:
        code = (
            "import sys; sys.modules['structlog'] = None\n"  # as when no handle is left to import it with
            "from logwatchd import journal; journal.configure('json'); log = journal.logger('tail')\n"
            "log.debug('no'); log.error('too many open files', path='/x', message='that is it')"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        said = json.loads(done.stdout)
        assert (said["level"], said["part"], said["path"]) == ("error", "tail", "/x")
        assert said["message"] == "too many open files: that is it"

    def test_json_without_stdout_raises_nothing(self) -> None:
        code = "from logwatchd import journal; journal.configure('json'); journal.logger('x').info('y'); print('z')"
        done = subprocess.run(
            ["/bin/sh", "-c", f'"{sys.executable}" -c "{code}" >&-'], capture_output=True, check=False
        )
        assert b"Traceback" not in done.stderr


def test_stderr_is_the_journal_only_if_systemd_says_so_of_this_very_handle() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        status = os.fstat(ours.fileno())
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert is_journal(ours.fileno(), environ)
        assert not is_journal(theirs.fileno(), environ)
        assert not is_journal(ours.fileno(), {})
        assert not is_journal(ours.fileno(), {"JOURNAL_STREAM": "nonsense"})
    assert not is_journal(ours.fileno(), environ)


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_a_terminal_gets_colours_unless_they_are_not_wanted(no_color: str, coloured: bool) -> None:
    code = "from logwatchd import journal; journal.configure(); journal.logger('tail').error('gone', path='/x')"
    terminal, end = pty.openpty()
    environ = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm"}
    environ.pop("JOURNAL_STREAM", None)
    subprocess.run([sys.executable, "-c", code], stderr=end, env=environ, check=True, timeout=60)
    shown = os.read(terminal, 4096).decode()
    os.close(terminal)
    os.close(end)
    assert ("\x1b[31merror" in shown) is coloured
    assert "gone: path=/x" in shown


def test_every_event_has_an_id_and_words_of_its_own() -> None:
    ids = {message_id(event.name) for event in journal.Event}
    assert len(ids) == len(journal.Event) == len(set(journal.Event.__members__.values()))
    assert message_id("FILE_ROTATED") == "9c332562aa3d59f18d37b5dd38e3222d"
