"""A journalctl that tells what a test wrote, and the source that asks it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from logwatchd import clock
from logwatchd.flow import BlockQueue
from logwatchd.ingest.journal_source import JournalSource
from logwatchd.ingest.state_folder import StateFolder
from logwatchd.records import Block, SourceSpec, StartAt
from tests.helpers import wait_until

# Tells entries from a file behind the cursor, a line of JSON each; `quirks` is run first.
FAKE = """#!/bin/bash
echo "$@" >>{folder}/calls
{quirks}
case "$*" in
  *--lines=1*) tail -n 1 {folder}/entries; exit 0 ;;
esac
after=$(grep -o -- '--after-cursor=s=[0-9a-f]*' <<<"$*" | grep -o '[0-9a-f]*$')
from=$(( after ? $(grep -n "\\"s=$after\\"" {folder}/entries | cut -d: -f1) + 1 : 1 ))
exec tail -n +$from -f {folder}/entries
"""


class Journal:
    """A source of a journal that the test writes, turned by hand."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, quirks: str = "") -> None:
        self.folder = folder
        self.entries = folder / "entries"
        self.entries.touch()
        (folder / "calls").touch()
        self.state = folder / "state"
        self.state.mkdir()
        self.numbers = 0
        self.sources: list[JournalSource] = []
        self.quirks(quirks)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def quirks(self, text: str) -> None:
        program = self.folder / "journalctl"
        new = self.folder / "journalctl.new"
        new.write_text(FAKE.format(folder=self.folder, quirks=text))
        new.chmod(0o755)
        new.replace(program)

    def write(self, *messages: object, **fields: object) -> None:
        with self.entries.open("a") as out:
            for message in messages:
                self.numbers += 1
                entry = {"__CURSOR": f"s={self.numbers:x}", "MESSAGE": message, "SYSLOG_IDENTIFIER": "app", **fields}
                out.write(json.dumps(entry, separators=(",", ":")) + "\n")

    def start(self, start_at: StartAt = "end", max_blocks: int = 256, **filters: object) -> JournalSource:
        self.spec = SourceSpec((), journal=True, start_at=start_at, **filters)  # type: ignore[arg-type]
        self.queue = BlockQueue(max_blocks=max_blocks)
        self.source = JournalSource([self.spec], self.queue, StateFolder(self.state))
        self.sources.append(self.source)
        self.ahead_s = 0.0
        self.got: list[bytes] = []
        return self.source

    def turn(self, commit: bool = True, seconds: float = 0.0) -> list[Block]:
        self.ahead_s += seconds
        self.source.run_once(clock.monotonic() + self.ahead_s)
        blocks = self.queue.take()
        for block in blocks:
            self.got += [line.split(b": ", 1)[-1] for line in block.data.splitlines()]
            if commit:
                self.source.commit(block)
                self.queue.done(block)
        return blocks

    def until(self, *expected: bytes, seconds: float = 0.0) -> None:
        """Take turns until exactly these messages have come since the start."""
        wait_until(lambda: self.turn(seconds=seconds) is None or len(self.got) >= len(expected))
        assert self.got == list(expected)

    def located(self) -> None:
        wait_until(lambda: self.turn() is None or self.source.ready())

    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()
