"""Whether a log still says new things at its end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.scoring.builder import BaselineBuilder
from logwatchd.scoring.coverage import growth_of
from tests.scoring.making import NORMAL, block_of


@given(st.integers(1, 2000), st.integers(5, 50))
def test_patterns_that_come_at_a_constant_rate_are_a_growing_log(step: int, tens: int) -> None:
    patterns = 10 * tens
    growth = growth_of("x", step * patterns, range(0, step * patterns, step))
    assert growth.late == tens
    assert growth.growing


@given(st.integers(0, 10_000), st.integers(0, 4))
def test_a_log_that_knew_all_but_a_few_patterns_before_its_end_does_not_grow(early: int, late: int) -> None:
    growth = growth_of("x", 100_000, [*range(early), *range(95_000, 95_000 + late)])
    assert growth.late == late
    assert not growth.growing


def test_the_builder_tells_of_each_log_and_how_much_is_unseen() -> None:
    builder = BaselineBuilder()
    builder.add(block_of(NORMAL * 20), log="old")
    builder.add(block_of([*NORMAL * 18, *(f"INFO {chr(97 + i)}x" for i in range(10))]), log="new")
    old, new = builder.growth()
    assert (old.log, old.lines, old.patterns, old.late, old.growing) == ("old", 100, 5, 0, False)
    assert (new.log, new.lines, new.patterns, new.end_lines, new.late, new.growing) == ("new", 100, 15, 10, 10, True)
    assert builder.unseen() == pytest.approx(10 / 200)


def test_nothing_read_is_nothing_unseen() -> None:
    assert BaselineBuilder().unseen() == 0
    assert not growth_of("x", 0, []).growing
