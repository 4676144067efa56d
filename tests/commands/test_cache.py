"""`logwatchd cache` as a process, on a cache that a real build filled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from logwatchd.errors import Exit
from tests.commands.process import logwatchd
from tests.fakes.openai import FakeOpenAI
from tests.scoring.making import NORMAL, block_of


@pytest.fixture
def config(service: FakeOpenAI, tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    (tmp_path / "good.log").write_bytes(block_of(NORMAL * 100))
    file = tmp_path / "logwatchd.toml"
    file.write_text(
        f'state_dir = "{tmp_path}/state"\n[[source]]\npaths = ["{tmp_path}/good.log"]\n'
        f'[embedder]\nprovider = "openai"\nbase_url = "{service.url}/v1"\n'
    )
    return file


KEY = {"OPENAI_API_KEY": "sk-test"}


def test_it_tells_size_hits_and_cost_and_forgets(service: FakeOpenAI, config: Path, tmp_path: Path) -> None:
    empty = logwatchd("cache", "--config", config, env=KEY)
    assert empty.returncode == Exit.OK
    assert b"sent in all: 0 texts in 0 requests, 0 tokens, $0.000000" in empty.stdout
    for _ in range(2):
        built = logwatchd("baseline", "build", "--config", config, "--output", tmp_path / "b", env=KEY)
        assert built.returncode == Exit.OK, built.stderr
    assert len(service.history) == 1  # the second build paid for nothing
    told = json.loads(logwatchd("cache", "--config", config, "--json", env=KEY).stdout)
    found = [(one["space"], one["texts"]) for one in told["embedders"]]
    assert found == [("openai:text-embedding-3-small+redacted", 5)]
    assert told["total"] == told["today"]
    assert (told["total"]["texts"], told["total"]["hits"], told["hit_rate"]) == (5, 5, 0.5)
    assert told["total"]["usd"] == pytest.approx(told["total"]["tokens"] * 0.02 / 1e6)
    shown = logwatchd("cache", "--config", config, env=KEY).stdout.decode()
    assert "found 5 of 10 texts that were asked for: 50.0%" in shown
    cleared = logwatchd("cache", "--config", config, "--clear", env=KEY)
    assert b"5 vectors forgotten" in cleared.stderr
    assert b"text-embedding-3-small" not in cleared.stdout
    logwatchd("baseline", "build", "--config", config, "--output", tmp_path / "b", env=KEY)
    assert len(service.history) == 2


def test_a_file_that_is_none_is_told_in_one_line(config: Path, tmp_path: Path) -> None:
    (tmp_path / "state" / "embeddings.sqlite").write_bytes(b"not one")
    shown = logwatchd("cache", "--config", config, env=KEY)
    assert shown.returncode == Exit.OK
    assert shown.stdout.count(b"\n") == 3
    assert b"Traceback" not in shown.stderr
