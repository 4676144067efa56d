"""The standard streams: full, closed, cut off or of another encoding. None of it may look like an anomaly (exit 1)."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest

from tests.commands.process import logwatchd

_LINE = "2026-11-22T00:00:00Z INFO shop order {} placed by user {}\n"
_NEW = "2026-11-22T09:12:44Z ERROR shop.db caf\N{LATIN SMALL LETTER E WITH ACUTE} \N{EURO SIGN} \N{FIRE}: locked\n"
# Buffered as for anybody: what is written last shows only when Python flushes it.
_ENV = {name: value for name, value in os.environ.items() if name not in ("PYTHONUNBUFFERED", "PYTHONIOENCODING")}

_COMMANDS = {
    "scan": ["scan", "--baseline", "{b}", "{new}"],
    "scan jsonl": ["scan", "--baseline", "{b}", "--format", "jsonl", "{new}"],
    "explain": ["explain", "--baseline", "{b}", "x"],
    "show": ["baseline", "show", "{b}"],
    "show json": ["baseline", "show", "{b}", "--json"],
    "tune": ["tune", "--baseline", "{b}", "--anomaly", "{new}"],
    "check-config": ["check-config", "--config", "{config}"],
    "redact": ["redact", "--config", "{config}", "{new}"],
    "manual": ["manual"],
    "help": ["scan", "--help"],
    "version": ["--version"],
}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A baseline, a log with one new line, and a configuration."""
    folder = tmp_path_factory.mktemp("terminal")
    places = {"b": folder / "b", "new": folder / "new.log", "config": folder / "logwatchd.toml"}
    (folder / "good.log").write_text("".join(_LINE.format(i, i) for i in range(50)))
    places["new"].write_text(_NEW, encoding="utf-8")
    places["config"].write_text(
        f"state_dir = '{folder}'\n[[source]]\npaths = ['{folder}/good.log']\n[baseline]\npath = '{folder}/b'\n"
    )
    assert logwatchd("baseline", "build", "--output", places["b"], folder / "good.log").returncode == 0
    return places


def _command(name: str, places: dict[str, Path]) -> list[str]:
    return [sys.executable, "-m", "logwatchd", *(part.format(**places) for part in _COMMANDS[name])]


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("name", _COMMANDS)
def test_a_full_disk_is_one_clear_line(name: str, buffered: bool, places: dict[str, Path]) -> None:
    env = _ENV if buffered else {**_ENV, "PYTHONUNBUFFERED": "1"}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            _command(name, places), stdout=full, stderr=subprocess.PIPE, env=env, check=False, timeout=60
        )
    assert done.returncode == 70
    assert b"standard output: cannot be written: No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


@pytest.mark.parametrize("name", _COMMANDS)
def test_a_reader_that_left_is_no_anomaly(name: str, places: dict[str, Path]) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        _command(name, places), stdout=writes, stderr=subprocess.PIPE, env=_ENV, check=False, timeout=60
    )
    os.close(writes)
    assert done.returncode == 0
    assert b"Broken" not in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-"])
@pytest.mark.parametrize("name", ["scan jsonl", "explain", "check-config", "manual"])
def test_a_closed_stream_changes_no_outcome(name: str, closed: str, places: dict[str, Path]) -> None:
    command = _command(name, places)
    usual = subprocess.run(command, capture_output=True, env=_ENV, check=False, timeout=60)
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *command], capture_output=True, env=_ENV, check=False, timeout=60
    )
    assert done.returncode == usual.returncode
    assert done.stdout == (b"" if closed == ">&-" else usual.stdout)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ["scan", "--baseline", "{b}", "-"],
        ["explain", "--baseline", "{b}", "-"],
        ["redact", "--config", "{config}", "-"],
        ["tune", "--baseline", "{b}", "-"],
        ["tune", "--baseline", "{b}", "--normal", "-"],
        ["baseline", "build", "--output", "{b}.new", "-"],
    ],
    ids=" ".join,
)
def test_a_closed_standard_input_is_not_an_empty_one(args: list[str], places: dict[str, Path]) -> None:
    command = [sys.executable, "-m", "logwatchd", *(arg.format(**places) for arg in args)]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *command], capture_output=True, env=_ENV, check=False, timeout=60
    )
    assert done.returncode == 2
    *_, error = done.stderr.decode().splitlines()
    assert "standard input: cannot be read: it is closed" in error
    assert "Traceback" not in done.stderr.decode()


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8:strict"])
def test_any_text_passes_in_any_locale(encoding: str, places: dict[str, Path]) -> None:
    env = {"PYTHONIOENCODING": encoding}
    done = logwatchd("scan", "--baseline", places["b"], "--format", "jsonl", places["new"], env=env)
    assert done.returncode == 1
    assert "caf\N{LATIN SMALL LETTER E WITH ACUTE} \N{EURO SIGN} \N{FIRE}" in json.loads(done.stdout)["pattern"]
    for name in ("scan", "redact"):
        done = subprocess.run(_command(name, places), capture_output=True, env={**_ENV, **env}, check=False, timeout=60)
        assert _NEW.strip() in done.stdout.decode()


def test_a_name_that_is_no_text_leaves_json_valid(places: dict[str, Path], tmp_path: Path) -> None:
    log = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.log"))
    log.write_text("".join(_LINE.format(i, i) for i in range(50)))
    for encoding in ("utf-8:strict", "utf-8:surrogateescape"):
        env = {"PYTHONIOENCODING": encoding}
        done = logwatchd("baseline", "build", "--output", tmp_path / "b", "--json", log, env=env)
        assert done.returncode == 0
        (read,) = json.loads(done.stdout.decode())["read"]
        assert read["path"] == str(log)


def test_lines_that_are_no_text_are_redacted_all_the_same(places: dict[str, Path]) -> None:
    for encoding in ("utf-8:strict", "utf-8:surrogateescape"):
        env = {"PYTHONIOENCODING": encoding}
        done = logwatchd("redact", "--config", places["config"], "-", env=env, stdin=b"\xff user=bob\n")
        assert done.returncode == 0
        assert done.stdout.startswith(b"\\xff user=<user-")


def test_what_is_printed_into_a_pipe_is_neither_folded_nor_cut(places: dict[str, Path]) -> None:
    narrow = {"COLUMNS": "30"}
    shown = logwatchd("baseline", "show", places["b"], env=narrow).stdout.decode()
    assert str(places["b"].with_name("good.log")) in shown
    tuned = logwatchd("tune", "--baseline", places["b"], "--anomaly", places["new"], env=narrow).stdout.decode()
    assert "normal flagged" in tuned
    assert "\N{HORIZONTAL ELLIPSIS}" not in tuned


def on_terminal(*args: object, columns: int = 80) -> str:
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (25, columns))
    env = {name: value for name, value in _ENV.items() if name not in ("COLUMNS", "LINES")} | {"TERM": "xterm"}
    done = subprocess.Popen(
        [sys.executable, "-m", "logwatchd", *map(str, args)],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env={**env, "NO_COLOR": "1"},
    )
    os.close(theirs)
    said = b""
    with suppress(OSError):  # EIO: the command has ended
        while data := os.read(ours, 1 << 16):
            said += data
    os.close(ours)
    done.wait(60)
    return said.decode()


def test_redact_steers_no_terminal_and_changes_nothing_in_a_pipe(places: dict[str, Path], tmp_path: Path) -> None:
    log, line = tmp_path / "x.log", "ERROR \x1b[31mred\x07\ttab \u202eturned"
    log.write_text(f"{line}\n", encoding="utf-8")
    assert logwatchd("redact", "--config", places["config"], log).stdout.decode() == f"{line}\n"
    shown = on_terminal("redact", "--config", places["config"], log)
    assert shown.split("\r\n") == [r"ERROR \x1b[31mred\x07" + "\t" + r"tab \u202eturned", ""]


def test_a_file_name_in_a_baseline_steers_no_terminal(places: dict[str, Path], tmp_path: Path) -> None:
    log = tmp_path / "a\x1b[31m\nb.log"
    log.write_bytes(places["b"].with_name("good.log").read_bytes())
    assert logwatchd("baseline", "build", "--output", tmp_path / "b", log).returncode == 0
    for shown in (on_terminal("baseline", "show", tmp_path / "b", columns=200), ""):
        shown = shown or logwatchd("baseline", "show", tmp_path / "b").stdout.decode()
        assert r"a\x1b[31m\x0ab.log" in shown
        assert "\x1b[31m" not in shown
    assert json.loads(logwatchd("baseline", "show", "--json", tmp_path / "b").stdout)["sources"] == [str(log)]


@pytest.mark.parametrize("columns", [34, 40, 60, 80, 120])
def test_a_narrow_terminal_has_fewer_figures_and_each_in_full(columns: int, places: dict[str, Path]) -> None:
    good = places["b"].with_name("good.log")
    tuned = on_terminal(
        "tune", "--baseline", places["b"], "--anomaly", places["new"], "--normal", good, columns=columns
    )
    assert "\N{HORIZONTAL ELLIPSIS}" not in tuned
    table = re.sub(r"\x1b\[[\d;]*m", "", tuned).split("\r\n\r\n")[1].split("\r\n")
    assert all(len(row) <= columns for row in table)
    head = " ".join(table).partition(" 0.")[0].split()
    assert {"threshold", "found", "normal", "flagged"} <= set(head)
    assert ("F1" in head) == (columns >= 50)
    assert ("recall" in head) == (columns >= 60)
    present = next(row for row in table if "present" in row)
    figures = set(head) - {"normal", "best", "present", "best,"}
    assert len(re.findall(r"[\d.]+", present)) == len(figures)


def test_scan_says_the_same_on_a_terminal_and_in_a_pipe(places: dict[str, Path]) -> None:
    log = places["new"].with_name("several.log")
    log.write_bytes(
        _NEW.encode() + b"ERROR \x1b[31m[bold]\x07\ttab\r\n" + b"Traceback (most recent call last):\n  x\n\nE: y\n"
    )
    command = [sys.executable, "-m", "logwatchd", "scan", "--all", "--baseline", str(places["b"]), str(log)]
    piped, coloured = (
        subprocess.run(command, capture_output=True, env=_ENV | more, check=False, timeout=60).stdout
        for more in ({}, {"FORCE_COLOR": "1", "NO_COLOR": "", "TERM": "xterm", "COLUMNS": "40"})
    )
    assert b"nearest known" in piped
    assert b"\x1b" not in piped
    assert b"\x1b[1;2;31m" in coloured
    assert re.sub(rb"\x1b\[[\d;]*m", b"", coloured) == piped


def test_a_name_in_brackets_is_no_markup_on_a_terminal(places: dict[str, Path]) -> None:
    log = places["new"].with_name("app[bold].log")
    log.write_text(_NEW, encoding="utf-8")
    command = [sys.executable, "-m", "logwatchd", "scan", "--baseline", str(places["b"]), str(log)]
    ours, theirs = pty.openpty()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=theirs, env=_ENV, check=False, timeout=60)
    os.close(theirs)
    said = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert done.returncode == 1
    assert "app[bold].log: 1 line, 1 anomalous, 1 new pattern" in said
