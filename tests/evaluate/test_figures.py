"""What counts as a figure that fell, and what `scripts/evaluate` says of it."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, SHARED

sys.path.insert(0, str(ROOT / "scripts"))
from _evaluate.figures import HELD, TOLERANCE, Figures, differs, falls, figures_of, rises

COMMITTED = ROOT / "tests" / "detection-figures.json"
SET = {"lines": 10.0, "anomalous": 2.0, "auroc": 0.9, "ap": 0.5, "f1": 0.6, "pat_f1": 0.4, "alerts": 7.0}


def changed(figure: str, value: float) -> Figures:
    return {"one": {**SET, figure: value}}


@pytest.mark.parametrize("figure", ["auroc", "ap", "f1", "pat_f1"])
def test_a_lower_figure_fell_and_a_higher_one_rose(figure: str) -> None:
    lower, higher = changed(figure, SET[figure] - 0.01), changed(figure, SET[figure] + 0.01)
    assert [fall.figure for fall in falls({"one": SET}, lower)] == [figure]
    assert rises({"one": SET}, lower) == []
    assert falls({"one": SET}, higher) == []
    assert [rise.figure for rise in rises({"one": SET}, higher)] == [figure]


def test_noise_is_neither_and_alerts_are_not_held() -> None:
    for step in (-TOLERANCE / 2, TOLERANCE / 2):
        noisy = changed("f1", SET["f1"] + step)
        assert falls({"one": SET}, noisy) == rises({"one": SET}, noisy) == []
    assert falls({"one": SET}, changed("alerts", 700.0)) == []


def test_a_figure_that_is_gone_fell_and_a_new_set_rose() -> None:
    without = {"one": {key: value for key, value in SET.items() if key != "f1"}}
    assert [str(fall) for fall in falls({"one": SET}, without)] == ["one: f1 fell from 0.6000 to 0.0000"]
    assert {rise.name for rise in rises({"one": SET}, {"one": SET, "two": SET})} == {"two"}


def test_another_set_by_the_same_name_is_told() -> None:
    assert differs({"one": SET}, changed("lines", 11.0)) == ["one: has 11 lines where the committed figures are of 10"]
    assert differs({"one": SET}, {"one": SET, "two": SET}) == []


def test_what_is_kept_of_a_report() -> None:
    report = {"sets": {"one": {**SET, "f1": 0.123456, "scan_s": 3.2}}, "mean": {"f1": 0.123456}}
    assert figures_of(report) == {"one": {**SET, "f1": 0.1235}, "mean": {"f1": 0.1235}}


def test_the_committed_figures_are_of_every_set_and_in_range() -> None:
    committed = json.loads(COMMITTED.read_text())
    assert {"mean", "bgl", "openstack", "apache"} < committed.keys()
    for table in committed.values():
        assert all(0 <= table[key] <= 1 for key in HELD if key in table)


def evaluate(*args: object) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    command = [sys.executable, "-m", "_evaluate", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=120, check=False)


@pytest.mark.slow
def test_one_set_as_a_process(tmp_path: Path) -> None:
    if not (SHARED / "detection").is_dir():
        pytest.skip(f"{SHARED}: the labelled logs are not here")
    name, file = "ci-ansible-01", tmp_path / "figures.json"
    report = tmp_path / "report.json"
    first = evaluate(name, "--figures", file, "--json", report)
    assert first.returncode == 0, first.stdout + first.stderr
    held = figures_of(json.loads(report.read_text()))
    file.write_text(json.dumps(held))
    assert evaluate(name, "--figures", file).returncode == 0
    raised = copy.deepcopy(held)
    raised[name]["auroc"] += 0.01
    file.write_text(json.dumps(raised))
    fell = evaluate(name, "--figures", file)
    assert fell.returncode == 1
    assert f"{name}: auroc fell" in fell.stdout
    assert evaluate(name, "--update").returncode == 2


def test_a_set_that_is_not_there_is_no_pass(tmp_path: Path) -> None:
    if not (SHARED / "detection").is_dir():
        pytest.skip(f"{SHARED}: the labelled logs are not here")
    done = evaluate("no-such-set", "--figures", tmp_path / "f.json")
    assert done.returncode == 2
