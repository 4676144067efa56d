"""`logwatchd watch`: no configuration. Learn from what the files hold, then follow them and print only what is new."""

from __future__ import annotations

import queue
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from logwatchd import clock, journal
from logwatchd.alerting import wiring
from logwatchd.alerting.notices import AlertRaised, Notice
from logwatchd.alerting.render import rich_text
from logwatchd.commands.baseline import FEW_LINES, learn
from logwatchd.config import Config, Secrets, Settings, SourceSettings
from logwatchd.errors import BaselineError, Exit, UsageError
from logwatchd.flow import BlockQueue
from logwatchd.ingest.checkpoints import Checkpoints
from logwatchd.ingest.files import FileSource
from logwatchd.ingest.offline import expand
from logwatchd.pipeline import Pipeline, Scoring
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.local import LocalEmbedder

if TYPE_CHECKING:
    from rich.console import Console

_STOP_S = 10.0
_COMPRESSED = (".gz", ".xz", ".bz2", ".zst")


def run(paths: Sequence[str]) -> Exit:
    """Watch files, globs and folders until Ctrl-C or SIGTERM, then print a summary.

    Nothing leaves the machine: the local embedder is used and no key is read.

    Raises:
        UsageError: nothing to follow, or nothing in it to learn from.
    """
    from rich.console import Console

    journal.configure("terminal", verbosity=-2)  # alerts are printed by us
    patterns = [_absolute(path) for path in paths]
    with tempfile.TemporaryDirectory(prefix="logwatchd-watch-") as state_dir:
        return _Watch(patterns, Path(state_dir), Console(highlight=False, soft_wrap=True)).run()


def _absolute(path: str) -> str:
    """A folder stands for the files in it."""
    full = Path(path).absolute()
    return str(full / "*") if full.is_dir() else str(full)


class _Watch:
    """One watch from learning to summary. Owns its terminal, its pipeline and its temporary state folder."""

    def __init__(self, patterns: Sequence[str], state_dir: Path, console: Console) -> None:
        self._console = console
        self._messages: queue.SimpleQueue[Notice | BaseException | None] = queue.SimpleQueue()
        self._state_dir = state_dir
        self._incidents = 0
        files = [path for path in expand(patterns) if path.suffix not in _COMPRESSED]
        if not files:
            raise UsageError(f"{', '.join(patterns)}: only compressed files; name logs that are being written")
        settings = Settings(  # type: ignore[call-arg]  # the rest has defaults
            state_dir=state_dir, source=[SourceSettings(paths=list(patterns))]
        )
        self._config = Config(path=Path("(watch)"), settings=settings, secrets=Secrets(None, None, None))
        self._files = files

    def run(self) -> Exit:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._messages.put(None))
        alerting = wiring.build(self._config, self._crashed, observer=self._messages.put)
        blocks = BlockQueue()
        source = FileSource(self._config.sources, blocks, Checkpoints(None))
        pipeline: Pipeline | None = None
        try:
            # Where to go on from is settled before the learning: what is written meanwhile is judged, not missed.
            source.run_once(clock.monotonic())
            pipeline = Pipeline(blocks, source, self._learn(), alerting.observe, self._crashed)
            alerting.start()
            pipeline.start()
            return self._follow(pipeline)
        finally:
            if pipeline:
                pipeline.stop(_STOP_S)
            alerting.close(0.0)

    def _learn(self) -> Scoring:
        try:
            (source,) = self._config.sources
            baseline = learn([(file, source) for file in self._files], self._config)
        except BaselineError:
            raise UsageError(
                "the files hold nothing to learn from yet; let normal traffic write some lines first"
            ) from None
        manifest = baseline.manifest
        self._say(
            f"learned {manifest.patterns:,} patterns from {manifest.lines:,} lines in {len(self._files):,} "
            f"{'file' if len(self._files) == 1 else 'files'}; printing what is new (threshold "
            f"{manifest.threshold:.2f}); Ctrl-C ends it"
        )
        if manifest.lines < FEW_LINES:
            self._say(f"only {manifest.lines:,} lines to learn from: expect more to look new than is", "yellow")
        return Scoring(Detector(baseline), LocalEmbedder(), batch_size=200, max_wait_ms=0)

    def _follow(self, pipeline: Pipeline) -> Exit:
        began = clock.monotonic()
        while True:
            message = self._messages.get()
            match message:
                case None:
                    break
                case BaseException():
                    self._say(f"{type(message).__name__}: {message}", "bold red")
                    return Exit.FAILED
                case AlertRaised():
                    self._incidents += 1
                    self._console.print(rich_text(message))
                case _:
                    self._console.print(rich_text(message))
        minutes = (clock.monotonic() - began) / 60
        self._say(
            f"\n{pipeline.score.lines:,} lines in {minutes:,.1f} min, {pipeline.score.anomalies:,} of them new, "
            f"in {self._incidents:,} {'incident' if self._incidents == 1 else 'incidents'}"
        )
        return Exit.ANOMALY if self._incidents else Exit.OK

    def _crashed(self, stage: str, error: BaseException) -> None:
        self._messages.put(error)

    def _say(self, text: str, style: str = "bold") -> None:
        self._console.print(text, style=style)
