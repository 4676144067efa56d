"""`scripts/bench tail` as a process, on little: that it measures what it says, not how fast anything is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


def bench(*args: object) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'scripts'}:{ROOT}"}
    command = [sys.executable, "-m", "_bench", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=120, check=False)


@pytest.mark.slow
def test_figures_of_all_programs_that_are_there(tmp_path: Path) -> None:
    corpus, out = tmp_path / "app.log", tmp_path / "figures.json"
    corpus.write_bytes(b"".join(b"line %d, with bytes \xff that are no text\n" % number for number in range(20_000)))
    done = bench("tail", "--corpus", corpus, "--rounds", 1, "--delays", 2, "--json", out, "--folder", tmp_path)
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text())
    names = [one["name"] for one in figures["drain"]]
    assert names[0] == "logwatchd tail"
    assert ("rsyslog imfile" in names) == (shutil.which("rsyslogd", path="/usr/sbin:/sbin:/usr/bin") is not None)
    assert ("rsyslog imfile is left out" in done.stderr) == ("rsyslog imfile" not in names)
    assert figures["corpus"]["lines"] == 20_000
    for one in figures["drain"]:
        assert len(one["rounds_s"]) == 1
        assert min(one["rounds_s"]) <= one["median_s"] <= max(one["rounds_s"])
        assert one["lines_per_s"] == pytest.approx(20_000 / one["median_s"])
        assert 0 < one["first_s"] <= max(one["rounds_s"])
        assert one["rss_mib"] > 0
    for each in figures["delay"]:
        assert each["lines"] == 2
        assert 0 < each["median_ms"] <= each["p99_ms"] <= each["max_ms"]
    assert all(name in done.stdout for name in names)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("logwatchd-bench")] == []


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["tail", "--corpus", "/nonexistent/app.log"], "--corpus /nonexistent/app.log: no such file"),
        (["tail", "--rounds", "0"], "has to be at least 1"),
        (["nonsense"], "invalid choice: 'nonsense'"),
    ],
)
def test_what_cannot_be_measured_is_one_clear_line(args: list[str], word: str) -> None:
    done = bench(*args)
    assert done.returncode == 2
    assert word in done.stderr.splitlines()[-1]
