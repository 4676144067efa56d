"""`logwatchd baseline diff` as a process, on real files."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.commands.process import logwatchd
from tests.fakes.openai import FakeOpenAI
from tests.scoring.making import FAULT, NORMAL, block_of, rewrite_manifest

LOST = NORMAL[3]
KEPT = [line for line in NORMAL if line != LOST]
TRACE = 'ERROR shop: no answer\nTraceback (most recent call last):\n  File "a.py", line 3, in f\nOSError: gone'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two baselines: 'new' knows FAULT and does not know LOST; and a log."""
    found = tmp_path_factory.mktemp("diff")
    (found / "old.log").write_bytes(block_of(NORMAL * 100))
    (found / "new.log").write_bytes(block_of([*KEPT, FAULT] * 100))
    for name in ("old", "new"):
        done = logwatchd("baseline", "build", "--output", found / name, found / f"{name}.log")
        assert done.returncode == 0, done.stderr
    (found / "app.log").write_bytes(block_of([*NORMAL, TRACE, FAULT, *NORMAL, FAULT]))
    return found


def test_it_names_what_was_gained_and_lost_and_exits_0_without_logs(folder: Path) -> None:
    done = logwatchd("baseline", "diff", folder / "old", folder / "new")
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode()
    assert "1 pattern gained, of 100 lines" in text
    assert "+       100  ERROR sqlite<N>.OperationalError: database is locked" in text
    assert "-       100  WARNING cache miss for key <N>, reading from disk" in text
    assert "verdict" not in text


def test_lines_whose_verdict_changes_are_those_that_two_scans_tell_apart(folder: Path) -> None:
    done = logwatchd("baseline", "diff", folder / "old", folder / "new", "--json", "--logs", folder / "app.log")
    assert done.returncode == 1, done.stderr
    verdicts = json.loads(done.stdout)["verdicts"]
    scans = []
    for name in ("old", "new"):
        scan = logwatchd("scan", "--baseline", folder / name, "--format", "jsonl", "--all", folder / "app.log")
        scans.append([json.loads(line) for line in scan.stdout.splitlines()])
    for key, turned in (("to_anomaly", (False, True)), ("to_normal", (True, False))):
        expected = Counter(
            old["pattern"] for old, new in zip(*scans, strict=True) if (old["anomaly"], new["anomaly"]) == turned
        )
        assert {row["pattern"]: row["lines"] for row in verdicts[key]} == expected
        assert expected
    (fault,) = verdicts["to_normal"]
    assert fault["first"] == {"file": str(folder / "app.log"), "line": 10, "text": FAULT}
    assert fault["old"]["score"] > fault["old"]["threshold"]
    assert fault["new"]["score"] == 0
    assert verdicts["lines"] == 13


def test_the_same_baseline_twice_differs_in_nothing_and_exits_0(folder: Path) -> None:
    done = logwatchd("baseline", "diff", folder / "old", folder / "old", "--json", "--logs", str(folder / "*.log"))
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["changes"], report["gained"], report["lost"]) == ({}, [], [])
    assert (report["verdicts"]["to_anomaly"], report["verdicts"]["to_normal"]) == ([], [])
    assert len(report["verdicts"]["files"]) == 3


def test_a_baseline_of_another_version_is_shown_compared_and_judges(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "old", tmp_path / "older")
    rewrite_manifest(tmp_path / "older", normaliser="0-old")
    assert json.loads(logwatchd("baseline", "show", "--json", tmp_path / "older").stdout)["normaliser"] == "0-old"
    done = logwatchd("baseline", "diff", tmp_path / "older", folder / "new")
    assert done.returncode == 0, done.stderr
    assert b"normaliser: 0-old -> " in done.stdout
    verdicts = []
    for old in ("older", "old"):
        path = tmp_path / old if old == "older" else folder / old
        done = logwatchd("baseline", "diff", path, folder / "new", "--json", "--logs", folder / "app.log")
        verdicts.append({**json.loads(done.stdout), "old": None, "changes": None})
    assert verdicts[0] == verdicts[1]
    assert verdicts[0]["gained"]


def test_with_other_masks_each_judges_by_its_own(folder: Path, tmp_path: Path) -> None:
    config, log = tmp_path / "c.toml", tmp_path / "jobs.log"
    names = ["zebedee", "quintilla", "wolfgang", "ottoline", "barnaby"]
    log.write_bytes(block_of([*NORMAL * 100, *(f"{name}" for name in names)]))
    config.write_text(
        f'state_dir = "{tmp_path}"\n[[source]]\npaths = ["{log}"]\n'
        "[[mask]]\nname = 'who'\npattern = '^[a-z]+$'\ntoken = '<WHO>'\n"
    )
    assert logwatchd("baseline", "build", "--output", tmp_path / "masked", "--config", config).returncode == 0
    log.write_bytes(block_of([*NORMAL, "xanthippe", "mortimer"]))
    done = logwatchd("baseline", "diff", folder / "old", tmp_path / "masked", "--json", "--logs", log)
    report = json.loads(done.stdout)
    assert report["changes"]["masks"] == [[], ["who: ^[a-z]+$"]]
    assert [row["first"]["text"] for row in report["verdicts"]["to_normal"]] == ["xanthippe", "mortimer"]
    assert {row["pattern"] for row in report["verdicts"]["to_normal"]} == {"<WHO>"}
    assert b"masks: none -> who: " in logwatchd("baseline", "diff", folder / "old", tmp_path / "masked").stdout


def test_long_lists_are_cut_unless_all_is_asked_for(folder: Path, tmp_path: Path) -> None:
    words = [f"INFO {chr(97 + i)}{chr(98 + i)} came by" for i in range(20)]
    (tmp_path / "many.log").write_bytes(block_of([*NORMAL * 100, *words]))
    assert logwatchd("baseline", "build", "--output", tmp_path / "b", tmp_path / "many.log").returncode == 0
    some = logwatchd("baseline", "diff", folder / "old", tmp_path / "b").stdout.decode()
    assert some.count("came by") == 10
    assert "and 10 more: --all" in some
    every = logwatchd("baseline", "diff", folder / "old", tmp_path / "b", "--all").stdout.decode()
    assert every.count("came by") == 20


def test_a_line_that_would_steer_a_terminal_does_not(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "x.log").write_bytes(block_of([*NORMAL * 100, "INFO \x1b[2Jgone [bold]x[/bold]"]))
    assert logwatchd("baseline", "build", "--output", tmp_path / "b", tmp_path / "x.log").returncode == 0
    done = logwatchd("baseline", "diff", tmp_path / "b", folder / "old", "--logs", tmp_path / "x.log")
    assert done.returncode == 1
    assert b"\x1b" not in done.stdout
    assert b"[bold]x[/bold]" in done.stdout


def test_the_configuration_says_how_logs_are_read_and_which_threshold_applies(folder: Path, tmp_path: Path) -> None:
    config, log = tmp_path / "c.toml", tmp_path / "wide.log"
    log.write_text("\n".join([*NORMAL, FAULT, ""]), encoding="utf-16-le")
    start = f'state_dir = "{tmp_path}"\n[[source]]\npaths = ["{log}"]\nencoding = "utf-16-le"\n'
    command = ["baseline", "diff", folder / "old", folder / "new", "--json", "--logs", log, "--config", config]
    config.write_text(start)
    verdicts = json.loads(logwatchd(*command).stdout)["verdicts"]
    assert [row["first"]["line"] for row in (*verdicts["to_normal"], *verdicts["to_anomaly"])] == [6, 4]
    config.write_text(start + "[baseline]\nthreshold = 0.999\n")
    assert logwatchd(*command).returncode == 0


def test_baselines_of_different_embedders_are_each_judged_by_their_own(folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        f'state_dir = "{tmp_path}"\n[[source]]\npaths = ["{folder}/new.log"]\n[embedder]\nprovider = "openai"\n'
    )
    with FakeOpenAI(dimensions=64) as service:
        env = service.env
        built = logwatchd("baseline", "build", "--output", tmp_path / "b", "--config", config, env=env)
        assert built.returncode == 0, built.stderr
        asked = len(service.history)
        done = logwatchd(
            "baseline", "diff", folder / "old", tmp_path / "b", "--json", "--logs", folder / "app.log", env=env
        )
        assert done.returncode == 1, done.stderr
        texts = [text for body in service.history[asked:] for text in body["input"]]
    report = json.loads(done.stdout)
    assert report["changes"]["embedder"] == ["local-1", "openai:text-embedding-3-small+redacted"]
    assert [row["pattern"] for row in report["verdicts"]["to_normal"]] == [
        "ERROR sqlite<N>.OperationalError: database is locked"
    ]
    assert "WARNING cache miss for key <N>, reading from disk" in texts  # new to that one alone
    assert "ERROR sqlite<N>.OperationalError: database is locked" not in texts
    without = logwatchd("baseline", "diff", folder / "old", tmp_path / "b", "--logs", folder / "app.log")
    assert without.returncode == 78
    assert b"OPENAI_API_KEY" in without.stderr


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["{dir}/old", "{tmp}/none"], 78, b"no baseline there"),
        (["{dir}/old.log", "{dir}/new"], 78, b"not a baseline"),
        (["{dir}/old", "{dir}/new", "--logs", "{tmp}/none.log"], 2, b"no such file"),
        (["{dir}/old", "{dir}/new", "--config", "{tmp}/none.toml"], 78, b"none.toml"),
        (["{dir}/old"], 2, b"NEW"),
    ],
)
def test_mistakes_are_clear(args: list[str], code: int, words: bytes, folder: Path, tmp_path: Path) -> None:
    done = logwatchd("baseline", "diff", *(arg.format(dir=folder, tmp=tmp_path) for arg in args))
    assert done.returncode == code
    assert words in done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""
