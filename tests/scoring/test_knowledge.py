"""Merging baselines: the same as having learned from all of their logs at once."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logwatchd.records import Level
from logwatchd.scoring.baseline import Baseline
from logwatchd.scoring.builder import BaselineBuilder
from logwatchd.scoring.calibration import LearnedLog
from logwatchd.scoring.construction import construct
from logwatchd.scoring.knowledge import Knowledge, knowledge_of, merged
from logwatchd.scoring.local import LocalEmbedder
from tests.scoring.making import block_of

BUILT_AT = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = ["INFO user came", "INFO order taken", "WARNING cache miss", "ERROR disk gone", "INFO mail sent", "cannot open"]
LOGS = st.lists(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=60),
    min_size=2,
    max_size=5,
)


def made(knowledge: Knowledge) -> Baseline:
    embedder = LocalEmbedder()
    return construct(knowledge, embedder.embed, embedder, clusters=None, threshold=None, built_at=BUILT_AT)


def taught(logs: Mapping[str, list[str]]) -> Knowledge:
    builder = BaselineBuilder()
    for name, lines in logs.items():
        builder.add(block_of(lines), log=name)
    return builder.knowledge(tuple(logs))


@settings(max_examples=60)
@given(LOGS)
def test_merged_baselines_are_the_baseline_of_all_logs(logs: list[list[str]]) -> None:
    start = BUILT_AT
    stamped = {
        f"{number}.log": [f"{(start + timedelta(hours=i)).isoformat()} {line}" for i, line in enumerate(lines)]
        for number, lines in enumerate(logs)
    }
    parts = [made(taught({name: lines})) for name, lines in stamped.items()]
    together, apart = made(taught(stamped)), made(merged([knowledge_of(part) for part in parts]))
    assert apart.manifest == together.manifest
    assert apart.patterns == together.patterns
    levels = dict(zip(together.patterns, together.levels, strict=True))
    assert dict(zip(apart.patterns, apart.levels, strict=True)) == levels
    assert np.array_equal(np.sort(apart.weights), np.sort(together.weights))
    new = [
        sorted(zip((list(one.patterns)[i] for i in one.held_out.patterns), one.held_out.per_day.round(4), strict=True))
        for one in (apart, together)
    ]
    assert [pattern for pattern, _ in new[0]] == [pattern for pattern, _ in new[1]]


LOG = LearnedLog("x", 10, 3, 1, 2.0)


def knowledge(**changes: object) -> Knowledge:
    whole = Knowledge(
        counts={"a": 5, "b": 1},
        levels={"a": Level.INFO, "b": Level.ERROR},
        logs=(LOG,),
        newcomers={"b": ("x",)},
        single=1,
        sources=("x",),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def test_what_one_log_says_late_and_another_early_is_no_news() -> None:
    early = knowledge(newcomers={}, sources=("y",))
    assert merged([knowledge(), early]).newcomers == merged([early, knowledge()]).newcomers == {}
    other = knowledge(newcomers={"b": ("y",)}, logs=(replace(LOG, name="y"),), sources=("y",))
    assert merged([knowledge(), other, knowledge()]).newcomers == {"b": ("x", "y")}


def test_days_of_the_same_log_add_up_and_those_of_others_do_not() -> None:
    other = knowledge(newcomers={"b": ("y",)}, logs=(replace(LOG, name="y", days=7.0),))
    assert [log.days for log in merged([knowledge(), other, knowledge()]).logs] == [4.0, 7.0]
    silent = knowledge(logs=(replace(LOG, days=None),))
    assert [log.days for log in merged([silent, knowledge()]).logs] == [2.0]
    assert [log.days for log in merged([silent, silent]).logs] == [None]


def test_learning_in_many_short_runs_takes_as_many_days_as_in_one() -> None:
    """As a warm-up does that is stopped every day: of ten hours each the last three are kept apart."""
    known = runs(0)
    for day in range(1, 10):
        known = merged([known, runs(day)])
    assert len(known.newcomers) == 10
    (log,) = known.logs
    assert log.days == pytest.approx(10 * 3 / 24, rel=0.01)
    assert made(known).held_out.per_day.tolist() == pytest.approx([1 / log.days] * 10)


def runs(day: int) -> Knowledge:
    """Ten hours of one day's log, with something new at their end."""
    lines = [f"{(BUILT_AT + timedelta(days=day, minutes=i)).isoformat()} INFO user came" for i in range(600)]
    lines[500] = lines[500].replace("user came", f"guest number {'abcdefghij'[day] * 3} left")
    builder = BaselineBuilder()
    builder.add(block_of(lines), log="/var/log/app.log")
    return builder.knowledge(("/var/log/app.log",))


def test_counts_lines_and_what_was_read_add_up_and_the_worst_level_stays() -> None:
    both = merged([knowledge(read_bytes=7, of_bytes=9), knowledge(levels={"a": Level.FATAL, "b": Level.INFO})])
    assert both.counts == {"a": 10, "b": 2}
    assert both.levels == {"a": Level.FATAL, "b": Level.ERROR}
    assert (both.logs, both.read_bytes, both.of_bytes) == ((LearnedLog("x", 20, 6, 2, 4.0),), 7, 9)
    assert both.sources == ("x",)


def test_what_was_met_once_in_both_was_met_twice_and_what_was_left_out_stays_counted() -> None:
    assert merged([knowledge(), knowledge()]).single == 0
    assert merged([knowledge(), knowledge(single=4)]).single == 3
    assert merged([knowledge(), knowledge(counts={"a": 1}, levels={"a": Level.INFO}, newcomers={})]).single == 1
    assert knowledge(single=1).coverage == pytest.approx(0.9)


def test_a_flood_of_texts_is_bounded_and_counted_and_what_recurs_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logwatchd.scoring.builder.MOST_PATTERNS", 200)
    builder = BaselineBuilder()
    for number in range(100):
        word = "".join(chr(97 + int(digit)) for digit in f"{number:03}")
        builder.add(block_of([*(f"INFO {word}{chr(97 + i)} flew by" for i in range(20)), "ERROR disk gone"]))
        assert builder.patterns <= 200
    found = builder.knowledge()
    assert found.counts["ERROR disk gone"] == 100
    assert found.single == 2000
    assert found.lines == 2100
    assert found.coverage == pytest.approx(1 - 2000 / 2100)


def test_many_runs_together_know_no_more_than_one_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a warm-up in a log where every line is new, which is stopped again and again."""
    monkeypatch.setattr("logwatchd.scoring.knowledge.MOST_PATTERNS", 100)
    known = taught({"x.log": ["INFO user came"] * 10})
    for day in "abcdefghij":
        known = merged([known, taught({"x.log": [f"INFO {day}{chr(97 + i)}q flew by" for i in range(20)]})])
    assert len(known.counts) == len(known.levels) == 100
    assert known.counts["INFO user came"] == 10
    assert known.newcomers.keys() <= known.counts.keys()
    assert known.single == 200


def test_a_log_that_comes_line_by_line_takes_bounded_memory_and_as_many_days() -> None:
    """Two days of a line a minute, as a warm-up gets them; at the end it writes three times as fast."""
    at = [timedelta(minutes=i) for i in range(1440)] + [timedelta(minutes=1440 + i / 3) for i in range(1440)]
    builder = BaselineBuilder()
    tracemalloc.start()
    for number, time in enumerate(at):
        builder.add(block_of([f"{(BUILT_AT + time).isoformat()} INFO user came"]))
        if number == 1000:
            before = tracemalloc.get_traced_memory()[0]
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 100_000
    (log,) = builder.knowledge().logs
    assert log.days == pytest.approx(864 / 3 / 1440, rel=0.02)


def test_of_a_log_that_was_read_in_part_the_same_lines_take_less_time() -> None:
    """Ten days, of which the last three have a new text; a fifth of the lines was read."""
    lines = [f"{(BUILT_AT + timedelta(hours=hour)).isoformat()} {WORDS[hour == 230]}" for hour in range(240)]
    builder = BaselineBuilder()
    builder.add(block_of(lines), log="app")
    (whole,) = (log.days for log in builder.knowledge().logs)
    assert whole == pytest.approx(3, rel=0.05)
    builder.sampled("app", 0.2)
    (part,) = (log.days for log in builder.knowledge().logs)
    assert part == pytest.approx((whole or 0.0) / 5)
