"""What the reader sees: colours and moving bars on a terminal, plain lines anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TextColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from _demo.verdict import Told, Verdict
from _demo.watcher import Words
from logwatchd.alerting.notices import AlertAnalysed, AlertRaised, Notice
from logwatchd.alerting.render import plain, rich_text
from logwatchd.alerting.text import clip, visible

_PLAIN_WIDTH = 110
_MAX_WIDTH = 120
_QUARTERS = 4
_MAX_JOINED = 2
_MAX_LINE_CHARS = 400


def open_console() -> Console:
    """A console for stdout. Without a terminal it never emits a control code and does not depend on $COLUMNS."""
    console = Console(highlight=False)
    if not console.is_terminal:
        return Console(highlight=False, width=_PLAIN_WIDTH, color_system=None, force_terminal=False)
    return Console(highlight=False, width=min(console.width, _MAX_WIDTH))


class Screen:
    """Prints the demonstration, from the top to the bottom; nothing printed is ever changed but a running step."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @property
    def _moving(self) -> bool:
        return self._console.is_terminal

    def headline(self) -> None:
        self._console.print(
            Text.assemble(
                ("\nlogwatchd", "bold"),
                " learns what a log normally says, and tells you about what it has never said before.\n",
                "It watches a small web shop here: real customers, database and upstream service. Then things break.\n",
            )
        )

    @contextmanager
    def step(self, title: str) -> Iterator[Callable[[str], None]]:
        """A step of unknown length. Yields what to call with its outcome."""
        outcome: list[str] = []
        if self._moving:
            with self._console.status(title):
                yield outcome.append
        else:
            self._console.print(f"... {title}", soft_wrap=True)
            yield outcome.append
        self._done(title, outcome[-1] if outcome else "")

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Callable[[int, str], None]]:
        """A step that counts up to `total`. Yields what to call with the count and a note."""
        note = ""
        if self._moving:
            columns = (TextColumn("  {task.description}"), BarColumn(30), TextColumn("{task.fields[note]}"))
            with Progress(*columns, console=self._console, transient=True) as bar:
                task = bar.add_task(title, total=total, note="")

                def advance(count: int, text: str) -> None:
                    nonlocal note
                    note = text
                    bar.update(task, completed=min(count, total), note=text)

                yield advance
        else:
            told = 0

            def say(count: int, text: str) -> None:
                nonlocal note, told
                note = text
                quarter = min(_QUARTERS - 1, count * _QUARTERS // total)
                if quarter > told:
                    told = quarter
                    self._console.print(f"... {title}: {quarter * 100 // _QUARTERS}%", soft_wrap=True)

            yield say
        self._done(title, note)

    def _done(self, title: str, outcome: str) -> None:
        mark = Text("ok  ", "green")
        self._console.print(mark + Text.assemble((title, "bold"), (f": {outcome}" if outcome else "")), soft_wrap=True)

    def note(self, text: str) -> None:
        self._console.print(Text(f"    {text}", "dim"), soft_wrap=True)

    def fault(self, number: int, of: int, name: str, what: str) -> None:
        self._console.print()
        self._console.print(Rule(Text(f"{number} of {of}: {name}", "bold"), align="left", style="dim"))
        self._console.print(Text(f"    {what}"), soft_wrap=True)

    def incident(self, told: Told, after_s: float | None, false_alarm: bool = False) -> None:
        """An alert as an operator sees it."""
        title = "FALSE ALARM" if false_alarm else "logwatchd says"
        when = f", {after_s:.1f} s after the first bad line" if after_s is not None else ""
        self._framed(f"{title}{when}", AlertRaised(told.alert), "yellow" if false_alarm else "red")

    def joined(self, lines: Sequence[str]) -> None:
        """What else belongs to the incidents of a fault: the first kinds of lines that speak for themselves."""
        telling = [line for line in lines if line[:1].strip() and not line.startswith("Traceback")][:_MAX_JOINED]
        for line in telling:
            self._console.print(Text("    + ", "dim") + Text(_foreign(line)), soft_wrap=True)
        if rest := len(lines) - len(telling):
            self._console.print(Text(f"    + {rest} more kinds of lines, such as those of the traceback", "dim"))

    def words(self, told: Told, words: Words) -> None:
        """Claude's analysis of an incident."""
        self._framed("Claude says", AlertAnalysed(told.alert, words.analysis), "blue")

    def _framed(self, title: str, notice: Notice, colour: str) -> None:
        if self._moving:
            text = Text(title)
            self._console.print(Panel(rich_text(notice), title=text, title_align="left", border_style=colour))
            return
        for line in (f"  {title}", *(f"    {line}" for line in plain(notice))):
            self._console.print(Text(line), soft_wrap=True)

    def missed(self, name: str, waited_s: float) -> None:
        self._console.print(
            Text(f"    nothing was said about '{name}' for {waited_s:.0f} s", "bold red"), soft_wrap=True
        )

    def summary(self, verdict: Verdict, took_s: float) -> None:
        table = Table(title="What was broken, and what logwatchd made of it", title_justify="left", title_style="bold")
        table.add_column("fault")
        table.add_column("found")
        table.add_column("seconds to the alert", justify="right")
        table.add_column("score", justify="right")
        table.add_column("messages", justify="right")
        for finding in verdict.findings:
            table.add_row(
                finding.fault,
                Text("yes", "green") if finding.found else Text("NO", "bold red"),
                "-" if finding.delay_s is None else f"{finding.delay_s:.1f}",
                "-" if finding.proof is None else f"{finding.proof.alert.score:.2f}",
                str(len(finding.told)),
            )
        self._console.print()
        self._console.print(table)
        found = sum(finding.found for finding in verdict.findings)
        counted = f"{found} of {len(verdict.findings)} faults found, {len(verdict.false_alarms)} false alarms"
        style, word = ("bold green", "passed") if verdict.passed else ("bold red", "FAILED")
        self._console.print(Text(f"{word}: {counted}, in {took_s:.0f} s", style))
        for reason in verdict.reasons():
            self._console.print(Text(f"  {_foreign(reason)}", "red"), soft_wrap=True)

    def error(self, text: str) -> None:
        self._console.print(Text(f"demo: {text}", "bold red"), soft_wrap=True)


def _foreign(text: str) -> str:
    """Text of a log or a model, harmless for a terminal and not endless."""
    return clip(visible(text), _MAX_LINE_CHARS)
