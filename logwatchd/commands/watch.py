"""`logwatchd watch`: no configuration. Learn from what the files hold, then follow them and print only what is new."""

from __future__ import annotations

import queue
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from logwatchd import clock, interrupts, journal
from logwatchd.alerting import wiring
from logwatchd.alerting.notices import AlertRaised, Notice
from logwatchd.alerting.render import rich_text
from logwatchd.alerting.text import counted
from logwatchd.commands import terminal
from logwatchd.commands.build_report import size_text
from logwatchd.commands.learning import FEW_LINES, Lesson, learn
from logwatchd.config import Config, Settings
from logwatchd.config_errors import problems_of
from logwatchd.config_secrets import Secrets
from logwatchd.errors import BaselineError, ConfigError, Exit, UsageError
from logwatchd.flow import BlockQueue
from logwatchd.ingest.offline import expand, log_name
from logwatchd.ingest.sources import Sources
from logwatchd.ingest.streams import STDIN
from logwatchd.overrides import ENV_PREFIX, overrides
from logwatchd.parsing.names import is_compressed_name
from logwatchd.pipeline import Pipeline, Scoring
from logwatchd.records import Block, SourceSpec
from logwatchd.scoring.batching import Limits
from logwatchd.scoring.detector import Detector
from logwatchd.scoring.local import LocalEmbedder
from logwatchd.scoring.thresholds import own_thresholds

if TYPE_CHECKING:
    from rich.console import Console

_STOP_S = 3.0  # for judging what was read when Ctrl-C came
_LOOK_S = 0.3
_PAUSE_S = 1.0  # a stream that is quiet for so long has told its history
_MOST_LINES = 10_000  # of a stream that are learned from


def run(paths: Sequence[str]) -> Exit:
    """Watch files, globs and folders until Ctrl-C, SIGTERM or the terminal's end, then print a summary.

    Nothing leaves the machine: the local embedder is used and no key is read.

    Raises:
        UsageError: nothing to follow, or nothing in it to learn from. ConfigError: a wrong override in the environment.
    """
    journal.configure("terminal", verbosity=-2)  # alerts are printed by us
    patterns = [_absolute(path) for path in paths]
    with tempfile.TemporaryDirectory(prefix="logwatchd-watch-") as state_dir:
        return _Watch(patterns, Path(state_dir), terminal.console()).run()


def _absolute(path: str) -> str:
    """A folder stands for the files in it."""
    if path == STDIN:
        return path
    full = Path(log_name(Path(path)))
    return str(full / "*") if full.is_dir() else str(full)


def _config(given: dict[str, Any]) -> Config:
    """What a configuration would say.

    Raises:
        ConfigError: an override in the environment, or a name, is not as it should be.
    """
    nowhere = Path("(watch)")
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        raise ConfigError(problems_of(error, nowhere, {}, Settings, ENV_PREFIX)) from None
    return Config(path=nowhere, settings=settings, secrets=Secrets(None, None, None))


class _Counted(BlockQueue):
    """Counts the lines that are read, and those of them that are dealt with."""

    def __init__(self) -> None:
        super().__init__()
        self.read = self.judged = 0  # each is one thread's to change

    def put(self, block: Block) -> None:
        self.read += block.data.count(b"\n")
        super().put(block)

    def dealt_with(self, block: Block) -> None:
        self.judged += block.data.count(b"\n")


class _Watch:
    """One watch from learning to summary. Owns its terminal, its pipeline and its temporary state folder."""

    def __init__(self, patterns: Sequence[str], state_dir: Path, console: Console) -> None:
        self._console = console
        self._messages: queue.SimpleQueue[Notice | BaseException | None] = queue.SimpleQueue()
        self._state_dir = state_dir
        self._incidents = 0
        self._died = False
        streams = [path for path in patterns if path == STDIN or Path(path).is_fifo()]
        others = [path for path in patterns if path not in streams]
        files = [path for path in expand(others) if not is_compressed_name(str(path))]
        if not files and not streams:
            raise UsageError(f"{', '.join(patterns)}: only compressed files; name logs that are being written")
        own = {"state_dir": state_dir, "source": [{"paths": list(patterns)}], "sink": []}
        self._config = _config({**overrides(Settings), **own})
        self._files = files
        self._blocks = _Counted()
        self._source = Sources(self._config.sources, self._blocks, None)

    def run(self) -> Exit:
        alerting = wiring.build(self._config, self._crashed, observer=self._messages.put)
        pipeline: Pipeline | None = None
        try:
            # Where to go on from is settled before the learning: what is written meanwhile is judged, not missed.
            self._source.run_once(clock.monotonic())
            pipeline = Pipeline(self._blocks, self._source, self._learn(), alerting.observe, self._crashed)
            pipeline.learn = self._blocks.dealt_with
            alerting.start()
            pipeline.start()
            began = clock.monotonic()
            self._follow()
        finally:
            if pipeline:
                pipeline.stop(_STOP_S)
            else:
                self._source.close()
            alerting.close(0.0)
        while not self._messages.empty():
            self._tell(self._messages.get())
        if self._died:
            return Exit.FAILED
        self._sum_up(pipeline, clock.monotonic() - began)
        return Exit.ANOMALY if self._incidents else Exit.OK

    def _learn(self) -> Scoring:
        try:
            (source,) = self._config.sources
            more = [] if self._files else [Lesson("stream", source, self._beginning)]
            baseline = learn([(file, source) for file in self._files], self._config, more)
        except BaselineError:
            what = "the files hold" if self._files else "the stream held"
            raise UsageError(f"{what} nothing to learn from yet; let normal traffic write some lines first") from None
        for number in interrupts.ENDING:
            interrupts.take(number, lambda *_: self._messages.put(None))  # following ends with its summary
        interrupts.raise_again()
        manifest = baseline.manifest
        self._say(
            f"learned {counted(manifest.patterns, 'pattern')} from {counted(manifest.lines, 'line')} in "
            f"{self._teachers()}; printing what is new (threshold {own_thresholds(baseline)}); Ctrl-C ends it"
        )
        if manifest.lines < FEW_LINES:
            self._say(
                f"only {counted(manifest.lines, 'line')} to learn from: expect more to look new than is", "yellow"
            )
        return Scoring(Detector(baseline), LocalEmbedder(), Limits())

    def _beginning(self, spec: SourceSpec) -> Iterator[tuple[bytes, tuple[int, ...]]]:
        """What a stream says first: its history up to the first pause, as `kubectl logs -f` and others begin."""
        self._say(
            f"learning from what comes first: at least {FEW_LINES:,} lines, and up to {_MOST_LINES:,} at a stretch"
        )
        arrived = threading.Event()
        self._source.on_wake = arrived.set
        lines, last = 0, clock.monotonic()
        while lines < _MOST_LINES:
            arrived.clear()
            now = clock.monotonic()
            delay_s = self._source.run_once(now)
            blocks = self._blocks.take()
            for block in blocks:
                self._blocks.dealt_with(block)
                yield block.data, block.inner
                lines, last = lines + block.data.count(b"\n"), now
                self._source.commit(block)
                self._blocks.done(block)
            if not blocks:
                if self._source.ended() or (lines >= FEW_LINES and now - last >= _PAUSE_S):
                    return
                arrived.wait(min(delay_s, _LOOK_S))

    def _teachers(self) -> str:
        count = len(self._files)
        return counted(count, "file") if count else "the stream's beginning"

    def _next(self) -> Notice | BaseException | None:
        """What happens next; None to end, also when all streams have ended and nothing more comes of it."""
        while True:
            ended = self._source.ended() and not self._blocks.in_flight
            try:
                return self._messages.get(timeout=_LOOK_S)
            except queue.Empty:
                if ended:
                    return None

    def _follow(self) -> None:
        while not self._died and (message := self._next()) is not None:
            self._tell(message)

    def _tell(self, message: Notice | BaseException | None) -> None:
        match message:
            case None:
                return
            case BaseException():
                self._died = True
                self._say(f"{type(message).__name__}: {message}", "bold red")
                return
            case AlertRaised():
                self._incidents += 1
        self._console.print(rich_text(message))

    def _sum_up(self, pipeline: Pipeline, seconds: float) -> None:
        anomalies = pipeline.score.anomalies
        judged = max(pipeline.score.lines, anomalies)  # of a block that was begun only the anomalies are counted
        self._say(
            f"\n{counted(judged, 'line')} in {seconds / 60:,.1f} min, {anomalies:,} of them new, in"
            f" {counted(self._incidents, 'incident')}"
        )
        left = self._blocks.read - max(self._blocks.judged, anomalies)
        behind = self._source.status().unread_bytes
        if left or behind:
            more = f" and {size_text(behind)} behind them" if behind else ""
            self._say(f"not judged any more: {counted(left, 'line')}{more}", "yellow")

    def _crashed(self, stage: str, error: BaseException) -> None:
        self._messages.put(error)

    def _say(self, text: str, style: str = "bold") -> None:
        self._console.print(text, style=style)
