"""`scripts/evaluate` ends here once its environment stands."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from _evaluate.figures import Figures, differs, falls, figures_of, rises

ROOT = Path(__file__).resolve().parents[2]
SUITE = ROOT.parent / "shared" / "detection" / "evaluate.py"
COMMITTED = ROOT / "tests" / "detection-figures.json"


def main() -> int:
    """0: no figure fell; 1: one did; 2: it could not be measured."""
    parser = _parser()
    given = parser.parse_args()
    if given.update and (given.sets or given.data):
        parser.error("--update writes the figures of all sets: name none, and no other data")
    with tempfile.TemporaryDirectory(prefix="logwatchd-evaluate-") as folder:
        report = Path(folder) / "figures.json"
        command = [sys.executable, SUITE, "--cmd", Path(sys.executable).with_name("logwatchd"), "--json", report]
        if given.data:
            command += ["--data", given.data]
        if subprocess.run([*command, *given.sets], check=False).returncode:
            _say("the measurement failed")
            return 2
        measured = json.loads(report.read_text())
    if given.json:
        given.json.write_text(json.dumps(measured, indent=1) + "\n")
    if given.data:
        return 0  # the committed figures are not of these
    figures = figures_of(measured)
    if given.sets:
        del figures["mean"]  # of other sets than the committed one
    return _hold(figures, given.figures, update=given.update, force=given.force, part=bool(given.sets))


def _hold(measured: Figures, file: Path, *, update: bool, force: bool, part: bool) -> int:
    """Compare and, if asked, write. part: not all sets were measured."""
    committed: Figures = json.loads(file.read_text()) if file.exists() else {}
    worse = [*differs(committed, measured), *map(str, falls(committed, measured))]
    if not part:
        worse += [f"{name}: was not measured" for name in sorted(committed.keys() - measured.keys())]
    for line in worse:
        print(line)
    if worse and not (update and force):
        _say(f"below {file.name}" + ("; --force writes the new figures all the same" if update else ""))
        return 1
    if update:
        file.write_text(json.dumps(measured, indent=1) + "\n")
        print(f"{file}: written")
        return 0
    rose = len(rises(committed, measured))
    print(f"no figure fell below {file.name}" + (f"; {rose} rose, and --update keeps them" if rose else ""))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/evaluate",
        description="Measures detection on labelled logs; fails when a figure falls below the committed one.",
    )
    parser.add_argument("sets", nargs="*", metavar="SET", help="default: all of them")
    parser.add_argument("--json", type=Path, metavar="OUT", help="the whole report")
    parser.add_argument("--data", type=Path, metavar="DIR", help="other labelled logs; nothing is compared then")
    parser.add_argument("--figures", type=Path, default=COMMITTED, metavar="FILE", help="what to compare with")
    parser.add_argument("--update", action="store_true", help="write the figures, if none of them fell")
    parser.add_argument("--force", action="store_true", help="with --update: also where one fell")
    return parser


def _say(text: str) -> None:
    print(f"scripts/evaluate: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
