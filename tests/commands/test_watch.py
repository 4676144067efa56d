"""`logwatchd watch -`: a stream teaches with what it says first, and is judged from then on. Real processes."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import wait_until
from tests.scoring.making import FAULT, NORMAL, block_of

pytestmark = pytest.mark.slow


Watch = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Starts it, with what it says in a file; it is ended with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(out: Path, *paths: object, env: dict[str, str] | None = None, **more: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "logwatchd", "watch", *map(str, paths)]
        streams = {"stdin": subprocess.PIPE, "stdout": out.open("wb"), "stderr": subprocess.STDOUT}
        started.append(subprocess.Popen(command, env={**os.environ, **(env or {})}, **{**streams, **more}))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def _said_of(lines: list[str], watch: Watch, out: Path) -> str:
    """What it says of a stream that teaches it NORMAL, pauses, and ends with these lines, one of them new at least."""
    process = watch(out, "-")
    assert process.stdin is not None
    process.stdin.write(block_of(NORMAL * 500))
    process.stdin.flush()
    wait_until(lambda: b"printing what is new" in out.read_bytes())
    process.stdin.write(block_of(lines))
    process.stdin.close()
    assert process.wait(60) == 1
    return out.read_text()


def test_a_stream_teaches_until_its_first_pause_and_ends_with_a_summary(watch: Watch, tmp_path: Path) -> None:
    text = _said_of([*NORMAL, FAULT], watch, tmp_path / "out")
    assert f"from {500 * len(NORMAL):,} lines in the stream's beginning" in text
    assert f"> {FAULT}" in text
    assert f"{len(NORMAL) + 1} lines in" in text
    assert "1 of them new, in 1 incident" in text


def test_a_long_stream_without_a_pause_teaches_with_its_first_ten_thousand_lines(watch: Watch, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = watch(out, "-")
    process.communicate(block_of([*NORMAL * 30_000, FAULT]), timeout=100)
    assert process.returncode == 1
    assert f"> {FAULT}" in out.read_text()


@pytest.mark.parametrize("times", [1, 300])
def test_a_short_stream_that_ends_at_once_has_taught(times: int, tmp_path: Path) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    whole.write_bytes(block_of(NORMAL * times))
    with whole.open("rb") as stdin:  # its end is there with its first line
        command = [sys.executable, "-m", "logwatchd", "watch", "-"]
        done = subprocess.run(command, stdin=stdin, stdout=out.open("wb"), stderr=subprocess.STDOUT, timeout=60)
    assert done.returncode == 0
    assert f"from {times * len(NORMAL):,} lines in the stream's beginning" in out.read_text()


def test_nothing_leaves_the_machine_whatever_the_environment_says(watch: Watch, tmp_path: Path) -> None:
    """The daemon's own overrides may be there: sinks are not for a look at a log, and their secrets are not read."""
    out = tmp_path / "out"
    sinks = '[{"name": "ops", "type": "webhook", "url": "https://ops.example.org/", "secret": "ops_secret"}]'
    process = watch(out, "-", env={"LOGWATCHD_SINK": sinks, "LOGWATCHD_SLACK__ENABLED": "true"})
    process.communicate(block_of(NORMAL * 300), timeout=100)
    assert process.returncode == 0, out.read_text()
    assert "0 of them new" in out.read_text()


def test_a_stream_that_says_nothing_is_told(watch: Watch, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = watch(out, "-")
    process.communicate(b"", timeout=60)
    assert process.returncode == 2
    assert "the stream held nothing to learn from" in out.read_text()


def test_beside_files_a_fifo_is_judged_by_what_the_files_taught(watch: Watch, tmp_path: Path) -> None:
    out, fifo, log = tmp_path / "out", tmp_path / "fifo", tmp_path / "app.log"
    os.mkfifo(fifo)
    log.write_bytes(block_of(NORMAL * 500))
    process = watch(out, log, fifo)
    with fifo.open("wb") as writer:  # waits until it is read
        writer.write(block_of([*NORMAL, FAULT]))
    wait_until(lambda: FAULT.encode() in out.read_bytes())
    process.terminate()
    assert process.wait(60) == 1
    assert "in 1 file; printing what is new" in out.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_learning_at_once(number: signal.Signals, watch: Watch, tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "app.log"
    # Words that were never seen, and so a text to embed each: minutes of learning.
    log.write_text("".join(f"INFO {i:x}q{i * i:x}z {i * 7:x}k{i * i * 3:x}w started\n" for i in range(300_000)))
    process = watch(out, log, env={"TMPDIR": str(tmp_path)})
    wait_until(lambda: any(tmp_path.glob("logwatchd-watch-*/*")))  # made just before it learns
    process.send_signal(number)
    assert process.wait(60) == -number
    assert out.read_bytes() == b""
    assert not any(tmp_path.glob("logwatchd-watch-*"))


def test_a_wrong_override_is_one_clear_line(watch: Watch, tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "app.log"
    log.write_bytes(block_of(NORMAL))
    assert watch(out, log, env={"LOGWATCHD_BASELINE__THRESHOLD": "high"}).wait(60) == 78
    assert out.read_text() == (
        "logwatchd: environment variable LOGWATCHD_BASELINE__THRESHOLD: baseline.threshold = 'high': a number is "
        "needed, or 'auto'\n"
    )


def test_a_terminal_that_goes_away_leaves_nothing_behind(watch: Watch, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(block_of(NORMAL * 500))
    ours, theirs = pty.openpty()
    terminal = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    process = watch(tmp_path / "nothing", log, env={"TMPDIR": str(tmp_path)}, **terminal)
    os.close(theirs)
    said = b""
    while b"printing what is new" not in said:
        said += os.read(ours, 1 << 16)
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    process.wait(60)
    assert not any(tmp_path.glob("logwatchd-watch-*"))


def test_what_a_storm_left_unjudged_at_ctrl_c_is_counted_in_the_summary(watch: Watch, tmp_path: Path) -> None:
    log, out, storm = tmp_path / "app.log", tmp_path / "out", 150_000
    log.write_bytes(block_of(NORMAL * 500))
    process = watch(out, log)
    wait_until(lambda: b"printing what is new" in out.read_bytes())
    parts = ["ba", "ce", "di", "fo", "gu", "hy", "ja", "ke", "li", "mo", "nu", "py", "ra", "se", "ti", "vo"]
    words = ["".join(parts[n >> shift & 15] for shift in (0, 4, 8, 12, 16)) for n in range(storm)]
    with log.open("a") as more:
        more.writelines(f"ERROR {word} has lost its {word[::-1]}\n" for word in words)
    wait_until(lambda: b"has lost its" in out.read_bytes(), timeout_s=60)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 1
    *_, summary, rest = out.read_text().splitlines()
    judged = int(summary.split(" lines in ")[0].replace(",", ""))
    left = re.fullmatch(r"not judged any more: ([\d,]+) lines", rest)
    assert left, rest
    assert judged + int(left[1].replace(",", "")) == storm


def test_what_joins_an_incident_that_is_open_is_shown(watch: Watch, tmp_path: Path) -> None:
    text = _said_of(
        [FAULT, "ERROR payment of order refused: upstream certificate has expired"], watch, tmp_path / "out"
    )
    assert f"> {FAULT}" in text
    assert "\njoins  stdin  from one of its sources, right after its first line" in text
    assert "> ERROR payment of order refused" in text
    assert "2 of them new, in 1 incident" in text
