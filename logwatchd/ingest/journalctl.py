"""journalctl as a child process: its arguments, its output without waiting, its last words and its end.

It is part of every systemd, needs no C library in our own process, and reads what its user's groups may read.
"""

from __future__ import annotations

import os
import subprocess

from logwatchd.ingest.journal_entry import FIELDS
from logwatchd.records import SourceSpec

READ_BYTES = 64 << 10
_MAX_WORDS_BYTES = 4096
PROGRAM = "journalctl"
# --all: without it, fields of over 4 kB are left out.
_OUTPUT = ("--no-pager", "--all", "--output=json", f"--output-fields={','.join(FIELDS)}")


def filters(spec: SourceSpec) -> tuple[str, ...]:
    """The arguments that leave the part of the journal that a source asks for."""
    return (
        *(f"--unit={unit}" for unit in spec.units),
        *(f"--identifier={identifier}" for identifier in spec.identifiers),
        *((f"--priority={spec.priority}",) if spec.priority else ()),
    )


def following(spec: SourceSpec, cursor: str | None) -> tuple[str, ...]:
    """Arguments to read a source from behind a cursor on, or from its beginning, and then whatever comes."""
    after = (f"--after-cursor={cursor}",) if cursor else ()
    return (*_OUTPUT, "--follow", "--no-tail", *after, *filters(spec))


def last_entry() -> tuple[str, ...]:
    """Arguments to find out where the journal ends now."""
    return (*_OUTPUT, "--quiet", "--lines=1")


def latest(spec: SourceSpec, count: int) -> tuple[str, ...]:
    """Arguments to read the last `count` entries of a source, oldest first."""
    return (*_OUTPUT, "--quiet", f"--lines={count}", *filters(spec))


def environment() -> dict[str, str]:
    """What journalctl runs in: its words are the same everywhere."""
    return {**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0"}


class Journalctl:
    """One running journalctl. Owner: one thread. `output` and `complaints` are handles that never block."""

    def __init__(self, arguments: tuple[str, ...]) -> None:
        """Start it.

        Raises:
            OSError: it cannot be started, or is not installed.
        """
        self._process = subprocess.Popen(
            [PROGRAM, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=environment(),
            start_new_session=True,  # a Ctrl-C on our terminal is for us to deal with
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.output = self._process.stdout.fileno()
        self.complaints = self._process.stderr.fileno()
        os.set_blocking(self.output, False)
        os.set_blocking(self.complaints, False)
        self._words = b""

    def read(self) -> bytes | None:
        """Some of its output; b"" when it has ended; None when there is none now."""
        try:
            return os.read(self.output, READ_BYTES)
        except BlockingIOError:
            return None

    def words(self) -> list[str]:
        """Whole lines that it complained since the last call."""
        try:
            while len(self._words) < _MAX_WORDS_BYTES and (data := os.read(self.complaints, READ_BYTES)):
                self._words += data
        except BlockingIOError:
            pass
        lines, newline, self._words = self._words.rpartition(b"\n")
        if not newline and len(self._words) >= _MAX_WORDS_BYTES:
            lines, self._words = self._words, b""
        return [line for line in lines.decode("utf-8", "backslashreplace").splitlines() if line.strip()]

    def end(self, patience_s: float) -> int:
        """Release its handles, and kill it if it still runs after this time: it has nothing to save.

        Returns:
            Its exit status.
        """
        try:
            status = self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        return status
