"""Programs that follow a file and write what they read into another: logwatchd, rsyslog's imfile, GNU tail."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from _bench import BenchError

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
# One worker, for with two of them lines change places. The rest is as rsyslog has it by default.
_RSYSLOG = """
global(workDirectory="{folder}" maxMessageSize="1m")
main_queue(queue.workerThreads="1")
module(load="imfile")
template(name="bare" type="string" string="%msg%\\n")
ruleset(name="bench") {{ action(type="omfile" file="{output}" template="bare") }}
input(type="imfile" file="{source}" tag="bench" ruleset="bench" freshStartTail="off")
"""


class Tailer(ABC):
    """One run of a program in an empty folder. Owns its process."""

    name: str
    program: str
    package: str

    def __init__(self, folder: Path, source: Path) -> None:
        self.folder = folder
        self.source = source
        self.output = folder / "output"
        self._process: subprocess.Popen[bytes] | None = None
        self._files = ExitStack()

    @classmethod
    def found(cls) -> str | None:
        return shutil.which(cls.program, path=_PATH)

    @classmethod
    def version(cls) -> str:
        """Its own word, for the report."""
        done = subprocess.run([str(cls.found()), "--version"], capture_output=True, text=True, check=False)
        return (done.stdout or done.stderr).splitlines()[0].split("compiled")[0].strip()

    @abstractmethod
    def command(self) -> list[str]:
        """The command, once what it reads is written."""

    def size(self) -> int:
        """How many bytes it has delivered."""
        try:
            return self.output.stat().st_size
        except FileNotFoundError:
            return 0

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def words(self) -> str:
        """What it wrote to stderr."""
        return (self.folder / "stderr").read_text(errors="replace").strip()

    def __enter__(self) -> Self:
        command = self.command()
        errors = self._files.enter_context((self.folder / "stderr").open("wb"))
        stdout = self._files.enter_context(self._stdout())
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=errors, env=self._environment()
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.returncode is None:
            self.stop()
        self._files.close()

    def stop(self) -> resource.struct_rusage:
        """End it; returns what it used of the machine.

        Raises:
            BenchError: it has ended of itself.
        """
        process = self._process
        if process is None or process.returncode is not None:
            raise BenchError(f"{self.name} ended: {self.words() or 'it said nothing'}")
        process.send_signal(signal.SIGTERM)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
        return usage

    @property
    def pid(self) -> int:
        """Raises BenchError if it is not running."""
        if self._process is None:
            raise BenchError(f"{self.name} is not running")
        return self._process.pid

    def _stdout(self) -> BinaryIO:
        return Path(os.devnull).open("wb")

    def _environment(self) -> dict[str, str]:
        return dict(os.environ)


class Logwatchd(Tailer):
    name = "logwatchd tail"
    program = str(Path(sys.executable).with_name("logwatchd"))
    package = "this project"

    def command(self) -> list[str]:
        config = self.folder / "logwatchd.toml"
        config.write_text(
            f"state_dir = {json.dumps(str(self.folder / 'state'))}\n[[source]]\n"
            f'paths = [{json.dumps(str(self.source))}]\nstart_at = "beginning"\n'
        )
        return [self.program, "tail", "--config", str(config), "--output", str(self.output)]

    def _environment(self) -> dict[str, str]:
        """With its bytecode at hand, as where it is installed, whatever this shell wants; the first run writes it."""
        given = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {**given, "PYTHONPYCACHEPREFIX": str(self.folder.parent / "bytecode")}


class Imfile(Tailer):
    name = "rsyslog imfile"
    program = "rsyslogd"
    package = "rsyslog"

    @classmethod
    def version(cls) -> str:
        done = subprocess.run([str(cls.found()), "-v"], capture_output=True, text=True, check=False)
        return " ".join(done.stdout.split()[:2])

    def command(self) -> list[str]:
        config = self.folder / "rsyslog.conf"
        config.write_text(_RSYSLOG.format(folder=self.folder, output=self.output, source=self.source))
        return [str(self.found()), "-n", "-iNONE", "-f", str(config)]


class GnuTail(Tailer):
    name = "GNU tail -F"
    program = "tail"
    package = "coreutils"

    def command(self) -> list[str]:
        return [str(self.found()), "-q", "-n", "+1", "-F", str(self.source)]

    def _stdout(self) -> BinaryIO:
        return self.output.open("wb")


TAILERS: tuple[type[Tailer], ...] = (Logwatchd, Imfile, GnuTail)
