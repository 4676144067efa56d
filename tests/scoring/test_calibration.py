"""The threshold: what new normal lines say about it, and how little a few of them may say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from logwatchd.errors import BaselineError
from logwatchd.scoring.baseline import load, save
from logwatchd.scoring.builder import BaselineBuilder
from logwatchd.scoring.calibration import CEILING, FLOOR, PRIOR, HeldOut, LearnedLog, calibrate, for_target, of_any_log
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.judge import Judge
from logwatchd.scoring.local import LocalEmbedder
from logwatchd.scoring.thresholds import Thresholds, own_thresholds, thresholds_for
from tests.scoring.making import QUIET, REWORDED, block_of, learn, learn_logs, noisy_log


def held_out(
    novelties: list[float], lines: int = 1000, coverage: float = 1.0, evidence: float = 0.0, per_day: float = 1.0
) -> HeldOut:
    return of_logs([(log_of("/a.log", lines, coverage), novelties)], evidence, per_day)


def log_of(name: str, held_out: int, coverage: float = 1.0) -> LearnedLog:
    lines = 10**9
    return LearnedLog(name, lines, held_out, round(lines * (1.0 - coverage)))


def of_logs(logs: list[tuple[LearnedLog, list[float]]], evidence: float = 0.0, per_day: float = 1.0) -> HeldOut:
    novelties = [novelty for _, some in logs for novelty in some]
    count = len(novelties)
    return HeldOut(
        tuple(replace(log, days=1.0 / per_day) for log, _ in logs),
        np.arange(count, dtype=np.int32),
        np.array([index for index, (_, some) in enumerate(logs) for _ in some], np.int32),
        np.array(novelties, np.float32),
        np.full(count, evidence, np.float32),
    )


def ones(found: HeldOut, times: int = 1) -> NDArray[np.int64]:
    return np.full(len(found.patterns), times, np.int64)


def threshold(found: HeldOut, times: int = 1, *, levels: bool = True) -> float:
    (chosen,) = calibrate(found, ones(found, times), levels=levels)
    return chosen


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
        (replace(log_of("/a.log", lines, coverage), days=1.0),),
        np.arange(len(texts), dtype=np.int32),
        np.zeros(len(texts), np.int32),
        np.array(novelties, np.float32),
        np.array(evidence, np.float32),
    )
    lines_each = np.array(counts, np.int64)
    assert FLOOR <= calibrate(found, lines_each)[0] <= CEILING
    target = for_target(found, lines_each, 5.0)
    assert target is not None
    assert FLOOR <= target[0] <= 0.999


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
        chosen = for_target(found, ones(found), alerts_per_day)
        assert chosen is not None
        assert 2.0 * int((found.scores(levels=True) > chosen[0]).sum()) <= alerts_per_day
    assert for_target(found, ones(found), 12.0) == [FLOOR]


def test_a_noisy_log_does_not_make_a_quiet_one_deaf() -> None:
    quiet, noisy = (log_of("/quiet.log", 1000), []), (log_of("/noisy.log", 1000), [0.8] * 300)
    found = of_logs([quiet, noisy])
    assert calibrate(found, ones(found)) == [threshold(of_logs([quiet])), threshold(of_logs([noisy]))]
    assert calibrate(found, ones(found))[0] < 0.1 < 0.75 < calibrate(found, ones(found))[1]


def test_a_log_that_was_not_learned_is_taken_for_an_ordinary_one() -> None:
    assert of_any_log([]) == PRIOR
    assert of_any_log([0.1, 0.8, 0.2]) == 0.2


@given(
    st.lists(st.lists(st.floats(0, 0.875, width=32), max_size=20), min_size=1, max_size=4),
    st.floats(0, 100),
)
def test_a_target_is_one_budget_for_all_logs(logs: list[list[float]], alerts_per_day: float) -> None:
    found = of_logs([(log_of(f"/{index}.log", 1000), some) for index, some in enumerate(logs)])
    chosen = for_target(found, ones(found), alerts_per_day)
    assert chosen is not None
    alerts = int((found.scores(levels=True) > np.array(chosen)[found.log]).sum())
    assert alerts <= alerts_per_day
    usual = calibrate(found, ones(found))
    assert sorted(range(len(logs)), key=lambda log: (usual[log], log)) == sorted(
        range(len(logs)), key=lambda log: (chosen[log], usual[log], log)
    )


def test_a_verdict_is_by_the_threshold_of_its_own_log() -> None:
    """A wording that is new in part: too little for a log that always brings some, news in one that never does."""
    baseline = learn_logs({"/var/log/quiet.log": QUIET, "/var/log/noisy.log": noisy_log()})
    embedder = LocalEmbedder()
    judge = Judge(Detector(baseline))
    ids = judge.ids_of(block_of([REWORDED])).tolist()
    judge.settle(ids, embedder.embed)
    quiet, noisy = (judge.verdict(ids[0], f"/var/log/{name}.log") for name in ("quiet", "noisy"))
    assert quiet.score == noisy.score
    assert (quiet.anomaly, noisy.anomaly) == (True, False)
    assert quiet.threshold < noisy.threshold
    for log in ("/var/log/quiet.log", "/var/log/quiet.log.1", "/var/log/quiet.log-20260101.gz"):
        assert judge.anomalous(ids, frozenset(), log) == set(ids)
        assert judge.verdict(ids[0], log) == quiet
    assert not judge.anomalous(ids, frozenset(), "/var/log/noisy.log")
    assert judge.verdict(ids[0], None).threshold == judge.verdict(ids[0], "/var/log/other.log").threshold


def test_lines_that_are_not_learned_do_not_speak_for_a_log() -> None:
    """A hundred times as many lines of DEBUG, in which nobody looked for anything new, and empty ones."""
    few = ["INFO job picked", "INFO job done"] * 100
    loud = [noise for line in few for noise in (line, *["DEBUG tick"] * 99, "")]
    one = ["INFO " + "".join(chr(97 + n // 26 ** (3 - i) % 26) * 2 for i in range(4)) + " came" for n in range(300)]
    unsettled = [noise for line in one for noise in (line, *["DEBUG tick"] * 99)]
    found = own_thresholds(
        learn_logs({"/few.log": few, "/loud.log": loud, "/one.log": one, "/unsettled.log": unsettled})
    )
    assert found.of("/loud.log") == pytest.approx(found.of("/few.log"), abs=0.01)
    assert found.of("/unsettled.log") == pytest.approx(found.of("/one.log"), abs=0.01)


def test_what_several_logs_bring_at_their_ends_is_told_by_each_of_them() -> None:
    """The logs of two servers with the same service: which of them is read first does not make the other closed."""
    alone = own_thresholds(learn_logs({"/a/app.log": noisy_log()})).of("/a/app.log")
    both = own_thresholds(learn_logs({"/a/app.log": noisy_log(), "/b/app.log": noisy_log()}))
    assert both.of("/a/app.log") == both.of("/b/app.log") == pytest.approx(alone, abs=0.01)


def test_thresholds_are_told_in_a_few_words() -> None:
    assert str(Thresholds(0.3)) == "0.300"
    assert str(Thresholds(0.3, {"/a": 0.25})) == "0.250"
    assert str(Thresholds(0.3, {"/a": 0.05, "/b": 0.7})) == "0.050 to 0.700, by log"


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
        thresholds_for(learn(lines), 5.0, Path("/b"))


def test_a_target_says_which_logs_have_no_timestamps() -> None:
    new = ["INFO job done"] * 80 + ["INFO job taken over by another worker"] * 3
    stamped = [f"2026-01-{1 + i // 24:02}T{i % 24:02}:00:00Z {line}" for i, line in enumerate(new)]
    logs = {"/stamped.log": stamped, "/closed.log": QUIET, "/bare.log": [line.replace("job", "duty") for line in new]}
    with pytest.raises(BaselineError, match=r"^/b: the lines of /bare\.log have no timestamps"):
        thresholds_for(learn_logs(logs), 5.0, Path("/b"))


def test_a_file_keeps_what_the_threshold_rests_on(tmp_path: Path) -> None:
    path = tmp_path / "b"
    lines = ["INFO job done"] * 100 + ["ERROR job lost on node", "WARNING job is late"] * 5
    built = learn(lines)
    save(built, path)
    again = load(path)
    for levels in (True, False):
        assert own_thresholds(again, levels=levels) == own_thresholds(built, levels=levels)
    assert own_thresholds(again).common == again.manifest.threshold
    assert len(again.held_out.patterns) == 2
    fixed = learn(lines, threshold=0.6)
    assert own_thresholds(fixed) == Thresholds(0.6)
