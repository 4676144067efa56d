"""Each log has its own threshold: from `baseline build` through `show`, `scan`, `explain` and `diff`, as processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.process import logwatchd
from tests.scoring.making import QUIET, REWORDED, block_of, noisy_log


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a quiet and a noisy log, and a baseline of both."""
    folder = tmp_path_factory.mktemp("logs")
    (folder / "quiet.log").write_bytes(block_of(QUIET))
    (folder / "noisy.log").write_bytes(block_of(noisy_log()))
    done = logwatchd("baseline", "build", "--output", folder / "b", folder / "*.log")
    assert done.returncode == 0, done.stderr
    assert b", by log (auto)" in done.stderr
    for name in ("quiet", "noisy"):
        (folder / f"{name}.log").write_bytes(block_of([REWORDED]))
        (folder / f"{name}.log.1").write_bytes(block_of([REWORDED]))
    return folder


def test_show_lists_them(logs: Path) -> None:
    shown = json.loads(logwatchd("baseline", "show", "--json", logs / "b").stdout)
    assert list(shown["thresholds"]) == [str(logs / "noisy.log"), str(logs / "quiet.log")]
    noisy_one, quiet_one = shown["thresholds"].values()
    assert quiet_one < shown["threshold"] < noisy_one
    text = logwatchd("baseline", "show", logs / "b").stdout.decode()
    assert all(f"{value:.4f}" in text for value in (quiet_one, noisy_one))


@pytest.mark.parametrize("suffix", ["", ".1"])
def test_the_same_line_is_an_anomaly_in_one_log_and_none_in_the_other(logs: Path, suffix: str) -> None:
    for name, code in (("quiet", 1), ("noisy", 0)):
        done = logwatchd("scan", "--baseline", logs / "b", logs / f"{name}.log{suffix}")
        assert done.returncode == code, (name, done)


def test_explain_takes_the_log_that_it_is_told(logs: Path) -> None:
    for name, code in (("quiet", 1), ("noisy", 0)):
        done = logwatchd("explain", "--baseline", logs / "b", "--log", logs / f"{name}.log", "--json", REWORDED)
        assert done.returncode == code
        assert json.loads(done.stdout)["anomaly"] == bool(code)


def test_a_path_may_lead_through_a_parent_folder(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (logs / "deeper").mkdir()
    monkeypatch.chdir(logs / "deeper")
    for name, code in (("quiet", 1), ("noisy", 0)):
        assert logwatchd("scan", "--baseline", "../b", f"../{name}.log").returncode == code
        assert logwatchd("explain", "--baseline", "../b", "--log", f"../{name}.log", REWORDED).returncode == code


@pytest.mark.parametrize("relative", [False, True])
def test_diff_judges_each_log_by_its_own(logs: Path, relative: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A baseline that knows the line against one that does not: the verdict changes only where it was an anomaly."""
    monkeypatch.chdir(logs)
    folder = Path() if relative else logs
    (logs / "new.log").write_bytes(block_of([*QUIET, REWORDED]))
    logwatchd("baseline", "build", "--output", logs / "new", logs / "new.log")
    done = logwatchd("baseline", "diff", "--json", "b", "new", "--logs", folder / "quiet.log", folder / "noisy.log")
    verdicts = json.loads(done.stdout)["verdicts"]
    assert (verdicts["lines"], verdicts["patterns"]) == (2, 1)
    (row,) = verdicts["to_normal"]
    assert row["first"]["file"] == str(folder / "quiet.log")
    shown = json.loads(logwatchd("baseline", "show", "--json", "b").stdout)
    assert row["old"]["threshold"] == pytest.approx(shown["thresholds"][str(logs / "quiet.log")], abs=1e-4)


def test_tune_says_that_one_threshold_would_take_their_place(logs: Path) -> None:
    done = logwatchd("tune", "--baseline", logs / "b", "--normal", logs / "noisy.log", "--anomaly", logs / "quiet.log")
    assert "the baseline has a threshold for each log" in done.stdout.decode()
