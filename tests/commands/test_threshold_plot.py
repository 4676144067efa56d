"""The picture: drawn whatever the scores, with no bar on both sides of the threshold that was decided for."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logwatchd.commands.labelled import Labelled
from logwatchd.commands.threshold_plot import bar_edges, check, draw
from logwatchd.commands.tuning import Report, Text
from logwatchd.errors import UsageError
from logwatchd.records import Level, Nearest, Verdict
from logwatchd.scoring.curve import curve_of
from logwatchd.scoring.thresholds import Thresholds

Scores = list[tuple[float, int, int]]


def report_of(scores: Scores, threshold: float = 0.3) -> Report:
    """scores: (score, normal lines, anomalies) of each text."""
    curve = curve_of(*zip(*scores, strict=True))
    texts = []
    for index, (score, normal, anomalies) in enumerate(scores):
        nearest = Nearest(0, score, 0.0, ("known",))
        text = Text(
            Verdict(f"text {index}", Level.INFO, score, threshold, score > threshold, nearest), normal, anomalies
        )
        text.first = {label: Labelled(b"text", label, f"line {index}") for label in (False, True)}
        texts.append(text)
    return Report(
        Path("b"), ("labels.json",), None, tuple(texts), curve, curve.at(threshold), Thresholds(threshold), curve.best()
    )


@pytest.mark.parametrize(
    "scores",
    [
        [(0.0, 1_000_000, 0), (0.9, 3, 12)],
        [(0.0, 5, 5)],
        [(1.0, 0, 7)],
        [(0.00001, 3, 0), (0.00002, 0, 3)],
        [(0.9999, 3, 0), (1.0, 0, 3)],
        [(i / 997, i % 7, i % 3) for i in range(997)],
    ],
    ids=["far apart", "all known", "one anomaly", "tiny", "large", "many"],
)
def test_any_scores_can_be_drawn(scores: Scores, tmp_path: Path) -> None:
    check(tmp_path / "p.PNG")
    draw(report_of(scores), tmp_path / "p.PNG")
    picture = (tmp_path / "p.PNG").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", picture[16:24])
    assert (width, height) == (1248, 936)


def test_the_same_report_is_the_same_picture(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        draw(report_of([(0.0, 10, 0), (0.5, 1, 1)]), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@given(st.floats(1e-6, 0.999), st.floats(0.001, 1))
def test_no_bar_is_on_both_sides_of_the_threshold(threshold: float, more: float) -> None:
    right = threshold + more
    edges = bar_edges(threshold, right)
    assert threshold in edges
    assert (edges[0], edges[-1]) == (0.0, pytest.approx(right))
    assert (np.diff(edges) > 0).all()
    assert len(edges) < 100


@pytest.mark.parametrize("name", ["p.pdf", "p", "none/p.png"])
def test_a_picture_that_cannot_be_is_refused_first(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--plot"):
        check(tmp_path / name)


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "p.png").mkdir()
    with pytest.raises(UsageError, match=r"p\.png: cannot be written: Is a directory"):
        draw(report_of([(0.5, 1, 1)]), tmp_path / "p.png")
