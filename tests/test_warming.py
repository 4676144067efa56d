"""The end of a warm-up, with an embedding service on loopback."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import pytest

from logwatchd import clock, config
from logwatchd.records import Block, FileId, SourceSpec
from logwatchd.scoring.ledger import days
from logwatchd.scoring.vector_cache import open_database
from logwatchd.warming import Warming
from tests.fakes.openai import FakeOpenAI
from tests.helpers import wait_until
from tests.scoring.making import NORMAL, block_of


def test_what_it_asks_for_counts_and_is_kept(
    service: FakeOpenAI, tmp_path: Path, no_overrides: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A baseline that cannot be written is made again every minute, and was paid for each time."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    file, wanted = tmp_path / "logwatchd.toml", tmp_path / "baseline"
    file.write_text(
        f'state_dir = "{tmp_path}"\n[[source]]\npaths = ["/dev/null"]\n[baseline]\npath = "{wanted}"\nwarmup = "1s"\n'
        f'[embedder]\nprovider = "openai"\nbase_url = "{service.url}/v1"\n'
    )
    found = config.load(file)
    wanted.mkdir()
    learned, crashed = threading.Event(), threading.Event()
    warming = Warming(found, learned.set, lambda *_: crashed.set())
    data = block_of(NORMAL * 20)
    warming.add(Block(SourceSpec((str(file),)), str(file), FileId(1, 1, 0), 0, data, len(data)))
    now = clock.monotonic()
    warming.tick(now + 2)
    wait_until(lambda: warming.status().startswith("no baseline yet"), timeout_s=20)  # it was refused
    texts = len(service.answered)
    assert texts == len(set(NORMAL))
    wanted.rmdir()
    warming.tick(now + 100)
    assert learned.wait(20)
    assert not crashed.is_set()
    assert max(Counter(service.answered).values()) == 1
    (today,) = days(open_database(tmp_path))
    assert (today.texts, today.calls) == (texts, 1)
