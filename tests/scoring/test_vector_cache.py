"""The cache of vectors and the ledger: real files, damaged and full ones among them."""

from __future__ import annotations

import os
import sqlite3
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from logwatchd import clock
from logwatchd.scoring.ledger import Ledger, days
from logwatchd.scoring.vector_cache import FILE_NAME, VectorCache, as_stored, clear, held, open_database, space_of
from logwatchd.vectors import Vectors

ROOM = 1 << 20


def vectors_of(*texts: str, dimensions: int = 8) -> dict[str, Vectors]:
    rng = np.random.default_rng(7)
    return {text: as_stored(rng.standard_normal((1, dimensions)).astype(np.float32))[0] for text in texts}


def test_what_was_put_is_got_again_by_another_process(tmp_path: Path) -> None:
    put = vectors_of("a", "b", "ä\ud800")
    VectorCache(open_database(tmp_path), ROOM).put("m", put)
    got = VectorCache(open_database(tmp_path), ROOM).get("m", ["a", "ä\ud800", "unknown"])
    assert set(got) == {"a", "ä\ud800"}
    assert all(np.array_equal(got[text], put[text]) for text in got)


def test_embedder_model_dimensions_and_text_are_the_key(tmp_path: Path) -> None:
    cache = VectorCache(open_database(tmp_path), ROOM)
    cache.put(space_of("openai:m", None), vectors_of("a"))
    assert cache.get(space_of("openai:n", None), ["a"]) == {}
    assert cache.get(space_of("openai:m", 8), ["a"]) == {}
    assert cache.get("openai", ["m\0a"]) == {}
    assert len(cache.get("openai:m", ["a"])) == 1


def test_no_text_is_readable_in_the_file_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    VectorCache(open_database(tmp_path), ROOM).put("m", vectors_of("a very secret text"))
    assert all(b"secret" not in file.read_bytes() for file in tmp_path.iterdir())
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_a_full_cache_forgets_what_was_not_used_for_longest(tmp_path: Path) -> None:
    store = open_database(tmp_path)
    cache = VectorCache(store, 2000)  # of 16 bytes each: 125
    cache.put("m", vectors_of(*(f"old {i}" for i in range(100))))
    store.run(lambda c: c.execute("UPDATE vectors SET used = used - 2"))
    cache.get("m", ["old 7"])
    cache.put("m", vectors_of(*(f"new {i}" for i in range(100))))
    assert held(store)[0].size_bytes <= 2000
    assert len(cache.get("m", [f"new {i}" for i in range(100)])) == 100
    assert len(cache.get("m", ["old 7"])) == 1


def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(os.urandom(20_000))
    cache = VectorCache(open_database(tmp_path), ROOM)
    cache.put("m", vectors_of("a"))
    assert len(cache.get("m", ["a"])) == 1
    assert (tmp_path / f"{FILE_NAME}.damaged").exists()


def test_a_file_of_another_version_is_set_aside(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    cache = VectorCache(open_database(tmp_path), ROOM)
    cache.put("m", vectors_of("a"))
    assert len(cache.get("m", ["a"])) == 1


def test_a_disk_that_fails_costs_the_cache_and_nothing_else(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cache = VectorCache(open_database(tmp_path / "no such folder"), ROOM)
    cache.put("m", vectors_of("a"))
    assert cache.get("m", ["a"]) == {}
    ledger = Ledger(open_database(tmp_path / "no such folder"))
    ledger.add(calls=1, texts=3, tokens=10, usd=0.5)
    ledger.add(calls=1, texts=3, tokens=10, usd=0.5)
    assert ledger.today().usd == 1.0
    assert "".join(capfd.readouterr()).count("cannot be used") == 1


def test_what_is_spent_while_the_disk_fails_counts_and_is_written_later(tmp_path: Path) -> None:
    store = open_database(tmp_path)
    ledger = Ledger(store)
    ledger.add(calls=1, usd=0.5)
    store.run(lambda c: c.execute("ALTER TABLE days RENAME TO away"))
    ledger.add(calls=1, usd=0.5)
    ledger.add(calls=1, usd=0.5)
    assert ledger.today().usd == 1.5
    store.run(lambda c: c.execute("ALTER TABLE away RENAME TO days"))
    ledger.add(hits=1)
    (day,) = days(open_database(tmp_path))
    assert (day.calls, day.usd, day.hits) == (3, 1.5, 1)
    assert ledger.today() == day


def test_the_ledger_adds_up_over_restarts_and_processes(tmp_path: Path) -> None:
    first, second = Ledger(open_database(tmp_path)), Ledger(open_database(tmp_path))
    first.add(calls=1, texts=200, tokens=5000, usd=0.0001)
    second.add(hits=7)
    first.add(calls=1, texts=100, tokens=2500, usd=0.00005)
    (day,) = days(open_database(tmp_path))
    assert (day.calls, day.texts, day.tokens, day.hits) == (2, 300, 7500, 7)
    assert day.usd == pytest.approx(0.00015)
    assert Ledger(open_database(tmp_path)).today() == day


def test_at_midnight_a_days_sums_begin_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(open_database(tmp_path))
    ledger.add(calls=1, usd=0.5)
    tomorrow = clock.utc_now() + timedelta(days=1)
    monkeypatch.setattr(clock, "utc_now", lambda: tomorrow)
    assert ledger.today().usd == 0
    ledger.add(calls=1, usd=0.25)
    assert ledger.today().usd == 0.25
    assert [day.usd for day in days(open_database(tmp_path))] == [0.5, 0.25]


def test_a_daemon_learns_what_a_command_has_spent_beside_it(tmp_path: Path) -> None:
    daemon, command = Ledger(open_database(tmp_path)), Ledger(open_database(tmp_path))
    daemon.add(calls=1, usd=0.25)
    command.add(calls=1, usd=4.0)
    daemon.add(calls=1, usd=0.25)
    assert daemon.today().usd == pytest.approx(4.5)


def test_clearing_forgets_vectors_but_not_what_they_cost(tmp_path: Path) -> None:
    store = open_database(tmp_path)
    VectorCache(store, ROOM).put("m", vectors_of("a", "b"))
    Ledger(store).add(calls=1, texts=2, tokens=9, usd=0.1, hits=3)
    assert clear(store) == 2
    assert held(store) == []
    (day,) = days(store)
    assert (day.usd, day.hits) == (0.1, 0)
