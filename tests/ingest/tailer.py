"""A FileSource that a test turns by hand: no thread, no waiting, time as the test says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from logwatchd import clock
from logwatchd.flow import BlockQueue
from logwatchd.ingest.checkpoints import Checkpoints
from logwatchd.ingest.files import FileSource
from logwatchd.ingest.state_folder import StateFolder
from logwatchd.records import Block, SourceSpec, StartAt

MAX_IDLE = 3  # turns without a line: then nothing is to be had, as nothing was committed
LONG_S = 3.0  # longer than any poll and than a finished file's last line waits


class Tailer:
    """Reads, and commits what it read, as `logwatchd tail` does. `lines` holds all that was ever delivered."""

    def __init__(
        self, state: Path | None, *patterns: str | Path, start_at: StartAt = "beginning", max_blocks: int = 256
    ) -> None:
        self.specs = (SourceSpec(paths=tuple(map(str, patterns)), start_at=start_at),)
        self.state = state
        self.blocks: list[Block] = []
        self._max_blocks = max_blocks
        self._ahead_s = 0.0
        self.start()

    @property
    def lines(self) -> list[bytes]:
        return [line for block in self.blocks for line in block.data.split(b"\n")[:-1]]

    def start(self) -> None:
        self.queue = BlockQueue(max_blocks=self._max_blocks)
        self._folder = StateFolder(self.state) if self.state is not None else None
        self.checkpoints = Checkpoints(self._folder)
        self.source = FileSource(self.specs, self.queue, self.checkpoints)

    def turn(self, commit: bool = True, seconds: float = LONG_S) -> list[bytes]:
        """Let `seconds` pass, survey and read to the end; returns the new lines."""
        self._ahead_s += seconds
        known = len(self.blocks)
        idle = 0
        while idle == 0 or (idle < MAX_IDLE and not self.source.drained()):
            # `now` runs ahead of the real clock, so that every turn is due.
            self.source.run_once(clock.monotonic() + self._ahead_s)
            blocks = self.queue.take()
            for block in blocks:
                self.blocks.append(block)
                if commit:
                    self.source.commit(block)
                    self.queue.done(block)
            idle = 0 if blocks else idle + 1
        return [line for block in self.blocks[known:] for line in block.data.split(b"\n")[:-1]]

    def reconfigure(self, *patterns: str | Path, start_at: StartAt = "beginning") -> None:
        self.specs = (SourceSpec(paths=tuple(map(str, patterns)), start_at=start_at),)
        self.source.reconfigure(self.specs)

    def stop(self) -> None:
        self.source.close()
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def kill(self) -> None:
        """What kill -9 leaves: handles are closed, nothing more is written."""
        log = self.checkpoints._log
        if log is not None:
            log.close()
        self.checkpoints._log = None
        self.stop()
        self.start()


def append(path: Path, *lines: bytes | str) -> None:
    with path.open("ab") as file:
        file.write(b"".join(encode(lines)))


def encode(lines: Sequence[bytes | str]) -> list[bytes]:
    return [(line.encode() if isinstance(line, str) else line) + b"\n" for line in lines]
