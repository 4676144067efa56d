"""The picture that a threshold is chosen from: precision, recall and F1 over it, and the scores of both classes."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from logwatchd.commands.tuning import Report
from logwatchd.errors import UsageError
from logwatchd.extras import mend
from logwatchd.scoring.curve import Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FORMATS = (".png", ".svg")
_BARS = 60
_DPI = 130
# Of Okabe and Ito's colours, which people with any colour vision can tell apart.
_BLACK, _BLUE, _ORANGE, _GREEN, _RED = "#1a1a1a", "#0072b2", "#e69f00", "#009e73", "#d55e00"
_GREY = "#6b6b6b"
_MOST_CHARS = 60


def check(path: Path) -> None:
    """Find out before any line is read whether the picture can be drawn.

    Raises:
        UsageError: another kind of file, no such folder, or no matplotlib.
    """
    if path.suffix.lower() not in _FORMATS:
        raise UsageError(f"--plot {path}: no picture of that kind; name a file that ends in .png or .svg")
    if not path.parent.is_dir():
        raise UsageError(f"--plot {path}: there is no folder {path.parent}; create it first")
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of its caches
    try:
        import matplotlib
    except ImportError:
        raise UsageError(f"--plot {path}: needs matplotlib: {mend('plot')}") from None
    matplotlib.use("Agg")  # draws without any screen


def draw(report: Report, path: Path) -> None:
    """Write the picture as PNG or SVG, by the file's suffix.

    Raises:
        UsageError: it cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    kind = path.suffix.lower().lstrip(".")
    picture = io.BytesIO()
    with rc_context(
        {"svg.hashsalt": "logwatchd", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
    ):
        figure = Figure(figsize=(9.6, 7.2), layout="constrained")
        _compose(figure, report)
        figure.savefig(picture, format=kind, dpi=_DPI, metadata={"Date": None} if kind == "svg" else None)
    try:
        path.write_bytes(picture.getvalue())
    except OSError as error:
        raise UsageError(f"--plot {path}: cannot be written: {error.strerror or error}") from None


def _compose(figure: Figure, report: Report) -> None:
    curve, anomalies, normal = figure.subplots(3, 1, sharex=True, height_ratios=[2.6, 1, 1])
    decided = report.best or report.present
    top = max((text.verdict.score for text in report.texts), default=0.0)
    right = min(1.0, max(top, report.present.threshold, decided.threshold) * 1.06 + 0.02)
    figure.suptitle(_title(report), x=0.012, ha="left", fontsize=12, fontweight="bold")
    _draw_curve(curve, report)
    at = f"at {decided.threshold:.4g}"
    scores = _Scores(report, decided, right, anomaly=True)
    _draw_scores(anomalies, scores, scores.title(f"anomalies {at}: {{:,}} found", "missed"), _RED)
    scores = _Scores(report, decided, right, anomaly=False)
    _draw_scores(normal, scores, scores.title(f"normal lines {at}: {{:,}} pass", "flagged"), _GREEN)
    normal.set_xlabel("score; a line is flagged when its score is over the threshold")
    for axes in (curve, anomalies, normal):
        axes.set_xlim(0.0, right)
        _draw_thresholds(axes, report)
    _name_thresholds(curve, report, right)


def _title(report: Report) -> str:
    names = ", ".join(Path(name).name for name in report.names)
    names = names if len(names) <= _MOST_CHARS else names[: _MOST_CHARS - 3] + "..."
    auroc = "" if report.curve.auroc is None else f": AUROC {report.curve.auroc:.3f}"
    return f"{names} by {report.baseline.name}{auroc}"


class _Scores:
    """One class's (score, lines) divided by a threshold: on the right side and on the wrong one. edges: of the bars."""

    def __init__(self, report: Report, decided: Point, right: float, *, anomaly: bool) -> None:
        texts = [(text.verdict.score, text.anomalies if anomaly else text.normal) for text in report.texts]
        over = [(score, lines) for score, lines in texts if lines and score > decided.threshold]
        under = [(score, lines) for score, lines in texts if lines and score <= decided.threshold]
        self.well, self.badly = (over, under) if anomaly else (under, over)
        self.edges = bar_edges(decided.threshold, right)

    def title(self, does: str, wrong: str) -> str:
        well, badly = (sum(lines for _, lines in part) for part in (self.well, self.badly))
        return f"{does.format(well)}, {badly:,} {wrong}" + (" (hatched)" if badly else "")


def _draw_curve(axes: Axes, report: Report) -> None:
    points = report.curve.points
    edges = [*(point.lower for point in points), 1.0]
    for name, colour, width, values in (
        ("precision", _BLUE, 1.6, [point.precision for point in points]),
        ("recall", _ORANGE, 1.6, [point.recall for point in points]),
        ("F1", _BLACK, 2.6, [point.f1 for point in points]),
    ):
        heights = [np.nan if value is None else value for value in values]
        axes.step(edges, [*heights, heights[-1]], where="post", color=colour, linewidth=width, label=name)
    axes.set_ylim(0.0, 1.02)
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)


def bar_edges(threshold: float, right: float) -> NDArray[np.float64]:
    """Of about _BARS bars, one of which ends at the threshold: no bar is on both sides."""
    below = max(1, round(_BARS * threshold / right))
    above = max(1, _BARS - below)
    return np.concatenate([np.linspace(0.0, threshold, below + 1), np.linspace(threshold, right, above + 1)[1:]])


def _draw_scores(axes: Axes, scores: _Scores, title: str, colour: str) -> None:
    """A histogram of lines, on a scale that shows one line beside a million. What is on the wrong side is hatched."""
    width = np.diff(scores.edges)
    well, badly = (_histogram(part, scores.edges) for part in (scores.well, scores.badly))
    at = scores.edges[:-1]
    axes.bar(at, well, width, align="edge", color=colour, edgecolor=colour, linewidth=0.6)
    axes.bar(
        at, badly, width, bottom=well, align="edge", color="white", edgecolor=colour, linewidth=0.6, hatch="//////"
    )
    axes.set_yscale("symlog", linthresh=1.0)
    axes.set_ylim(0.0, max(10.0, 1.5 * float((well + badly).max())))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_ylabel("lines")
    axes.set_title(title, loc="left", fontsize=10, color=colour, fontweight="bold", pad=4)


def _histogram(part: list[tuple[float, int]], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    counts, _ = np.histogram([score for score, _ in part], edges, weights=[lines for _, lines in part])
    return counts.astype(np.float64)


def _draw_thresholds(axes: Axes, report: Report) -> None:
    axes.axvline(report.present.threshold, color=_GREY, linewidth=1.4, linestyle="--")
    if report.best:
        axes.axvline(report.best.threshold, color=_BLACK, linewidth=1.6)


def _name_thresholds(axes: Axes, report: Report, right: float) -> None:
    """Both thresholds' values beside their lines, and their figures in the legend."""
    from matplotlib.lines import Line2D

    marks = [("present", report.present), *([("best", report.best)] if report.best else [])]
    rules = []
    for row, (name, point) in enumerate(marks):
        best = name == "best"
        left = point.threshold > right / 2
        axes.annotate(
            f"{name} {point.threshold:.4g}",
            (point.threshold, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(3 if left else -3, 4 + 14 * row),  # in rows of their own, they never meet
            textcoords="offset points",
            ha="right" if left else "left",
            color=_BLACK if best else _GREY,
            fontweight="bold" if best else "normal",
        )
        figures = f"F1 {point.f1:.3f}, {point.missed:,} missed, {point.flagged:,} normal flagged"
        rule = Line2D([], [], color=_BLACK if best else _GREY, linestyle="-" if best else "--", linewidth=1.6)
        rule.set_label(f"{name} {point.threshold:.4g}: {figures}")
        rules.append(rule)
    axes.legend(
        handles=[*axes.get_legend_handles_labels()[0], *reversed(rules)],
        loc="upper left",
        bbox_to_anchor=(0.0, -0.03),
        ncols=2,
        frameon=False,
    )
