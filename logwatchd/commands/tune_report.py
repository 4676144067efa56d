"""How `logwatchd tune` tells what it found: a table and sentences for people, one object for machines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from logwatchd.alerting.text import clip, counted, gist, visible
from logwatchd.commands import terminal
from logwatchd.commands.labelled import Labelled
from logwatchd.commands.tuning import Report, Text
from logwatchd.parsing.normalise import decode
from logwatchd.scoring.curve import Point

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SHOWN = 5  # texts of each kind of mistake
_MOST_CHARS = 160
_FEW_TEXTS = 5


def as_json(report: Report) -> dict[str, Any]:
    """Everything: `thresholds` has one entry for each set of figures that a threshold can have."""
    costs = report.best or report.present
    return {
        "baseline": str(report.baseline),
        "labelled": list(report.names),
        "lines": report.normal + report.anomalies,
        "normal": report.normal,
        "anomalies": report.anomalies,
        "texts": len(report.texts),
        "never_judged": sum(text.normal + text.anomalies for text in report.skipped),
        "auroc": _rounded(report.curve.auroc),
        "average_precision": _rounded(report.curve.average_precision),
        "present": _figures(report.present),
        "best": _figures(report.best) if report.best else None,
        "flagged": [_mistake(text, text.first[False], text.normal) for text in report.flagged(costs)],
        "missed": [_mistake(text, text.first[True], text.anomalies) for text in report.missed(costs)],
        "both_labels": [_mistake(text, text.first[True], text.anomalies) for text in report.contradictory],
        "thresholds": [_figures(point) for point in report.curve.points],
    }


def _figures(point: Point) -> dict[str, Any]:
    return {
        "threshold": round(point.threshold, 6),
        "from": point.lower,
        "to": point.upper,
        "precision": _rounded(point.precision),
        "recall": _rounded(point.recall),
        "f1": _rounded(point.f1),
        "found": point.found,
        "missed": point.missed,
        "flagged": point.flagged,
        "passed": point.passed,
    }


def _mistake(text: Text, line: Labelled, lines: int) -> dict[str, Any]:
    return {
        "score": round(text.verdict.score, 6),
        "lines": lines,
        "place": line.place,
        "log": decode(line.raw),
        "pattern": text.verdict.pattern,
        "known": text.known,
        "never_judged": text.verdict.skipped,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def print_report(report: Report, *, advise: bool) -> None:
    """For people, to standard output. advise: say how the best threshold gets into the baseline."""
    console = terminal.console()
    console.print(
        f"{', '.join(report.names)}: {counted(report.normal, 'normal line')}, "
        f"{counted(report.anomalies, 'anomaly', 'anomalies')}, {counted(len(report.texts), 'distinct text')}",
        style="bold",
    )
    for text in _remarks(report):
        console.print(text, style="yellow")
    if report.curve.auroc is not None:
        console.print(
            f"AUROC {report.curve.auroc:.3f}, average precision {report.curve.average_precision:.3f}: how well the "
            "scores put anomalies above normal lines, whatever the threshold"
        )
    console.print()
    _print_table(console, report)
    console.print()
    for point, name in ((report.best, "best"), (report.present, "present")):
        if point:
            console.print(_cost(report, point, name), style="bold" if name == "best" else None)
    costs = report.best or report.present
    _print_mistakes(console, "normal, but flagged", report.flagged(costs), costs, anomaly=False)
    _print_mistakes(console, "anomalies that are missed", report.missed(costs), costs, anomaly=True)
    if report.best and advise:
        console.print(f"\n'--write' puts {report.best.threshold:g} into {report.baseline}")


def _remarks(report: Report) -> list[str]:
    """What the reader of the figures has to know."""
    remarks = []
    if not report.anomalies:
        remarks.append("no anomaly among them: what a threshold would miss cannot be told; label some")
    if not report.normal:
        remarks.append("no normal line among them: what a threshold would flag in vain cannot be told; label some")
    texts = sum(1 for text in report.texts if text.anomalies)
    if 0 < texts < _FEW_TEXTS:
        remarks.append(
            f"the anomalies have only {counted(texts, 'distinct text')}: the next one may ask for another threshold; "
            "label more"
        )
    if report.skipped:
        levels = ", ".join(sorted({text.verdict.level.name for text in report.skipped}))
        normal, anomalies = sum(t.normal for t in report.skipped), sum(t.anomalies for t in report.skipped)
        remarks.append(
            f"{counted(normal + anomalies, 'line')} of level {levels} are never judged, whatever the threshold"
            + (f": {counted(anomalies, 'anomaly', 'anomalies')} among them cannot be found" if anomalies else "")
        )
    known = sum(text.anomalies for text in report.texts if text.known)
    if known:
        remarks.append(
            f"{counted(known, 'anomaly', 'anomalies')} cannot be found at any threshold: the baseline holds their "
            "text; label them anew, or build it from cleaner logs"
        )
    if len(report.calibrated.by_log) > 1:
        remarks.append(
            f"the baseline has a threshold for each log ({report.calibrated}); the present one here is that of a log "
            "it does not know, and the best one would be for all of them"
        )
    if report.contradictory:
        first = report.contradictory[0]
        remarks.append(
            f"{counted(len(report.contradictory), 'text')} labelled both normal and anomaly, such as "
            f"{first.first[False].place} and {first.first[True].place}: no threshold tells them apart"
        )
    if report.anomalies and report.normal and report.best is None and not known:
        remarks.append("no anomaly scores above 0: no threshold finds any of them")
    return remarks


def _print_table(console: Console, report: Report) -> None:
    """As much of it as the terminal's width has room for: no number is cut."""
    table = _table(report, narrow=False, without=())
    wide = console.options.update(width=terminal.ANY_WIDTH)
    for count in range(len(_DISPENSABLE) + 1):
        if console.measure(table, options=wide).maximum <= console.width:
            break
        table = _table(report, narrow=True, without=_DISPENSABLE[:count])
    console.print(table)


def _table(report: Report, *, narrow: bool, without: Sequence[str]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    space = "\n" if narrow else " "
    shown = [name for name in ("", "threshold", *_FIGURES) if name not in without]
    for name in shown:
        table.add_column(name.replace(" ", space), justify="right", no_wrap=True)
    for point in report.rows():
        marks = [name for name, mark in (("best", report.best), ("present", report.present)) if point == mark]
        cells = {
            "": f",{space}".join(marks),
            "threshold": f"{point.threshold:.4g}",
            **{name: figure(point) for name, figure in _FIGURES.items()},
        }
        style = "bold green" if "best" in marks else "bold" if marks else None
        table.add_row(*(cells[name] for name in shown), style=style)
    return table


def _cost(report: Report, point: Point, name: str) -> str:
    """What a threshold finds and costs, in a sentence."""
    texts = len(report.flagged(point))
    finds = f"finds {point.found:,} of {counted(report.anomalies, 'anomaly', 'anomalies')}"
    costs = f"flags {point.flagged:,} of {counted(report.normal, 'normal line')}"
    costs += f" ({counted(texts, 'distinct text')})" if texts else ""
    same = f"; the same from {point.lower:.4g} to {point.upper:.4g}" if name == "best" else ""
    return f"{name:>7}  {point.threshold:<6.4g} {finds}, {costs}{same}"


def _print_mistakes(console: Console, title: str, texts: Sequence[Text], point: Point, *, anomaly: bool) -> None:
    if not texts:
        return
    console.print(f"\n{title} at {point.threshold:.4g}:", style="bold")
    for text in texts[:SHOWN]:
        line, count = text.first[anomaly], text.anomalies if anomaly else text.normal
        why = " (the baseline holds it)" if text.known else " (never judged)" if text.verdict.skipped else ""
        console.print(f"  {text.verdict.score:.3f}  {counted(count, 'line')}, {visible(line.place)}{why}")
        console.print(f"         {clip(gist(decode(line.raw)), _MOST_CHARS)}", style="red" if anomaly else "yellow")
    if len(texts) > SHOWN:
        console.print(f"  and {counted(len(texts) - SHOWN, 'more text', 'more texts')}: --json has them all")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


_FIGURES: dict[str, Callable[[Point], str]] = {
    "precision": lambda point: _share(point.precision),
    "recall": lambda point: _share(point.recall),
    "F1": lambda point: f"{point.f1:.3f}",
    "found": lambda point: f"{point.found:,}",
    "missed": lambda point: f"{point.missed:,}",
    "normal flagged": lambda point: f"{point.flagged:,}",
}
_DISPENSABLE = ("precision", "recall", "missed", "F1")  # where there is no room for all, in this order
