"""The end of a warm-up: what it costs, and what a reload makes of it."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from pathlib import Path

import pytest

from logwatchd import clock, config
from logwatchd.config import Config
from logwatchd.records import Block, FileId
from logwatchd.scoring.ledger import days
from logwatchd.scoring.vector_cache import open_database
from logwatchd.warming import Warming
from tests.fakes.openai import FakeOpenAI
from tests.helpers import no_threads, wait_until
from tests.scoring.making import NORMAL, SPEC, block_of


def _config(folder: Path, name: str, extra: str = "") -> Config:
    file = folder / f"{name}.toml"
    file.write_text(
        f'state_dir = "{folder}"\n[[source]]\npaths = ["/dev/null"]\n'
        f'[baseline]\npath = "{folder}/{name}"\nwarmup = "1s"\n{extra}'
    )
    return config.load(file)


def _block() -> Block:
    data = block_of(NORMAL * 20)
    return Block(SPEC, "/var/log/x.log", FileId(1, 1, 0), 0, data, len(data))


def test_a_reload_that_wants_the_baseline_elsewhere_gets_it_there(tmp_path: Path, no_overrides: None) -> None:
    """Also when what was learned has been refused, or was about to be."""
    learned: queue.SimpleQueue[str] = queue.SimpleQueue()
    warming = Warming(_config(tmp_path, "first"), lambda: learned.put(""), lambda *_: learned.put("crashed"))
    warming.add(_block())
    now = clock.monotonic()
    warming.tick(now + 2)
    assert learned.get(timeout=60) == ""
    warming.refused("it does not go with the configuration")
    assert "does not go" in warming.status()
    warming.tick(now + 200)
    assert "does not go" in warming.status(), "it is there: it is not made again"
    warming.reconfigure(_config(tmp_path, "second"))
    assert "does not go" not in warming.status()
    warming.tick(now + 300)
    assert learned.get(timeout=60) == ""
    assert (tmp_path / "first").is_file()
    assert (tmp_path / "second").is_file()
    assert learned.empty()


def test_a_reload_with_other_masks_in_the_midst_of_it_begins_anew(
    service: FakeOpenAI, tmp_path: Path, no_overrides: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    remote = f'[embedder]\nprovider = "openai"\nbase_url = "{service.url}/v1"\n'
    learned, crashed = threading.Event(), threading.Event()
    warming = Warming(_config(tmp_path, "b", remote), learned.set, lambda *_: crashed.set())
    other = _config(tmp_path, "b", remote + '[[mask]]\nname = "order"\npattern = "ORD-[A-Z]+"\n')
    service.trouble = lambda: warming.reconfigure(other) if not service.answered else None
    warming.add(_block())
    warming.tick(clock.monotonic() + 2)
    wait_until(lambda: "no line to learn from" in _told(warming))
    assert not (tmp_path / "b").exists()
    assert not learned.is_set()
    assert not crashed.is_set()


def test_without_threads_the_baseline_is_made_later(tmp_path: Path, no_overrides: None) -> None:
    learned = threading.Event()
    warming = Warming(_config(tmp_path, "baseline"), learned.set, lambda *_: None)
    warming.add(_block())
    now = clock.monotonic()
    with no_threads():
        warming.tick(now + 2)
    warming.tick(now + 100)
    assert learned.wait(60)


def _told(warming: Warming) -> str:
    """Its status at its next look."""
    warming.tick(clock.monotonic())
    return warming.status()


def test_what_it_asks_for_counts_and_is_kept(
    service: FakeOpenAI, tmp_path: Path, no_overrides: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A baseline that cannot be written is made again every minute, and was paid for each time."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    wanted = tmp_path / "baseline"
    found = _config(tmp_path, wanted.name, f'[embedder]\nprovider = "openai"\nbase_url = "{service.url}/v1"\n')
    wanted.mkdir()
    learned, crashed = threading.Event(), threading.Event()
    warming = Warming(found, learned.set, lambda *_: crashed.set())
    warming.add(_block())
    now = clock.monotonic()
    warming.tick(now + 2)
    wait_until(lambda: warming.status().startswith("no baseline yet"))  # it was refused
    texts = len(service.answered)
    assert texts == len(set(NORMAL))
    wanted.rmdir()
    warming.tick(now + 100)
    assert learned.wait(60)
    assert not crashed.is_set()
    assert max(Counter(service.answered).values()) == 1
    (today,) = days(open_database(tmp_path))
    assert (today.texts, today.calls) == (texts, 1)
