"""`logwatchd baseline rebuild` as a process: moved to another embedder and back, interrupted, refused."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from logwatchd import config
from logwatchd.commands import baseline_rebuild
from logwatchd.errors import Exit
from tests.commands.process import local_baseline, logwatchd
from tests.fakes.openai import FakeOpenAI
from tests.fakes.server import Status
from tests.scoring.making import FAULT, NORMAL, block_of

WORDS = [f"INFO {a * 5} {b * 4} is ready" for a in "abcdefghijklmnopqrst" for b in "uvwxyzabcdefghijklmn"]


@pytest.fixture
def env(service: FakeOpenAI) -> dict[str, str]:
    return service.env


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return local_baseline(tmp_path_factory.mktemp("rebuild"), [*NORMAL * 200, *WORDS])


def manifest(path: Path) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(logwatchd("baseline", "show", "--json", path).stdout)
    return shown


def test_a_dry_run_tells_the_cost_and_asks_nobody(
    service: FakeOpenAI, env: dict[str, str], local: Path, tmp_path: Path
) -> None:
    done = logwatchd(
        *("baseline", "rebuild", local, "--output", tmp_path / "b", "--embedder", "openai", "--dry-run"), env=env
    )
    assert done.returncode == Exit.OK, done.stderr
    assert b"405 texts for openai:text-embedding-3-small+redacted, about " in done.stderr
    assert b" tokens, about $0.000" in done.stderr
    assert service.requests == []
    assert list(tmp_path.iterdir()) == []


def test_there_and_back_is_the_same_baseline(
    service: FakeOpenAI, env: dict[str, str], local: Path, tmp_path: Path
) -> None:
    there = logwatchd(
        *("baseline", "rebuild", local, "--output", tmp_path / "there", "--embedder", "openai:m-1"), env=env
    )
    assert there.returncode == Exit.OK, there.stderr
    assert b"its price is not known" in there.stderr
    assert manifest(tmp_path / "there")["embedder"] == "openai:m-1+redacted"
    assert {path.name for path in tmp_path.iterdir()} == {"there", "there.local"}  # with its twin
    back = logwatchd("baseline", "rebuild", tmp_path / "there", "--output", tmp_path / "back", "--embedder", "local")
    assert back.returncode == Exit.OK, back.stderr
    assert b"free of charge" in back.stderr
    ours, theirs = manifest(tmp_path / "back"), manifest(local)
    assert {**ours, "built_at": ""} == {**theirs, "built_at": ""}
    (tmp_path / "x.log").write_bytes(block_of([*NORMAL, FAULT]))
    assert logwatchd("scan", "--baseline", tmp_path / "there", tmp_path / "x.log", env=env).returncode == Exit.ANOMALY


def test_an_interrupted_one_goes_on_where_it_was(
    service: FakeOpenAI, env: dict[str, str], local: Path, tmp_path: Path
) -> None:
    args = ("baseline", "rebuild", local, "--output", tmp_path / "b", "--embedder", "openai")
    service.enqueue(service.well, Status(401))
    first = logwatchd(*args, env=env)
    assert first.returncode == Exit.CONFIG
    assert b"run it again to go on" in first.stderr
    assert not (tmp_path / "b").exists()
    estimate = logwatchd(*args, "--dry-run", env=env)
    assert b"200 of them are embedded already" in estimate.stderr
    second = logwatchd(*args, env=env)
    assert second.returncode == Exit.OK, second.stderr
    assert max(Counter(service.answered).values()) == 1
    assert len(service.answered) == 405
    assert {path.name for path in tmp_path.iterdir()} == {"b", "b.local"}


def test_the_machines_own_rules_hold_where_no_configuration_is_named(
    service: FakeOpenAI,
    env: dict[str, str],
    tmp_path: Path,
    no_overrides: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "logwatchd.toml").write_text('[[redact]]\nname = "customer"\npattern = "CUST-[a-z]+"\n')
    monkeypatch.setattr(config, "DEFAULT_PATH", tmp_path / "logwatchd.toml")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "good.log").write_bytes(block_of([f"INFO CUST-prefect {word}" for word in WORDS]))
    assert logwatchd("baseline", "build", "--output", tmp_path / "b", tmp_path / "good.log").returncode == Exit.OK
    assert baseline_rebuild.run(tmp_path / "b", tmp_path / "c", "openai", None, dry_run=False) == Exit.OK
    assert service.answered
    assert not [text for text in service.answered if "prefect" in text]


def test_what_it_costs_counts_as_the_daemons(
    service: FakeOpenAI, env: dict[str, str], local: Path, tmp_path: Path
) -> None:
    """In the configuration's state folder, where one that was interrupted, and the next build, find it again."""
    state = tmp_path / "state"
    state.mkdir()
    file = tmp_path / "logwatchd.toml"
    file.write_text(
        f'state_dir = "{state}"\n[[source]]\npaths = ["/dev/null"]\n'
        '[embedder]\nprovider = "openai"\ndaily_usd = 0.00001\n'
    )
    args = ("baseline", "rebuild", local, "--output", tmp_path / "b", "--config", file)
    service.enqueue(service.well, Status(401))
    assert logwatchd(*args, env=env).returncode == Exit.CONFIG
    assert b"200 of them are embedded already" in logwatchd(*args, "--dry-run", env=env).stderr
    done = logwatchd(*args, env=env)
    assert done.returncode == Exit.OK, done.stderr
    assert b"and embedder.daily_usd is 1e-05" in done.stderr
    assert len(service.answered) == 405
    cache = json.loads(logwatchd("cache", "--config", file, "--json", env=env).stdout)
    assert cache["today"]["texts"] == 405
    assert {path.name for path in tmp_path.iterdir()} == {"b", "b.local", "logwatchd.toml", "state"}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--embedder", "word2vec"], b"write local"),
        ([], b"no embedder"),
    ],
)
def test_mistakes_are_one_line(local: Path, tmp_path: Path, args: list[str], words: bytes) -> None:
    done = logwatchd("baseline", "rebuild", local, "--output", tmp_path / "b", *args)
    assert done.returncode == Exit.USAGE
    assert words in done.stderr
    assert done.stderr.count(b"\n") == 1
