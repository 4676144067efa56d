"""Which lines belong together, as a pure function and through a real file."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.ingest import files
from logwatchd.ingest.multiline import MAX_EVENT_BYTES, MAX_EVENT_LINES, StackTraces, join, joiner_of
from logwatchd.records import SourceSpec, flat
from tests.ingest.tailer import Tailer

PYTHON = """\
2026-01-01 00:00:00 ERROR job failed
Traceback (most recent call last):
  File "/app/a.py", line 1, in f
    g()
sqlite3.OperationalError: database is locked

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/b.py", line 2, in <module>
    f()
shop.errors.Unavailable: no answer
"""
PYTHON_BARE = """\
Traceback (most recent call last):
  File "/app/a.py", line 1, in f
KeyboardInterrupt
"""
JAVA = """\
2026-01-01 00:00:00,123 ERROR [main] c.e.Shop - request failed
java.lang.IllegalStateException: no connection
\tat com.example.Shop.open(Shop.java:10)
\tat com.example.Shop$Inner.lambda$run$0(Shop.java:11)
Caused by: java.net.ConnectException: Connection refused
\tat java.base/sun.nio.ch.Net.connect0(Native Method)
\t... 12 more
"""
JAVA_THREAD = """\
Exception in thread "main" java.lang.NullPointerException
\tat com.example.Main.main(Main.java:3)
"""
TOMCAT = """\
11-Mar-2026 17:34:08.123 SEVERE [main] org.apache.catalina.util.LifecycleBase.fail Failed to start component
\torg.apache.catalina.LifecycleException: Protocol handler start failed
\t\tat org.apache.catalina.connector.Connector.startInternal(Connector.java:1049)
\tCaused by: java.net.BindException: Address already in use
\t\tat java.base/sun.nio.ch.Net.bind0(Native Method)
\t\t... 11 more
"""
NODE = """\
2026-01-01T00:00:00Z error: request failed
TypeError: Cannot read properties of undefined (reading 'id')
    at load (/app/shop.js:10:15)
    at async Promise.all (index 0) {
  code: 'E_LOAD'
}
"""
GO = """\
panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x4a]

goroutine 1 [running]:
main.(*Shop).Open(0x0)
\t/app/main.go:12 +0x1f
main.main()
\t/app/main.go:7 +0x1d
exit status 2
"""
PHP = """\
[01-Jan-2026 00:00:00 UTC] PHP Fatal error:  Uncaught PDOException: Connection refused in /app/db.php:3
Stack trace:
#0 /app/db.php(3): PDO->__construct('mysql:host=10.0...', 'shop')
#1 /app/index.php(9): connect()
#2 {main}

Next RuntimeException: no catalogue in /app/index.php:11
Stack trace:
#0 {main}
  thrown in /app/index.php on line 11
"""
TRACES = [PYTHON, PYTHON_BARE, JAVA, JAVA_THREAD, TOMCAT, NODE, GO, PHP]
TRACE_NAMES = ["python", "python-bare", "java", "java-thread", "tomcat", "node", "go", "php"]
PLAIN = "2026-01-01 00:00:01 INFO all is well\n"
AUTO = StackTraces()


SPEC = SourceSpec(("/x",))


def events(data: str | bytes, spec: SourceSpec = SPEC, flush: bool = True) -> list[str]:
    """What is delivered of whole lines, an item an event."""
    raw = data.encode() if isinstance(data, str) else data
    joiner = joiner_of(spec)
    assert joiner is not None
    joined = join(joiner, raw, flush)
    lines = flat(raw[: joined.take], joined.inner).split(b"\n")[:-1]
    found, at = [], 0
    for line in lines:
        found.append(raw[at : at + len(line)].decode())
        at += len(line) + 1
    return found


@pytest.mark.parametrize("trace", TRACES, ids=TRACE_NAMES)
def test_a_stack_trace_is_one_event_with_the_line_it_stands_under(trace: str) -> None:
    assert events(trace) == [trace[:-1]]
    assert events(trace.replace("\n", "\r\n")) == [trace.replace("\n", "\r\n")[:-1]]
    if trace is PYTHON_BARE:
        return  # would be joined to the plain line before it, as logging.exception writes them
    assert events(PLAIN + trace + PLAIN + PLAIN) == [PLAIN[:-1], trace[:-1], PLAIN[:-1], PLAIN[:-1]]


def test_two_traces_in_a_row_stay_two() -> None:
    assert events(PYTHON + JAVA + NODE + PYTHON) == [PYTHON[:-1], JAVA[:-1], NODE[:-1], PYTHON[:-1]]


@pytest.mark.parametrize(
    "text",
    [
        PLAIN * 3,
        "  indented but no trace\n    more of it\n" + PLAIN,
        "+ echo x\n    at home: nothing\n".replace("    at home", "  home"),
        "Error: only a line\nanother line\n",
        "#0 comments\n#1 more of them\nNext line\n  thrown in at the end\n",
        "\n\n\n",
    ],
)
def test_lines_that_are_no_trace_stay_alone(text: str) -> None:
    assert events(text) == text.split("\n")[:-1]


@pytest.mark.parametrize("trace", TRACES, ids=TRACE_NAMES)
def test_a_trace_that_may_go_on_is_held_back_and_a_plain_line_never(trace: str) -> None:
    assert events(PLAIN + PLAIN, flush=False) == [PLAIN[:-1]] * 2
    whole = trace.split("\n")[:-1]
    for written in range(2, len(whole) + 1):
        part = "".join(line + "\n" for line in whole[:written])
        early = events(part, flush=False)
        assert early in ([], whole[:written])  # held, or not yet begun to look like a trace
    assert events(trace + PLAIN, flush=False) == [trace[:-1], PLAIN[:-1]]


@pytest.mark.parametrize(
    "head", [b"panic: a\ngoroutine 1 [running]:\n", b"Traceback (most recent call last):\n", b"a\n\tat b\n"]
)
@pytest.mark.parametrize(
    "piece", [b"()", b"(", b")(", b"a.", b"a.b(", b" ", b"\t", b"Error: ", b"Caused by: ", b"x\xff"]
)
def test_a_megabyte_of_anything_is_looked_at_in_no_time(head: bytes, piece: bytes) -> None:
    data = head + piece * (2**20 // len(piece)) + b" x\n"
    began = time.process_time()
    assert join(StackTraces(), data, flush=True).take == len(data)
    assert time.process_time() - began < 5.0  # .1 at most; were it to grow with the square, an hour


@pytest.mark.parametrize(
    "head",
    [
        "Traceback (most recent call last):",
        "panic: gone",
        'Exception in thread "main" java.io.IOException: gone',
        "java.io.IOException: gone",
        "TypeError: gone",
    ],
)
def test_the_first_line_of_a_bare_trace_is_waited_for(head: str) -> None:
    assert events(head + "\n", flush=False) == []


@pytest.mark.parametrize("thrown", ["java.io.IOException: gone", "TypeError: gone\r"])
def test_an_exception_whose_frames_may_still_come_is_waited_for_with_the_line_that_it_stands_under(thrown: str) -> None:
    line = f"{PLAIN}{thrown}\n"
    assert events(PLAIN + line, flush=False) == [PLAIN[:-1]]
    assert events(PLAIN + line) == [PLAIN[:-1], PLAIN[:-1], thrown]
    assert events(PLAIN + line + PLAIN, flush=False) == [PLAIN[:-1], PLAIN[:-1], thrown, PLAIN[:-1]]
    assert events(f"{line}\tat com.example.Shop.open(Shop.java:10)\n{PLAIN}")[0].startswith(line)


def test_frames_right_under_a_log_line_belong_to_it_and_not_to_the_line_before() -> None:
    line = "2026-01-01 00:00:02 ERROR request failed\n\tat com.example.Shop.open(Shop.java:10)"
    assert events(PLAIN + line + "\n" + PLAIN) == [PLAIN[:-1], line, PLAIN[:-1]]


def test_own_patterns_say_what_begins_and_what_continues() -> None:
    text = "START one\nmore\n  more\nSTART two\nSTART three\nx\n"
    begins = SourceSpec(("/x",), multiline_start="^START ")
    assert events(text, begins) == ["START one\nmore\n  more", "START two", "START three\nx"]
    assert events(text, begins, flush=False) == ["START one\nmore\n  more", "START two"]
    continues = SourceSpec(("/x",), multiline_continue=r"^\s|^more|^x$")
    assert events(text, continues) == events(text, begins)
    assert joiner_of(SourceSpec(("/x",), multiline="off")) is None


def test_an_event_is_bounded_in_lines_and_bytes() -> None:
    long = "Traceback (most recent call last):\n" + "  x\n" * (3 * MAX_EVENT_LINES)
    assert [event.count("\n") + 1 for event in events(long)][:2] == [MAX_EVENT_LINES, MAX_EVENT_LINES]
    wide = "Traceback (most recent call last):\n" + ("  " + "y" * 9997 + "\n") * 100
    assert all(len(event) <= MAX_EVENT_BYTES for event in events(wide))
    assert len(events(wide, flush=False)) >= 3  # a bound that is reached is not waited for
    full = "Traceback (most recent call last):\n" + "  x\n" * (MAX_EVENT_LINES - 1)
    assert events(full, flush=False) == [full[:-1]]


LINES = st.lists(
    st.sampled_from([line for trace in TRACES for line in trace.split("\n")[:-1]] + [PLAIN[:-1], "", "x"]), max_size=40
)


@given(LINES, st.booleans())
def test_nothing_is_lost_or_moved(lines: list[str], flush: bool) -> None:
    data = "".join(line + "\n" for line in lines).encode()
    joined = join(AUTO, data, flush)
    assert 0 <= joined.take <= len(data)
    assert flush is False or joined.take == len(data)
    assert joined.take == 0 or data[joined.take - 1 : joined.take] == b"\n"
    assert all(data[at : at + 1] == b"\n" and at < joined.take - 1 for at in joined.inner)
    assert len(flat(data, joined.inner)) == len(data)


@given(LINES, st.sampled_from([PLAIN * 600, "  at\n" * 400 + PLAIN * 400, "\tindented\n" * 2000]))
def test_a_large_block_is_looked_at_line_by_line_for_what_a_small_one_is(lines: list[str], filling: str) -> None:
    small = "".join(line + "\n" for line in lines)
    assert AUTO.worthwhile((filling + small).encode(), True) == AUTO.worthwhile(small.encode(), True)
    assert AUTO.worthwhile((small + filling).encode(), True) == AUTO.worthwhile(small.encode(), True)


@given(LINES, st.integers(0, 40))
def test_what_is_delivered_early_is_what_would_be_delivered_late(lines: list[str], cut: int) -> None:
    """An event is never split by where a read ended, unless its first line alone did not look like a trace."""
    explicit = SourceSpec(("/x",), multiline_start=r"^20\d\d-|^x$")
    first = "".join(line + "\n" for line in lines[:cut])
    rest = "".join(line + "\n" for line in lines[cut:])
    early = events(first, explicit, flush=False)
    taken = sum(len(event.encode()) + 1 for event in early)
    late = events(first.encode()[taken:] + rest.encode(), explicit)
    assert early + late == events(first + rest, explicit)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets how long an event is waited for, so that no test depends on how fast the machine is."""

    def wait(seconds: float) -> None:
        monkeypatch.setattr(files, "EVENT_S", seconds)

    wait(1e9)
    return wait


def test_a_trace_written_in_parts_comes_whole(tmp_path: Path, patience: Callable[[float], None]) -> None:
    log = tmp_path / "app.log"
    log.write_text("")
    tailer = Tailer(tmp_path, log)
    tailer.turn()
    with log.open("a") as out:
        for line in PYTHON.splitlines(keepends=True)[:4]:
            out.write(line)
        out.flush()
        tailer.turn()
        held = list(tailer.blocks)
        for line in PYTHON.splitlines(keepends=True)[4:]:
            out.write(line)
    tailer.turn()
    assert held == tailer.blocks == []
    patience(0.3)
    tailer.turn()
    (block,) = tailer.blocks
    assert block.flat().count(b"\n") == 1
    assert block.data.decode() == PYTHON
    assert (block.offset, block.end) == (0, len(PYTHON))


@pytest.mark.usefixtures("patience")
def test_a_held_event_is_read_again_after_a_kill_and_flushed_by_a_stop(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(PLAIN + PYTHON)
    tailer = Tailer(tmp_path / "state", log)
    (tmp_path / "state").mkdir(exist_ok=True)
    tailer.turn(seconds=0)
    assert b"".join(block.data for block in tailer.blocks) == PLAIN.encode()
    tailer.kill()
    tailer.turn(seconds=0)
    assert b"".join(block.data for block in tailer.blocks) == PLAIN.encode()
    tailer.source.flush()
    tailer.turn(seconds=0)
    assert b"".join(block.data for block in tailer.blocks) == (PLAIN + PYTHON).encode()
    tailer.restart()
    tailer.turn()
    assert b"".join(block.data for block in tailer.blocks) == (PLAIN + PYTHON).encode()


@pytest.mark.usefixtures("patience")
def test_rotation_ends_an_event(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(PYTHON[:-1])  # its last line without a newline
    tailer = Tailer(tmp_path, log)
    tailer.turn(seconds=0)
    log.rename(tmp_path / "app.log.1")
    log.write_text(PLAIN)
    for _ in range(3):
        tailer.turn()
    old, new = sorted(tailer.blocks, key=lambda block: -len(block.data))
    assert (old.data.decode(), new.data.decode()) == (PYTHON, PLAIN)
    assert old.flat().count(b"\n") == 1


def test_an_event_of_wide_characters_is_bounded_by_what_is_read_at_once(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    lines = ["first", *(f" {number:04} {'x' * 990}" for number in range(600))]
    log.write_bytes("".join(line + "\n" for line in lines).encode("utf-32"))
    tailer = Tailer(tmp_path / "state", log)
    tailer.stop()
    tailer.specs = (SourceSpec((str(log),), start_at="beginning", encoding="utf-32", multiline_continue="^ "),)
    tailer.state = tmp_path / "another state"
    tailer.start()
    delivered = [line.decode() for line in [*tailer.turn(), *tailer.turn()]]
    tailer.stop()
    assert delivered == lines
