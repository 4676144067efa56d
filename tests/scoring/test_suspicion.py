"""Which errors in known-good logs are doubted, and which are not."""

from __future__ import annotations

import random
import tracemalloc
from itertools import islice, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logwatchd.records import Level
from logwatchd.scoring.alarms import SEGMENTS, Alarms, AlarmWatch, Place
from logwatchd.scoring.builder import BaselineBuilder
from logwatchd.scoring.lexicon import Lexicon
from logwatchd.scoring.places import Places
from logwatchd.scoring.suspicion import LEAST_LINES, Burst, bursts
from tests.scoring.making import NORMAL, block_of

DOWN = "ERROR db: connection to <host> lost"


def quiet(lines: int) -> list[str]:
    return [NORMAL[number % len(NORMAL)] for number in range(lines)]


def read(logs: dict[str, list[str]], run: int = 700) -> BaselineBuilder:
    """Learn these logs, in runs of so many lines."""
    builder = BaselineBuilder()
    for log, lines in logs.items():
        for start in range(0, len(lines), run):
            builder.add(
                block_of(lines[start : start + run]), log=log, begins=Place(0, f"{log}.log", start + 1, 1000 * start)
            )
    return builder


def found(lines: list[str], run: int = 700) -> list[Burst]:
    return bursts(read({"app": lines}, run).alarms)


@pytest.mark.parametrize("run", [1, 37, 700, 100_000])
def test_many_errors_in_one_place_are_a_burst_with_its_lines(run: int) -> None:
    lines = quiet(10_000)
    lines[6000:6040] = [DOWN, "ERROR web: 500 for user 17, backend is down"] * 20
    (burst,) = found(lines, run)
    assert (burst.log, burst.lines) == ("app", 40)
    assert (burst.first.path, burst.first.line, burst.last.line) == ("app.log", 6001, 6040)
    assert [(doubt.pattern, doubt.lines, doubt.first.line, doubt.example) for doubt in burst.doubts] == [
        (DOWN, 20, 6001, DOWN),
        ("ERROR web: <N> for user <N>, backend is down", 20, 6002, "ERROR web: 500 for user 17, backend is down"),
    ]


def test_an_incident_that_pauses_or_changes_its_words_is_one_burst() -> None:
    lines = quiet(10_000)
    lines[6000:6040] = lines[6400:6440] = [DOWN] * 40
    (burst,) = found(lines)
    assert (burst.lines, burst.first.line, burst.last.line) == (80, 6001, 6440)
    lines = quiet(10_000)
    lines[2000:2040] = ["ERROR disk is slow"] * 40
    lines[6000:6100], lines[6200:6300] = [DOWN] * 100, ["ERROR web: no answer from db"] * 100
    assert [[doubt.lines for doubt in burst.doubts] for burst in found(lines)] == [[40], [100, 100]]


def test_an_error_that_comes_in_more_than_a_tenth_of_the_log_is_none() -> None:
    lines = quiet(10_000)
    lines[5000:7000:40] = [DOWN] * 50
    assert found(lines) == []


def test_an_error_that_comes_all_day_is_none_however_often() -> None:
    lines = quiet(10_000)
    for number in range(0, 10_000, 400):
        lines[number : number + 15] = [DOWN] * 15
    assert found(lines) == []


def test_a_known_error_that_comes_in_numbers_once_teaches_nothing_new() -> None:
    lines = quiet(10_000)
    lines[100] = lines[9000] = DOWN
    lines[5000:5200] = [DOWN] * 200
    assert found(lines) == []


def test_few_errors_and_many_harmless_new_lines_are_none() -> None:
    lines = quiet(10_000)
    lines[5000 : 5000 + LEAST_LINES - 1] = [DOWN] * (LEAST_LINES - 1)
    lines[7000:7200] = ["INFO import of the price list goes on"] * 200
    assert found(lines) == []


def test_words_of_failure_count_without_a_level_and_stack_traces_do() -> None:
    lines = quiet(10_000)
    lines[5000:5020] = ["worker 7 crashed: segfault"] * 20
    assert len(found(lines)) == 1
    trace = 'Traceback (most recent call last):   File "a.py", line 3, in f KeyError: 3'
    lines[5000:5020] = [trace] * 20
    assert len(found(lines)) == 1


def test_where_every_error_has_its_own_text_none_stands_out() -> None:
    rng = random.Random(5)
    word = lambda: "".join(rng.choices("abcdefghijklmnop", k=9))  # noqa: E731
    lines = [f"ERROR cannot handle {word()}" if rng.random() < 0.1 else line for line in quiet(20_000)]
    assert found(lines) == []
    lines[9000:9300] = [f"FATAL disk {word()} is gone" for _ in range(300)]
    (burst,) = found(lines)
    assert 300 <= burst.lines < 450
    assert 8000 < (burst.first.line or 0) <= 9001


def test_a_flood_that_is_most_of_the_log_is_a_burst_too() -> None:
    lines = quiet(3000)
    lines[1000:1000] = [DOWN, "ERROR retrying in 5 s", "ERROR retry is late"] * 2000
    (burst,) = found(lines)
    assert (burst.lines, burst.first.line, burst.last.line) == (6000, 1001, 7000)


def test_a_log_of_hardly_anything_but_steady_errors_still_shows_a_burst() -> None:
    lines = ["INFO 3 errors corrected in the cache, error was harmless"] * 5000
    lines[3000:3030] = [DOWN] * 30
    (burst,) = found(lines)
    assert (burst.lines, burst.first.line) == (30, 3001)
    assert found([DOWN] * 5000) == []


def test_a_short_log_cannot_tell() -> None:
    lines = quiet(250)
    lines[100:140] = [DOWN] * 40
    assert found(lines) == []


def test_what_another_log_has_all_day_is_none() -> None:
    lines = quiet(10_000)
    lines[6000:6040] = [DOWN] * 40
    steady = quiet(10_000)
    steady[::500] = [DOWN] * 20
    assert bursts(read({"app": lines, "old": steady}).alarms) == []
    assert [burst.log for burst in bursts(read({"app": lines, "two": lines, "x": quiet(500)}).alarms)] == ["app", "two"]


def test_skipped_levels_are_not_looked_at() -> None:
    builder = BaselineBuilder()
    lines = quiet(5000)
    lines[2000:2040] = [DOWN] * 40
    builder.add(block_of(lines), skip_levels=frozenset({Level.ERROR}))
    assert bursts(builder.alarms) == []


def test_what_is_forgotten_is_not_in_the_baseline() -> None:
    builder = read({"app": [*quiet(1000), DOWN]})
    assert builder.patterns == len(NORMAL) + 1
    builder.forget([DOWN, "never seen"])
    assert builder.patterns == len(NORMAL)
    assert builder.growth()[0].patterns == len(NORMAL)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 4000), st.booleans()), min_size=1, max_size=20))
def test_widening_keeps_every_line_in_its_segment(parts: list[tuple[int, bool]]) -> None:
    lines: list[str] = []
    for length, alarm in parts:
        lines += [DOWN if alarm else NORMAL[0]] * length
    alarms = read({"app": lines}, 333).alarms["app"]
    assert isinstance(alarms, Alarms)
    assert alarms.lines == len(lines) <= alarms.width * SEGMENTS
    assert alarms.segments <= SEGMENTS
    if DOWN not in lines:
        assert DOWN not in alarms.trails
        return
    trail = alarms.trails[DOWN]
    parts = [lines[segment * alarms.width : (segment + 1) * alarms.width] for segment in range(SEGMENTS)]
    assert trail.lines.tolist() == [part.count(DOWN) for part in parts]
    first, last = lines.index(DOWN), len(lines) - 1 - lines[::-1].index(DOWN)
    assert (trail.first.number, trail.first.line) == (first, first + 1)
    assert (trail.last.number, trail.last.line) == (last, last + 1)


def test_a_flood_of_alarms_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logwatchd.scoring.alarms._MAX_TEXTS", 50)
    monkeypatch.setattr("logwatchd.scoring.alarms._MAX_IN_ALL", 120)
    rng = random.Random(7)
    lines = ["ERROR no " + "".join(rng.choices("abcdefgh", k=12)) for _ in range(500)]
    alarms = read(dict.fromkeys("wxyz", lines)).alarms
    assert [len(one.trails) for one in alarms.values()] == [50, 50, 20, 0]
    assert all(len(one.examples) == len(one.trails) for one in alarms.values())


def test_a_text_takes_about_a_kilobyte_wherever_it_stands() -> None:
    texts = [f"ERROR no {''.join(letters)}" for letters in islice(product("abcdefgh", repeat=4), 1000)]
    lexicon, data = Lexicon(()), block_of(texts)
    ids, watch = lexicon.ids_of(data), AlarmWatch()
    tracemalloc.start()
    try:
        for number in range(SEGMENTS):
            begins = Place(0, "app.log", 1 + number * len(texts), number * len(data))
            watch.add("app", ids, lexicon, Places(data, ()), begins, frozenset())
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    alarms = watch.logs["app"]
    assert alarms.lines == SEGMENTS * len(texts)
    assert min(len(trail.segments) for trail in alarms.trails.values()) >= alarms.segments - 1
    assert taken < 1200 * len(texts)
