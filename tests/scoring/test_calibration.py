"""The threshold: what new normal lines say about it, and how little a few of them may say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.errors import BaselineError
from logwatchd.scoring.baseline import load, save
from logwatchd.scoring.builder import BaselineBuilder
from logwatchd.scoring.calibration import CEILING, FLOOR, PRIOR, HeldOut, calibrate, for_target
from logwatchd.scoring.local import LocalEmbedder
from logwatchd.scoring.thresholds import own_threshold, threshold_for
from tests.scoring.making import block_of, learn


def held_out(
    novelties: list[float], lines: int = 1000, coverage: float = 1.0, evidence: float = 0.0, per_day: float = 1.0
) -> HeldOut:
    count = len(novelties)
    return HeldOut(
        lines,
        coverage,
        np.arange(count, dtype=np.int32),
        np.array(novelties, np.float32),
        np.full(count, evidence, np.float32),
        np.full(count, per_day, np.float32),
    )


def threshold(found: HeldOut, times: int = 1, *, levels: bool = True) -> float:
    return calibrate(found, np.full(len(found.patterns), times, np.int64), levels=levels)


def test_a_closed_log_makes_every_new_text_news() -> None:
    assert threshold(held_out([], lines=100)) == PRIOR
    assert threshold(held_out([], lines=1_000_000)) == FLOOR


@given(
    st.lists(st.tuples(st.floats(0, 1, width=32), st.floats(-2, 3, width=32), st.integers(1, 10**9)), max_size=100),
    st.integers(0, 10**9),
    st.floats(0, 1),
)
def test_a_threshold_is_always_usable(texts: list[tuple[float, float, int]], lines: int, coverage: float) -> None:
    novelties, evidence, counts = zip(*texts, strict=True) if texts else ((), (), ())
    found = HeldOut(
        lines,
        coverage,
        np.arange(len(texts), dtype=np.int32),
        np.array(novelties, np.float32),
        np.array(evidence, np.float32),
        np.ones(len(texts), np.float32),
    )
    assert FLOOR <= calibrate(found, np.array(counts, np.int64)) <= CEILING
    target = for_target(found, 5.0)
    assert target is not None
    assert FLOOR <= target <= 0.99


def test_one_odd_event_is_one_witness_and_a_recurring_text_is_several() -> None:
    once, often = threshold(held_out([0.9])), threshold(held_out([0.9]), times=100)
    assert PRIOR < once < 0.5 < often


def test_many_new_texts_speak_for_themselves() -> None:
    assert threshold(held_out([0.5] * 500)) == pytest.approx(0.5, abs=0.01)
    assert threshold(held_out([0.05] * 500)) == pytest.approx(0.05, abs=0.01)


def test_a_log_in_which_nearly_everything_is_met_once_leaves_it_to_the_prior() -> None:
    assert threshold(held_out([0.8] * 500, coverage=0.3)) == PRIOR
    assert PRIOR < threshold(held_out([0.8] * 500, coverage=0.7)) < 0.6


def test_rare_events_do_not_move_the_threshold() -> None:
    usual = np.linspace(0.1, 0.3, 300).tolist()
    assert threshold(held_out([*usual, *[0.95] * 6])) == pytest.approx(threshold(held_out(usual)), abs=0.02)


def test_levels_count_in_the_threshold_as_they_do_in_the_score() -> None:
    raised = held_out([0.3] * 200, evidence=1.5)
    assert threshold(raised) > 0.6
    assert threshold(raised, levels=False) == pytest.approx(0.3, abs=0.01)


def test_a_target_is_kept_on_the_held_out_part() -> None:
    found = held_out([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], per_day=2.0)
    for alerts_per_day in (0.0, 1.0, 2.0, 5.0, 8.0):
        chosen = for_target(found, alerts_per_day)
        assert chosen is not None
        assert 2.0 * int((found.scores(levels=True) > chosen).sum()) <= alerts_per_day
    assert for_target(found, 12.0) == FLOOR


def learned(lines: list[str]) -> BaselineBuilder:
    builder = BaselineBuilder()
    builder.add(block_of(lines))
    return builder


def test_a_baseline_knows_how_many_days_its_last_part_took() -> None:
    """Ten days, of which the last three have new texts."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    new = {205: "slow ", 215: "green ", 225: "heavy ", 235: "round "}
    lines = [
        f"{(start + timedelta(hours=hour)).isoformat()} worker picked {new.get(hour, '')}job" for hour in range(240)
    ]
    embedder = LocalEmbedder()
    baseline = learned(lines).build(embedder.embed, embedder, clusters=None, threshold=None, sources=[], built_at=start)
    assert baseline.held_out.per_day.tolist() == pytest.approx([1 / 3] * 4, rel=0.05)


def test_a_target_without_timestamps_is_refused_with_the_mend() -> None:
    lines = ["worker picked job"] * 80 + ["worker picked another task"] * 3 + ["worker picked job"]
    with pytest.raises(BaselineError, match=r"no timestamps.*baseline\.threshold"):
        threshold_for(learn(lines), 5.0, Path("/b"))


def test_a_file_keeps_what_the_threshold_rests_on(tmp_path: Path) -> None:
    path = tmp_path / "b"
    lines = ["INFO job done"] * 100 + ["ERROR job lost on node", "WARNING job is late"] * 5
    built = learn(lines)
    save(built, path)
    again = load(path)
    for levels in (True, False):
        assert own_threshold(again, levels=levels) == own_threshold(built, levels=levels)
    assert own_threshold(again) == again.manifest.threshold
    assert len(again.held_out.patterns) == 2
    fixed = learn(lines, threshold=0.6)
    assert own_threshold(fixed) == 0.6
