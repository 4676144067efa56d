"""`logwatchd baseline merge` as a process, on real files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands.process import logwatchd
from tests.fakes.openai import FakeOpenAI
from tests.scoring.making import FAULT, NORMAL, block_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two logs and their baselines, a and b, and that of both."""
    found = tmp_path_factory.mktemp("merge")
    (found / "a.log").write_bytes(block_of([*NORMAL * 300, "INFO import done"]))
    (found / "b.log").write_bytes(block_of([*NORMAL[:2] * 300, FAULT, FAULT]))
    for name, logs in (("a", ["a.log"]), ("b", ["b.log"]), ("both", ["a.log", "b.log"])):
        done = logwatchd("baseline", "build", "--output", found / name, *(found / log for log in logs))
        assert done.returncode == 0, done.stderr
    return found


def manifest(path: Path) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(logwatchd("baseline", "show", "--json", path).stdout)
    return {key: value for key, value in shown.items() if key != "built_at"}


def test_merging_is_as_good_as_learning_from_both_at_once(folder: Path, tmp_path: Path) -> None:
    done = logwatchd("baseline", "merge", "--output", tmp_path / "m", folder / "a", folder / "b")
    assert done.returncode == 0, done.stderr
    assert b"2,103 lines" in done.stderr
    assert manifest(tmp_path / "m") == manifest(folder / "both")
    same = logwatchd("baseline", "diff", folder / "both", tmp_path / "m", "--logs", folder / "a.log", folder / "b.log")
    assert same.returncode == 0
    assert b"0 patterns gained" in same.stdout
    for log in ("a.log", "b.log"):
        assert logwatchd("scan", "--baseline", tmp_path / "m", folder / log).returncode == 0
    assert logwatchd("scan", "--baseline", folder / "a", folder / "b.log").returncode == 1


def test_a_threshold_that_somebody_set_is_told_not_to_be_taken_over(folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        f'state_dir = "{tmp_path}"\n[[source]]\npaths = ["{folder}/a.log"]\n[baseline]\nthreshold = 0.4\n'
    )
    built = logwatchd("baseline", "build", "--output", tmp_path / "a", "--config", config)
    assert built.returncode == 0, built.stderr
    done = logwatchd("baseline", "merge", "--output", tmp_path / "m", tmp_path / "a", folder / "b")
    assert b"its fixed threshold 0.400 is not taken over" in done.stderr
    assert manifest(tmp_path / "m")["threshold_mode"] == "auto"
    done = logwatchd("baseline", "merge", "--output", tmp_path / "m", "--config", config, tmp_path / "a", folder / "b")
    assert b"taken over" not in done.stderr
    assert manifest(tmp_path / "m")["threshold"] == 0.4


def test_baselines_of_different_embedders_or_masks_are_no_whole(folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    start = f'state_dir = "{tmp_path}"\n[[source]]\npaths = ["{folder}/a.log"]\n'
    config.write_text(start + '[embedder]\nprovider = "openai"\nmodel = "m-1"\n')
    with FakeOpenAI(dimensions=64) as service:
        env = service.env
        assert logwatchd("baseline", "build", "--output", tmp_path / "o", "--config", config, env=env).returncode == 0
        twice = logwatchd("baseline", "merge", "--output", tmp_path / "m", tmp_path / "o", tmp_path / "o", env=env)
        assert twice.returncode == 0, twice.stderr
        assert manifest(tmp_path / "m")["embedder"] == "openai:m-1+redacted"
    with FakeOpenAI(dimensions=32) as other:
        env = other.env
        for args in (
            ("merge", "--output", tmp_path / "x", tmp_path / "o", tmp_path / "o"),
            ("diff", folder / "a", tmp_path / "o", "--logs", folder / "b.log"),
        ):
            refused = logwatchd("baseline", *args, env=env)
            assert refused.returncode == 78
            assert b"64 dimensions, those of 'openai:m-1+redacted' have 32; name a --config" in refused.stderr
    done = logwatchd("baseline", "merge", "--output", tmp_path / "x", folder / "a", tmp_path / "o")
    assert done.returncode == 78
    assert b"made with embedder 'openai:m-1+redacted'" in done.stderr
    config.write_text(start + "[[mask]]\nname = 'c'\npattern = 'cache'\n")
    masked = logwatchd("baseline", "build", "--output", tmp_path / "k", "--config", config)
    assert masked.returncode == 0, masked.stderr
    done = logwatchd("baseline", "merge", "--output", tmp_path / "x", folder / "a", tmp_path / "k")
    assert done.returncode == 78
    assert b"other [[mask]] tables" in done.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["{dir}/a"], 2, b"two or more"),
        (["{dir}/a", "{tmp}/none"], 78, b"no baseline there"),
        (["{dir}/a", "{dir}/a.log"], 78, b"not a baseline"),
        ([], 2, b"BASELINE"),
    ],
)
def test_mistakes_are_clear(args: list[str], code: int, words: bytes, folder: Path, tmp_path: Path) -> None:
    given = [arg.format(dir=folder, tmp=tmp_path) for arg in args]
    done = logwatchd("baseline", "merge", "--output", tmp_path / "m", *given)
    assert done.returncode == code
    assert words in done.stderr
    assert b"Traceback" not in done.stderr
    assert not (tmp_path / "m").exists()
    nowhere = logwatchd("baseline", "merge", "--output", tmp_path / "no" / "m", folder / "a", folder / "b")
    assert nowhere.returncode == 2
