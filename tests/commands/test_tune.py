"""`logwatchd tune` as a process, on real files; its figures against counting by hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from logwatchd.scoring.baseline import load
from tests.commands.process import local_baseline, logwatchd, remote_baseline
from tests.fakes.openai import FakeOpenAI
from tests.scoring.making import FAULT, NORMAL, block_of

NEW = "INFO user 17 changed the language to English"
FAULTS = [FAULT, "CRITICAL disk /dev/sda1 is full", "ERROR payment gateway does not answer"]
TRACE = 'ERROR it failed\nTraceback (most recent call last):\n  File "/a.py", line 3, in f\nValueError: no such thing'


def rows(lines: list[str], label: str) -> list[dict[str, str]]:
    return [{"log": line, "label": label} for line in lines]


LABELLED = [*rows([*NORMAL * 20, NEW, NEW], "normal"), *rows([*FAULTS * 3, TRACE], "anomaly")]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return local_baseline(tmp_path_factory.mktemp("tune"))


@pytest.fixture
def baseline(built: Path, tmp_path: Path) -> Path:
    """A copy that may be written to."""
    (tmp_path / "b").write_bytes(built.read_bytes())
    return tmp_path / "b"


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    (tmp_path / "labels.json").write_text(json.dumps(LABELLED))
    return tmp_path / "labels.json"


def figures(*args: object, code: int = 0, **more: Any) -> dict[str, Any]:
    done = logwatchd("tune", "--json", *args, **more)
    assert done.returncode == code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_threshold_does_what_scan_would_do_with_it(baseline: Path, labelled: Path, tmp_path: Path) -> None:
    found = figures("--baseline", baseline, labelled)
    assert (found["lines"], found["normal"], found["anomalies"]) == (112, 102, 10)
    (tmp_path / "all.log").write_text("".join(row["log"] + "\n" for row in LABELLED))
    scanned = logwatchd("scan", "--baseline", baseline, "--format", "jsonl", "--all", tmp_path / "all.log")
    scores = [json.loads(line)["score"] for line in scanned.stdout.splitlines()]
    assert len(scores) == len(LABELLED)
    anomalies = [row["label"] == "anomaly" for row in LABELLED]
    for point in [*found["thresholds"], found["present"], found["best"]]:
        over = [score > point["threshold"] for score in scores]
        counted = [
            sum(flag and anomaly for flag, anomaly in zip(over, anomalies, strict=True)),
            sum(flag and not anomaly for flag, anomaly in zip(over, anomalies, strict=True)),
        ]
        assert [point["found"], point["flagged"]] == counted
    assert found["present"]["threshold"] == pytest.approx(load(baseline).manifest.threshold, abs=1e-6)
    assert found["best"]["f1"] == max(point["f1"] for point in found["thresholds"])
    assert 0.9 < found["auroc"] <= 1


def test_all_forms_give_the_same_figures(baseline: Path, labelled: Path, tmp_path: Path) -> None:
    wanted = figures("--baseline", baseline, labelled)
    (tmp_path / "labels").write_text("".join(json.dumps(row) + "\n" for row in LABELLED))
    for label in ("normal", "anomaly"):
        lines = [row["log"] for row in LABELLED if row["label"] == label]
        (tmp_path / f"{label}.log").write_bytes(block_of(lines[::2]))
        (tmp_path / f"{label}.2.log").write_bytes(block_of(lines[1::2]))
    plain = [
        "--normal", tmp_path / "normal.log", tmp_path / "normal.2.log",
        "--anomaly", tmp_path / "anomaly.log", "--anomaly", tmp_path / "anomaly.2.log",
    ]  # fmt: skip
    for found in (
        figures("--baseline", baseline, tmp_path / "labels"),
        figures("--baseline", baseline, "-", stdin=labelled.read_bytes()),
        figures("--baseline", baseline, *plain),
    ):
        assert found["thresholds"] == wanted["thresholds"]
        assert found["best"] == wanted["best"]


def test_people_see_a_table_and_what_the_best_costs(baseline: Path, labelled: Path) -> None:
    done = logwatchd("tune", "--baseline", baseline, labelled)
    assert done.returncode == 0
    text = done.stdout.decode()
    assert "102 normal lines, 10 anomalies" in text
    assert "AUROC" in text
    assert "a threshold for each log" not in text, "there is one log, and one threshold"
    for mark in ("best", "present"):
        assert sum(line.split()[:1] == [mark] for line in text.splitlines()) == 2  # in the table, and its cost
    assert "finds 10 of 10 anomalies" in text
    assert "--write" in text
    assert done.stderr == b""
    assert max(map(len, text.splitlines()[:20])) < 200


def test_write_puts_the_best_threshold_into_the_baseline(baseline: Path, labelled: Path) -> None:
    before = load(baseline)
    best = figures("--baseline", baseline, "--write", labelled)["best"]
    after = load(baseline)
    assert after.manifest.threshold == pytest.approx(best["threshold"], abs=1e-6)
    assert after.manifest.threshold_mode == "tuned"
    assert after.patterns == before.patterns
    assert (after.centroids == before.centroids).all()
    again = figures("--baseline", baseline, labelled)
    assert again["present"] == again["best"] == best
    said = logwatchd("tune", "--baseline", baseline, "--write", labelled).stderr.decode()
    assert "(tuned)" in said
    assert "logwatchd reload" in said


def test_a_tuned_threshold_is_what_scan_judges_by(baseline: Path, tmp_path: Path) -> None:
    (tmp_path / "l.json").write_text(json.dumps([*rows([NEW, *FAULTS[:2]], "normal"), *rows(FAULTS[2:], "anomaly")]))
    best = figures("--baseline", baseline, "--write", tmp_path / "l.json")["best"]
    (tmp_path / "x.log").write_bytes(block_of([NEW, *FAULTS]))
    out = logwatchd("scan", "--baseline", baseline, "--format", "jsonl", "--all", tmp_path / "x.log").stdout
    assert {json.loads(line)["threshold"] for line in out.splitlines()} == {best["threshold"]}


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_picture_is_one(kind: str, baseline: Path, labelled: Path, tmp_path: Path) -> None:
    done = logwatchd("tune", "--baseline", baseline, "--plot", tmp_path / f"p.{kind}", labelled)
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    picture = (tmp_path / f"p.{kind}").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n" if kind == "png" else b"<?xml")
    assert len(picture) > 10_000
    if kind == "svg":  # its texts stand in it as comments
        for words in ("<!-- precision -->", "<!-- recall -->", "<!-- best 0.", "<!-- present 0.", "10 found, 0 missed"):
            assert words in picture.decode()


def test_without_matplotlib_the_mend_is_told_before_anything_is_judged(
    baseline: Path, labelled: Path, tmp_path: Path
) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ImportError('not installed')\n")
    done = logwatchd(
        "tune", "--baseline", baseline, "--plot", tmp_path / "p.png", labelled, env={"PYTHONPATH": _path(tmp_path)}
    )
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.decode().endswith(
        "needs matplotlib: scripts/install --with plot adds it, scripts/build-deb --with plot makes a Debian package "
        "with it, or in a venv of your own: "
        f"{sys.executable} -m pip install 'logwatchd[plot]'\n"
    )
    assert logwatchd("tune", "--baseline", baseline, labelled, env={"PYTHONPATH": _path(tmp_path)}).returncode == 0


def _path(folder: Path) -> str:
    """The folder before all that this test run finds modules in."""
    return ":".join([str(folder), *filter(None, sys.path)])


@pytest.mark.parametrize(
    ("lines", "remark", "code"),
    [
        (rows([*NORMAL, NEW], "normal"), "no anomaly among them", 2),
        (rows(FAULTS, "anomaly"), "no normal line among them", 2),
        ([*rows(NORMAL, "normal"), *rows(NORMAL[:2], "anomaly")], "2 anomalies cannot be found at any threshold", 2),
        ([*rows([FAULT], "normal"), *rows([FAULT], "anomaly")], "1 text labelled both normal and anomaly", 0),
        ([*rows(NORMAL, "normal"), *rows(["DEBUG unheard of", FAULT], "anomaly")], "1 anomaly among them cannot", 0),
    ],
    ids=["only normal", "only anomalies", "known anomalies", "both labels", "debug"],
)
def test_odd_classes_behave_and_are_told(
    lines: list[dict[str, str]], remark: str, code: int, baseline: Path, tmp_path: Path
) -> None:
    (tmp_path / "l.json").write_text(json.dumps(lines))
    before = baseline.read_bytes()
    done = logwatchd("tune", "--baseline", baseline, "--plot", tmp_path / "p.png", tmp_path / "l.json")
    assert done.returncode == 0, done.stderr
    assert remark in done.stdout.decode()
    assert (tmp_path / "p.png").stat().st_size > 10_000
    written = logwatchd("tune", "--baseline", baseline, "--write", tmp_path / "l.json")
    assert written.returncode == code
    if code:
        assert b"left as it was" in written.stderr
        assert baseline.read_bytes() == before


def test_the_configuration_changes_embedder_threshold_and_levels(
    baseline: Path, labelled: Path, tmp_path: Path
) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        f'state_dir = "{tmp_path}"\n[[source]]\npaths = ["{tmp_path}/*.log"]\nskip_levels = ["ERROR"]\n'
        "[baseline]\nthreshold = 0.77\n"
    )
    found = figures("--baseline", baseline, "--config", config, labelled)
    assert found["present"]["threshold"] == 0.77
    assert found["never_judged"] == 7  # two of the faults, three times each, and the trace
    assert max(point["found"] for point in found["thresholds"]) == 3
    said = logwatchd("tune", "--baseline", baseline, "--config", config, "--write", labelled).stderr.decode()
    assert f"{config}: baseline.threshold = 0.77: comes before the baseline's" in said


def test_many_lines_take_memory_by_their_texts(baseline: Path, tmp_path: Path) -> None:
    (tmp_path / "n.log").write_bytes(block_of(NORMAL * 10_000))
    (tmp_path / "a.log").write_bytes(block_of(FAULTS * 2_000))
    found = figures("--baseline", baseline, "--normal", tmp_path / "n.log", "--anomaly", tmp_path / "a.log")
    assert (found["lines"], found["texts"], found["best"]["f1"]) == (56_000, 8, 1.0)


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        ([], 2, "no labelled lines: name a file"),
        (["{tmp}/none.json"], 2, "no such file"),
        (["{tmp}"], 2, "is a folder"),
        (["--normal", "{tmp}/none.log"], 2, "no such file"),
        (["{tmp}/empty"], 2, "no labelled line in it"),
        (["{tmp}/bad.json"], 2, 'bad.json, item 1: "label" = "odd": write "normal" or "anomaly"'),
        (["--plot", "{tmp}/p.pdf", "{labels}"], 2, ".png or .svg"),
        (["--plot", "{tmp}/no/p.png", "{labels}"], 2, "there is no folder"),
        (["--config", "{tmp}/none.toml", "{labels}"], 78, "none.toml"),
        (["--baseline", "{tmp}/none", "{labels}"], 78, "no baseline there"),
        (["--baseline", "{labels}", "{labels}"], 78, "not a baseline"),
    ],
)
def test_mistakes_are_one_clear_line(
    args: list[str], code: int, words: str, baseline: Path, labelled: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "bad.json").write_text('[{"log": "a", "label": "odd"}]')
    done = logwatchd("tune", "--baseline", baseline, *(arg.format(tmp=tmp_path, labels=labelled) for arg in args))
    assert done.returncode == code
    assert done.stdout == b""
    message = done.stderr.decode()
    assert words in message
    assert message.count("\n") == 1


def test_a_remote_embedder_is_asked_once_a_text(service: FakeOpenAI, labelled: Path, tmp_path: Path) -> None:
    baseline = remote_baseline(tmp_path, service)
    calls = len(service.history)
    assert figures("--baseline", baseline, labelled, env=service.env)["anomalies"] == 10
    asked = [text for body in list(service.history)[calls:] for text in body["input"]]
    assert len(asked) == len(set(asked)) == 5
    without = logwatchd("tune", "--baseline", baseline, labelled, env={"OPENAI_API_KEY": ""})
    assert without.returncode == 78
    assert b"OPENAI_API_KEY" in without.stderr
