"""The curve against its definitions, counted line by line, and against scikit-learn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from logwatchd.scoring.curve import curve_of

SCORE = st.one_of(st.just(0.0), st.just(1.0), st.floats(0, 1), st.integers(0, 20).map(lambda n: n / 20))
TEXTS = st.lists(st.tuples(SCORE, st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30)


def lines_of(texts: list[tuple[float, int, int]]) -> tuple[list[float], list[bool]]:
    """Every single line's score and label."""
    lines = [
        (round(score, 6), anomaly)
        for score, normal, anomalies in texts
        for anomaly in [False] * normal + [True] * anomalies
    ]
    return [score for score, _ in lines], [anomaly for _, anomaly in lines]


@given(TEXTS, st.floats(0, 1, exclude_max=True))
def test_every_threshold_has_the_figures_that_counting_gives(
    texts: list[tuple[float, int, int]], threshold: float
) -> None:
    curve = curve_of(*zip(*texts, strict=True))
    scores, labels = lines_of(texts)
    for point in [*curve.points, curve.at(threshold)]:
        over = [score > point.threshold for score in scores]
        found = sum(o and label for o, label in zip(over, labels, strict=True))
        assert (point.found, point.missed) == (found, sum(labels) - found)
        assert (point.flagged, point.passed) == (sum(over) - found, len(labels) - sum(labels) - sum(over) + found)
        assert point.precision == (found / sum(over) if any(over) else None)
        assert point.recall == (found / sum(labels) if any(labels) else None)
        assert 0 < point.threshold < 1 or point.threshold == threshold


@given(TEXTS)
def test_the_points_leave_no_threshold_out_and_each_lies_in_its_own_gap(texts: list[tuple[float, int, int]]) -> None:
    points = curve_of(*zip(*texts, strict=True)).points
    assert points[0].lower == 0
    assert points[-1].upper == 1
    assert [point.upper for point in points[:-1]] == [point.lower for point in points[1:]]
    assert all(point.lower < point.threshold < point.upper for point in points)


@given(TEXTS)
def test_the_best_is_never_beaten(texts: list[tuple[float, int, int]]) -> None:
    curve = curve_of(*zip(*texts, strict=True))
    best = curve.best()
    scores, labels = lines_of(texts)
    if best is None:
        assert not any(score > 0 and label for score, label in zip(scores, labels, strict=True)) or all(labels)
        return
    assert best.f1 == max(point.f1 for point in curve.points)
    precision, recall = best.precision, best.recall
    assert precision is not None
    assert recall is not None
    assert best.f1 == pytest.approx(2 * precision * recall / (precision + recall))


@given(TEXTS)
def test_the_ranking_is_measured_as_others_do(texts: list[tuple[float, int, int]]) -> None:
    curve = curve_of(*zip(*texts, strict=True))
    scores, labels = lines_of(texts)
    if all(labels) or not any(labels):
        assert curve.auroc is None
        assert curve.average_precision is None
        return
    assert curve.auroc == pytest.approx(roc_auc_score(labels, scores))
    assert curve.average_precision == pytest.approx(average_precision_score(labels, scores))


def test_ties_go_to_the_middle_of_the_widest_gap() -> None:
    curve = curve_of([0.0, 0.1, 0.7], [90, 0, 0], [0, 1, 9])
    best = curve.best()
    assert best is not None
    assert (best.threshold, best.lower, best.upper) == (0.05, 0.0, 0.1)
    tied = curve_of([0.2, 0.3, 0.9], [0, 2, 0], [1, 0, 1])
    assert tied.at(0.1).f1 == tied.at(0.6).f1 == pytest.approx(2 / 3)
    best = tied.best()
    assert best is not None
    assert best.threshold == 0.6


def test_a_clean_cut_is_the_middle_between_the_classes() -> None:
    best = curve_of([0.0, 0.21, 0.6, 0.8], [5, 1, 0, 0], [0, 0, 1, 1]).best()
    assert best is not None
    assert (best.threshold, best.f1) == (0.405, 1.0)


def test_without_one_of_the_classes_nothing_is_best() -> None:
    assert curve_of([], [], []).best() is None
    assert curve_of([0.0, 0.5], [3, 1], [0, 0]).best() is None
    assert curve_of([0.0, 0.5], [0, 0], [3, 1]).best() is None


def test_scores_that_are_all_the_same() -> None:
    known = curve_of([0.0], [4], [4])
    assert known.best() is None
    assert known.auroc == 0.5
    alike = curve_of([0.5, 0.5000000001], [2, 1], [1, 0])
    best = alike.best()
    assert best is not None
    assert (best.threshold, best.found, best.flagged) == (0.25, 1, 3)
    assert curve_of([1.0], [1], [1]).points[0].found == 1
