"""Of a stack trace the pattern keeps what went wrong, not the way there."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.parsing import traces
from logwatchd.parsing.keys import key_of
from logwatchd.parsing.normalise import pattern_of_key
from logwatchd.parsing.shapes import MAX_JUDGED_BYTES
from logwatchd.parsing.traces import shortened
from logwatchd.records import flat
from logwatchd.scoring.lexicon import Lexicon


def pattern(event: str) -> str:
    raw = event.encode()
    return pattern_of_key(key_of(flat(raw, tuple(i for i, byte in enumerate(raw) if byte == 0x0A))))


PYTHON = """2026-01-02 03:04:05 ERROR shop: photo not kept
Traceback (most recent call last):
  File "/srv/shop/photos.py", line 36, in keep
    rest = rest[os.write(handle, rest) :]
                ^^^^^^^^^^^^^^^^^^^^^^^
OSError: [Errno 28] No space left on device

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/shop/web.py", line 7, in answer
    raise Failed() from None
shop.Failed: photo not kept"""
JAVA = """2026-01-02 03:04:05 ERROR c.a.Shop - checkout failed
java.lang.IllegalStateException: cart is closed
\tat com.acme.Shop.checkout(Shop.java:42)
\tat com.acme.Web.handle(Web.java:7)
Caused by: java.net.ConnectException: Connection refused
\tat java.net.Socket.connect(Socket.java:1)
\t... 23 more"""
GO = """panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.work(...)
\t/src/main.go:12 +0x1d
exit status 2"""
NODE = """TypeError: Cannot read properties of undefined (reading 'id')
    at Basket.total (/app/basket.js:12:17)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)
}"""

PHP = """PHP Fatal error:  Uncaught PDOException: Connection refused in /srv/shop/db.php:3
Stack trace:
#0 /srv/shop/db.php(3): PDO->__construct('mysql:host=10.0...')
#12 {main}

Next RuntimeException: no catalogue in /srv/shop/index.php:11
Stack trace:
#0 {main}
  thrown in /srv/shop/index.php on line 11"""


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (
            PYTHON,
            "<TIME> ERROR shop: photo not kept Traceback OSError: [Errno <N>] No space left on device "
            "Traceback shop.Failed: photo not kept",
        ),
        (
            JAVA,
            "<TIME> ERROR c.a.Shop - checkout failed java.lang.IllegalStateException: cart is closed "
            "Caused by: java.net.ConnectException: Connection refused",
        ),
        (
            # As Tomcat writes it.
            JAVA.replace("\n", "\n\t"),
            "<TIME> ERROR c.a.Shop - checkout failed java.lang.IllegalStateException: cart is closed "
            "Caused by: java.net.ConnectException: Connection refused",
        ),
        (GO, "panic: runtime error: index out of range [<N>] with length <N>"),
        (NODE, "TypeError: Cannot read properties of undefined (reading 'id')"),
        (
            PHP,
            "PHP Fatal error: Uncaught PDOException: Connection refused in <PATH>/db.php:<N> "
            "Next RuntimeException: no catalogue in <PATH>/index.php:<N>",
        ),
        ("SELECT *\n  FROM orders\n  WHERE price > 5", "SELECT * FROM orders WHERE price > <N>"),
    ],
    ids=["python", "java", "java-indented", "go", "node", "php", "no-trace"],
)
def test_frames_are_left_out_and_nothing_else(event: str, told: str) -> None:
    assert pattern(event) == told


def test_the_same_fault_by_another_way_is_the_same_text() -> None:
    other = PYTHON.replace("photos.py", "albums.py").replace("in keep", "in store").replace("rest[os.write", "x[a")
    assert pattern(other) == pattern(PYTHON)
    assert pattern(PYTHON.replace("No space left", "Permission denied")) != pattern(PYTHON)


@pytest.mark.parametrize("key", ["exc_info", "stack", "error.stack_trace", "Exception"])
def test_a_trace_inside_of_json_is_told_the_same_way(key: str) -> None:
    one, other = (
        json.dumps({"level": "error", "msg": "photo not kept", key: trace})
        for trace in (PYTHON, PYTHON.replace("in keep", "in store"))
    )
    assert pattern(one) == pattern(other)
    assert "No space left on device" in pattern(one)
    assert "photos.py" not in pattern(one)


@given(st.lists(st.sampled_from([*PYTHON.splitlines(), *JAVA.splitlines(), *GO.splitlines(), "", " x"]), max_size=12))
def test_any_mixture_has_one_line_that_begins_as_the_event_does(lines: list[str]) -> None:
    told = pattern("\n".join(lines))
    assert "\n" not in told
    first = pattern(lines[0]) if lines else ""
    if "Traceback" not in first and "During" not in first:
        assert told.startswith(first)


def java(cause: str, frames: int, where: str = "") -> str:
    """A trace of so many frames with a cause behind them."""
    way = "".join(
        f"\tat com.acme.shop.order.Service{number}.handle(Service{number}.java:7)\n" for number in range(frames)
    )
    head = f"ERROR request failed\njava.lang.IllegalStateException: no order{where}"
    return f"{head}\n{way}Caused by: {cause}\n{way}\t... 12 more"


CAUSES = ("java.sql.SQLException: deadlock", "java.io.IOException: No space left on device")


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("frames", [300, 10_000])
def test_the_cause_behind_a_long_way_is_told_as_behind_a_short_one(cause: str, frames: int) -> None:
    short, long = java(cause, 2), java(cause, frames)
    assert len(long) > MAX_JUDGED_BYTES > len(short)
    assert cause in pattern(long)
    assert pattern(long) == pattern(short)
    known = Lexicon()
    events = [long, "INFO all is well", java(CAUSES[0], 300, where=" 17"), short]
    raw = "".join(f"{event}\n" for event in events).encode()
    ends = {0}
    for event in events:
        ends.add(max(ends) + len(event) + 1)
    inner = tuple(at for at, byte in enumerate(raw) if byte == 0x0A and at + 1 not in ends)
    ids = known.ids_of(flat(raw, inner)).tolist()
    assert [known.patterns[number] for number in ids] == [pattern(event) for event in events]


def test_what_is_long_and_no_trace_stays_as_it_is() -> None:
    raw = b"\x0b".join([b"INFO a table", *[b"row %d of it" % number for number in range(5000)]])
    assert shortened(raw) == raw
    assert shortened(b"x" * 100_000 + b"\n") == b"x" * 100_000 + b"\n"


@given(
    st.lists(st.sampled_from([*PYTHON.splitlines(), *JAVA.splitlines(), "", " ", "goroutine 1 [running]:"]), min_size=1)
)
def test_shortening_changes_no_pattern(lines: list[str]) -> None:
    event = "\n".join(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traces, "MAX_JUDGED_BYTES", 20)
        shorter = pattern(event)
    assert shorter == pattern(event)
