"""Lines that are kept for later while their block cannot be handed on, because storing what it holds fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from logwatchd.errors import RetryableError
from logwatchd.scoring.detector import Detector
from tests.scoring.making import FAULT, NORMAL, learn
from tests.scoring.test_outage import OTHER, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """OTHER is kept; FAULT, which is known as an anomaly, cannot be stored, and so the block waits."""
    made = Bench(tmp_path)
    made.put([FAULT])
    made.settle()
    made.away = True
    made.trouble = RetryableError("disk full")
    made.put([OTHER, FAULT, NORMAL[0]], offset=5000)
    made.turn()
    assert made.backlog.lines == 1
    assert made.queue.in_flight == 1
    return made


def test_a_reload_meanwhile_keeps_none_of_them_twice(bench: Bench) -> None:
    bench.stage.swap(Detector(learn()))
    bench.turn()
    assert bench.backlog.lines == 2  # to the new detector FAULT is new as well
    bench.stage.swap(Detector(learn()))
    bench.turn()
    assert bench.backlog.lines == 2
    bench.trouble = None
    bench.away = False
    bench.settle()
    assert sorted(bench.found) == sorted([FAULT, FAULT, OTHER])
    assert bench.stage.lines == 4


def test_a_reload_after_which_a_kept_line_is_known_does_not_tell_of_it_twice(bench: Bench) -> None:
    bench.stage.swap(Detector(learn([*NORMAL, FAULT])))
    bench.turn()
    assert bench.backlog.lines == 1
    bench.trouble = None
    bench.away = False
    bench.settle()
    assert bench.found == [FAULT, OTHER]


def test_a_reload_asks_for_nothing_that_only_told_lines_say(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    block = bench.put([*[FAULT] * 600, *[OTHER] * 20])
    bench.turn()
    bench.answer()
    bench.turn()
    told = len(bench.found)
    assert 0 < told < 600
    bench.trouble = RetryableError("disk full")
    bench.stage.swap(Detector(learn()))
    while bench.found.count(OTHER) < 20:
        bench.turn()
        bench.answer()
        bench.trouble = None
    assert bench.done == [block]
    assert bench.found == [FAULT] * 600 + [OTHER] * 20


@pytest.mark.parametrize("known", [FAULT, OTHER])
def test_a_reload_in_an_outage_amid_a_storm(tmp_path: Path, known: str) -> None:
    bench = Bench(tmp_path)
    block = bench.put([*[FAULT] * 500, *[OTHER] * 20])
    bench.turn()
    bench.answer()
    bench.turn()
    assert bench.found == [FAULT] * 500
    bench.away = True
    bench.stage.swap(Detector(learn([*NORMAL, known])))
    bench.turn()
    assert bench.done == [block]
    assert bench.backlog.lines == (20 if known == FAULT else 0)
    bench.away = False
    bench.settle()
    assert bench.found == [FAULT] * 500 + [OTHER] * 20 * (known == FAULT)


def test_a_reload_in_an_outage_keeps_no_line_that_was_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.put([FAULT] * 600)
    bench.turn()
    bench.answer()
    bench.turn()
    told = len(bench.found)
    assert 0 < told < 600
    bench.away = True
    bench.stage.swap(Detector(learn()))
    bench.turn()
    assert bench.backlog.lines == 600 - told
    bench.away = False
    bench.settle()
    assert bench.found == [FAULT] * 600


def test_a_reload_asks_for_nothing_that_only_the_context_of_kept_lines_says(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.away = True
    bench.put([NORMAL[0], FAULT])
    bench.turn()
    bench.turn()
    bench.stage.swap(Detector(learn(NORMAL[1:] * 100)))
    bench.asked.clear()
    bench.turn()
    assert ["locked" in text for text in bench.asked] == [True]


def test_a_service_that_comes_back_meanwhile_has_no_line_told_of_twice(bench: Bench) -> None:
    bench.away = False
    for _ in range(3):
        bench.turn()
        bench.answer()
    bench.trouble = None
    bench.settle()
    assert sorted(bench.found) == sorted([FAULT, FAULT, OTHER])
    assert sum(anomaly.late for anomaly in bench.anomalies) == 1
