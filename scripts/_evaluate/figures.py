"""The figures of detection: what is kept of a measurement, and whether another one fell below it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Higher is better, in all of them. The number of alerts is kept to be read, not held: fewer are better only as long as
# the faults are among them, and that is what precision and recall of the texts (pat_f1) say.
HELD = ("auroc", "ap", "f1", "pat_f1", "ses_f1")
KEPT = ("lines", "anomalous", *HELD, "alerts")
IDENTITY = ("lines", "anomalous")  # of a set: others mean other data
TOLERANCE = 0.001  # float noise of another processor; one more wrong text in the smallest set is far more
_DIGITS = 4

Figures = dict[str, dict[str, float]]  # by set, and "mean"


@dataclass(frozen=True, slots=True)
class Fall:
    """A figure that is worse than the committed one."""

    name: str
    figure: str
    was: float
    now: float

    def __str__(self) -> str:
        return f"{self.name}: {self.figure} fell from {self.was:.4f} to {self.now:.4f}"


def figures_of(measured: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Figures:
    """What is kept of the suite's report, {"sets": {name: {figure: value}}, "mean": {...}}."""
    tables = {**measured["sets"], "mean": measured["mean"]}
    return {name: {key: round(table[key], _DIGITS) for key in KEPT if key in table} for name, table in tables.items()}


def differs(committed: Figures, measured: Figures) -> list[str]:
    """One line for each set that is not the one that the committed figures are of."""
    lines = []
    for name in committed.keys() & measured.keys():
        for key in IDENTITY:
            was, now = committed[name].get(key), measured[name].get(key)
            if was != now:
                lines.append(f"{name}: has {now:,g} {key} where the committed figures are of {was:,g}")
    return sorted(lines)


def falls(committed: Figures, measured: Figures) -> list[Fall]:
    """What is worse than committed, by more than noise, of what was measured."""
    return [
        Fall(name, key, committed[name][key], table.get(key, 0.0))
        for name, table in measured.items()
        if name in committed
        for key in HELD
        if key in committed[name] and table.get(key, 0.0) < committed[name][key] - TOLERANCE
    ]


def rises(committed: Figures, measured: Figures) -> list[Fall]:
    """What is better by more than noise; a set that is new is better in all."""
    return [
        Fall(name, key, committed.get(name, {}).get(key, 0.0), value)
        for name, table in measured.items()
        for key, value in table.items()
        if key in HELD and value > committed.get(name, {}).get(key, 0.0) + TOLERANCE
    ]
