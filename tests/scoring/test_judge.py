"""Verdicts, and that the cache in front of them never changes one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logwatchd.records import Level, Verdict
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.embedder import unit_rows
from logwatchd.scoring.judge import Judge
from logwatchd.scoring.lexicon import Lexicon
from logwatchd.scoring.local import LocalEmbedder
from logwatchd.scoring.thresholds import Thresholds
from tests.scoring.making import FAULT, NORMAL, block_of, definition_of, learn

NOTHING: frozenset[Level] = frozenset()
EMBEDDER = LocalEmbedder()
BASELINE = learn()


def judged(judge: Judge, lines: list[str], skip: frozenset[Level] = NOTHING) -> list[Verdict]:
    ids = judge.ids_of(block_of(lines)).tolist()
    judge.settle(judge.undecided(ids, skip), EMBEDDER.embed)
    return [judge.verdict(i, None) for i in ids]


def slowly(line: str) -> tuple[str, Level, float]:
    """The same by the definitions alone."""
    detector = Detector(BASELINE)
    pattern, level = definition_of(line.encode())
    known = detector.known(pattern, level)
    return pattern, level, (known or detector.judge([pattern], [level], EMBEDDER.embed([pattern]))[0]).score


LINES = st.lists(
    st.sampled_from([*NORMAL, FAULT, "", "DEBUG x", "status=500", "status=503", 'a "GET /x HTTP/1.1" 404 7'])
    | st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=30),
    max_size=12,
)


@settings(max_examples=200)
@given(LINES)
def test_the_fast_path_gives_the_verdict_of_the_slow_one(lines: list[str]) -> None:
    judge = Judge(Detector(BASELINE))
    for _ in range(2):  # the second time from the cache
        for line, verdict in zip(lines, judged(judge, lines), strict=True):
            pattern, level, score = slowly(line)
            assert (verdict.pattern, verdict.level, verdict.score) == (pattern, level, pytest.approx(score, abs=1e-5))


@settings(max_examples=25)
@given(
    rows=st.integers(1, 1300), centroids=st.integers(1, 60), dimensions=st.integers(1, 50), seed=st.integers(0, 1 << 30)
)
def test_any_number_of_vectors_have_the_nearest_centroid_of_any_number(
    rows: int, centroids: int, dimensions: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    known = unit_rows(rng.standard_normal((centroids, dimensions), dtype=np.float32))
    known[rng.integers(centroids)] = known[0]  # a tie
    vectors = unit_rows(rng.standard_normal((rows, dimensions), dtype=np.float32))
    vectors[:: rng.integers(1, 7)] *= rng.choice([0.0, 1e-42], (1, 1)).astype(np.float32)
    few = {
        name: np.resize(getattr(BASELINE, name), centroids)
        for name in ("radii", "concerns", "alarms", "failed", "weights")
    }
    baseline = replace(BASELINE, centroids=known, examples=(("x",),) * centroids, **few)
    verdicts = Detector(baseline).judge(["new"] * rows, [Level.INFO] * rows, vectors)
    distances = np.maximum(0.0, 1.0 - vectors.astype(np.float64) @ known.T.astype(np.float64))
    assert len(verdicts) == rows
    for row, verdict in enumerate(verdicts):
        assert verdict.nearest is not None
        assert verdict.nearest.distance == pytest.approx(distances[row].min(), abs=1e-5)
        assert distances[row, verdict.nearest.centroid] == pytest.approx(distances[row].min(), abs=1e-5)


def test_known_lines_are_normal_and_a_fault_is_not() -> None:
    verdicts = judged(Judge(Detector(BASELINE)), [*NORMAL, FAULT, ""])
    assert [verdict.anomaly for verdict in verdicts] == [False] * len(NORMAL) + [True, False]
    fault = verdicts[-2]
    assert fault.level is Level.ERROR
    assert fault.nearest is not None
    assert 0.3 < fault.score <= 1.0
    assert len(fault.nearest.examples) == 1


def test_known_texts_are_normal_however_few_the_centroids() -> None:
    judge = Judge(Detector(learn(clusters=1)))
    assert not any(verdict.anomaly for verdict in judged(judge, NORMAL))


def test_what_lies_within_a_centroids_own_radius_scores_nothing() -> None:
    baseline = learn(clusters=1)
    vector = EMBEDDER.embed(["INFO user 17 logged in from"])
    verdict = Detector(baseline).judge(["new"], [Level.INFO], vector)[0]
    assert verdict.nearest is not None
    inside = verdict.nearest.distance <= verdict.nearest.radius
    assert inside == (verdict.score == 0.0)


def test_the_configured_threshold_wins() -> None:
    verdict = judged(Judge(Detector(BASELINE, Thresholds(0.999))), [FAULT])[0]
    assert not verdict.anomaly
    assert verdict.threshold == 0.999


def test_skipped_levels_need_no_vector_and_are_no_anomaly() -> None:
    judge = Judge(Detector(BASELINE))
    ids = judge.ids_of(block_of(["DEBUG never seen before"])).tolist()
    assert judge.undecided(ids, frozenset({Level.DEBUG})) == []
    assert judge.verdict(ids[0], None).skipped
    assert judge.undecided(ids, NOTHING) == ids  # another source of the same daemon may want it


def test_a_second_judgement_takes_the_place_of_the_first_wholly() -> None:
    """A twin judged while the service was away, and the service then all the same."""
    judge = Judge(Detector(BASELINE, Thresholds(0.999)))
    ids = judge.ids_of(block_of([FAULT])).tolist()
    vectors = EMBEDDER.embed([judge.pattern(i) for i in ids])
    judge.decide(ids, vectors, Detector(BASELINE, Thresholds(0.1)))
    assert judge.anomalous(ids, NOTHING, None) == set(ids)
    assert judge.verdict(ids[0], None).threshold == 0.1
    judge.decide(ids, vectors)
    assert judge.verdict(ids[0], None).threshold == 0.999
    assert not judge.anomalous(ids, NOTHING, None)


def test_a_new_text_takes_bounded_memory_and_keeps_no_others_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 80 new texts with vectors of 2 KiB the judge is full before the last."""
    monkeypatch.setattr("logwatchd.scoring.judge.MAX_VECTOR_BYTES", 128 << 10)
    judge = Judge(Detector(BASELINE))
    lines = [f"ERROR {chr(97 + n // 26) * 3} {chr(97 + n % 26) * 5} exploded" for n in range(80)]
    ids = judge.ids_of(block_of(lines)).tolist()
    vectors = EMBEDDER.embed([judge.pattern(i) for i in ids])
    judge.decide(ids[:60], vectors[:60])
    assert judge.anomalous(ids[:60], NOTHING, None) == set(ids[:60])
    assert not judge.full()
    judge.decide(ids[:60], vectors[:60])
    assert not judge.full()
    judge.decide(ids[60:], vectors[60:])
    assert judge.full()
    kept = judge.vector(ids[0])
    assert kept.base is None or kept.base.nbytes == kept.nbytes
    assert kept.dtype == np.float32
    assert kept @ vectors[0] == pytest.approx(1.0, abs=1e-6)


def test_an_identical_pattern_with_another_status_is_another_text() -> None:
    judge = Judge(Detector(BASELINE))
    ids = judge.ids_of(block_of(["x status=200", "x status=500", "x status=200"])).tolist()
    assert ids[0] == ids[2] != ids[1]


def test_a_very_long_line_has_a_bounded_pattern() -> None:
    ids = Lexicon().ids_of(b"ab1 " * 300_000 + b"\n")
    assert isinstance(ids, np.ndarray)
    assert len(ids) == 1
