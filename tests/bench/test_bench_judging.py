"""The benchmarks of judging, on little: that they measure what they say, not how fast anything is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.test_bench_tail import bench
from tests.helpers import LONG

FOLDER, JSON = "FOLDER", "JSON"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "keys"),
    [
        (["scan", "--lines", 2000, "--rounds", 1, "--systems", "Linux", "--folder", FOLDER], {"scan"}),
        (["build", "--lines", 2000, "--rounds", 1, "--folder", FOLDER], {"build"}),
        pytest.param(["growth", "--lines", 2000, 4000, "--rounds", 1, "--folder", FOLDER], {"growth"}, marks=LONG),
        pytest.param(["new-texts", "--texts", 200, "--rounds", 1], {"texts_per_s"}, marks=LONG),
        (["daemon", "--lines", 2000, "--rounds", 1, "--folder", FOLDER], {"daemon_s", "scan_s"}),
        (["storm", "--lines", 500, "--rounds", 1, "--folder", FOLDER], {"storms"}),
        (["latency", "--count", 2, "--folder", FOLDER], {"delay"}),
        pytest.param(
            ["footprint", "--lines", 2000, "--seconds", 1, "--rounds", 1, "--folder", FOLDER],
            {"rss_mib", "clients_rss_mib", "idle_percent", "help_ms"},
            marks=LONG,
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_figures_are_written_and_nothing_is_left(tmp_path: Path, args: list[object], keys: set[str]) -> None:
    out = tmp_path / "figures.json"
    done = bench(*[tmp_path if arg == FOLDER else arg for arg in args], "--json", out)
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text())
    assert figures["benchmark"] == args[0]
    assert keys <= figures.keys()
    assert done.stdout.strip()
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"]
