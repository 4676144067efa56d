"""`logwatchd explain` as a process: what it says agrees with scan, and with the alert on the same line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from logwatchd.records import Block, FileId, SourceSpec
from logwatchd.scoring.baseline import load
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.difference import Word, telling
from logwatchd.scoring.judge import Judge
from logwatchd.scoring.local import LocalEmbedder
from tests.commands.process import local_baseline, logwatchd, remote_baseline
from tests.fakes.openai import FakeOpenAI
from tests.scoring.making import FAULT, NORMAL, block_of

TRACE = 'ERROR it failed\nTraceback (most recent call last):\n  File "/a.py", line 3, in f\nValueError: no such thing'


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return local_baseline(tmp_path_factory.mktemp("explain"))


def explained(*args: object, code: int, **more: Any) -> list[dict[str, Any]]:
    done = logwatchd("explain", "--json", *args, **more)
    assert done.returncode == code, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_an_anomaly_is_told_in_full(baseline: Path) -> None:
    done = logwatchd("explain", "--baseline", baseline, FAULT)
    assert done.returncode == 1
    text = done.stdout.decode()
    names = [line.split()[0] for line in text.splitlines() if not line.startswith(" ")]
    assert names == ["line", "pattern", "level", "known", "nearest", "differs", "score", "verdict"]
    for words in (FAULT, "sqlite<N>.OperationalError", "ERROR", "radius", "locked", "Anomaly: its score"):
        assert words in text


def test_a_known_line_is_told_with_its_count(baseline: Path) -> None:
    (row,) = explained("--baseline", baseline, "INFO user 4 logged out", code=0)
    assert (row["known"], row["known_lines"], row["anomaly"], row["score"]) == (True, 300, False, 0)
    assert row["differs"] == []
    assert row["nearest"]["distance"] == pytest.approx(0, abs=1e-5)
    assert row["nearest"]["examples"] == ["INFO user <N> logged out"]
    assert row["verdict"] == "Normal: the baseline holds this very pattern, 300 lines of it."


def test_a_line_of_ours_is_never_judged_and_said_to_be_ours(baseline: Path) -> None:
    line = "Jan  2 05:00:00 web1 logwatchd[4711]: P1-Critical nobody knows why"
    (row,) = explained("--baseline", baseline, line, code=0)
    assert (row["own"], row["anomaly"], row["nearest"]) == (True, False, None)
    assert row["verdict"].startswith("Never judged: logwatchd wrote it itself")
    assert b"score" not in logwatchd("explain", "--baseline", baseline, line).stdout
    (other,) = explained("--baseline", baseline, line.replace("logwatchd", "otherd"), code=1)
    assert not other["own"]


def test_it_agrees_with_scan(baseline: Path, tmp_path: Path) -> None:
    lines = [NORMAL[0], FAULT, "INFO user 17 changed something", "", "DEBUG unheard of", "app=shop level=error x=1"]
    (tmp_path / "x.log").write_bytes(block_of(lines))
    scanned = logwatchd("scan", "--baseline", baseline, "--format", "jsonl", "--all", tmp_path / "x.log")
    rows = explained("--baseline", baseline, code=1, stdin=block_of(lines))
    assert [row["line"] for row in rows] == lines
    for row, other in zip(rows, map(json.loads, scanned.stdout.splitlines()), strict=True):
        for name in ("score", "threshold", "anomaly", "level", "pattern"):
            assert row[name] == other[name]
    assert [row["service"] for row in rows] == [None] * 5 + ["shop"]
    assert rows[4]["skipped"]
    assert "DEBUG" in rows[4]["verdict"]
    assert rows[3]["nearest"] is None


def test_its_words_are_those_of_the_alert(baseline: Path) -> None:
    for event in (FAULT, TRACE):
        (row,) = explained("--baseline", baseline, event, code=1)
        loaded = load(baseline)
        judge = Judge(Detector(loaded))
        block = Block(SourceSpec(("x",)), "x", FileId(1, 1, 1), 0, event.encode() + b"\n", 0)
        inner = tuple(i for i, byte in enumerate(block.data[:-1]) if byte == 10)
        (pattern_id,) = judge.ids_of(Block(block.source, "x", block.file, 0, block.data, 0, inner).flat()).tolist()
        judge.settle([pattern_id], LocalEmbedder().embed)
        words = [Word(word["word"], word["share"], word["nearer_without"]) for word in row["differs"]]
        assert telling(words) == judge.differs(pattern_id)


def test_a_stack_trace_is_one_event_told_by_its_exception(baseline: Path) -> None:
    rows = explained("--baseline", baseline, code=1, stdin=f"{NORMAL[0]}\n{TRACE}\n{NORMAL[1]}\n".encode())
    assert [row["line"] for row in rows] == [NORMAL[0], TRACE, NORMAL[1]]
    words = [word["word"] for word in rows[1]["differs"]]
    assert "ValueError" in words
    assert "Traceback" not in words
    (given,) = explained("--baseline", baseline, TRACE, code=1)
    assert given == rows[1]


def test_nothing_in_a_line_can_steer_the_terminal(baseline: Path) -> None:
    done = logwatchd("explain", "--baseline", baseline, "ERROR \x1b[2J\x9b31m [bold]x[/bold] \u202e evil \udcff")
    assert done.returncode == 1
    assert all(char.isprintable() or char == "\n" for char in done.stdout.decode())
    assert "[bold]x[/bold]" in done.stdout.decode()


def test_odd_input_is_explained_not_feared(baseline: Path) -> None:
    assert explained("--baseline", baseline, "", code=0)[0]["verdict"] == "Normal: it says nothing."
    (long,) = explained("--baseline", baseline, code=1, stdin=b"ERROR " + b"kryptonite " * 100_000)
    assert long["anomaly"]
    (broken,) = explained("--baseline", baseline, code=1, stdin=b"ERROR \xff\xfe broken")
    assert "\\xff" in broken["line"]
    (one,) = explained("--baseline", baseline, code=1, stdin=b"kryptonite")
    assert [word["word"] for word in one["differs"]] == ["kryptonite"]


def test_the_configuration_changes_threshold_and_levels(baseline: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        f'state_dir = "{tmp_path}"\n[baseline]\nthreshold = 0.999\n'
        f'[[source]]\npaths = ["{tmp_path}/a"]\nskip_levels = ["INFO", "DEBUG"]\n'
        f'[[source]]\npaths = ["{tmp_path}/b"]\nskip_levels = ["INFO"]\n'
    )
    lines = block_of(["WARNING cache miss for key 88, disk is slow", "DEBUG user 4 fell out", "INFO unheard of"])
    new, debug, info = explained("--baseline", baseline, "--config", config, code=0, stdin=lines)
    assert (new["threshold"], new["anomaly"]) == (0.999, False)
    assert "not over the threshold 0.999" in new["verdict"]
    assert (debug["skipped"], info["skipped"]) == (False, True)  # one source judges DEBUG, none INFO


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--baseline", "{tmp}/none", "x"], "no baseline there"),
        (["--baseline", "{tmp}/text", "x"], "not a baseline"),
        (["--baseline", "{baseline}", "--config", "{tmp}/none.toml", "x"], "none.toml"),
    ],
)
def test_mistakes_are_one_clear_line(args: list[str], words: str, baseline: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no baseline")
    done = logwatchd("explain", *(arg.format(tmp=tmp_path, baseline=baseline) for arg in args))
    assert done.returncode == 78
    assert words in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_without_a_line_it_says_so_and_calls_nothing_normal(form: list[str], baseline: Path) -> None:
    done = logwatchd("explain", "--baseline", baseline, *form, stdin=b"")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == (
        b"logwatchd: standard input: no line in it; give the line to explain as an argument, or send some\n"
    )


def test_a_remote_embedder_is_asked_for_all_words_at_once(service: FakeOpenAI, tmp_path: Path) -> None:
    baseline = remote_baseline(tmp_path, service)
    calls = len(service.history)
    (row,) = explained("--baseline", baseline, FAULT, code=1, env=service.env)
    asked = list(service.history)[calls:]
    assert len(asked) == 2
    assert len(asked[1]["input"]) == 1 + len(row["differs"])
    assert {"locked", "database"} <= {word["word"] for word in row["differs"]}
