"""Programs that write logs, started in a test's own folder: rsyslog and nginx. Each writes FOLDER/app.log."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.helpers import wait_until

_RSYSLOG = """
global(workDirectory="{home}" maxMessageSize="64k")
main_queue(queue.workerThreads="1")
module(load="imtcp")
template(name="bare" type="string" string="%rawmsg-after-pri%\\n")
ruleset(name="app") {{ action(type="omfile" file="{log}" template="bare" fileCreateMode="0640") }}
input(type="imtcp" port="0" address="127.0.0.1" listenPortFileName="{home}/port" ruleset="app")
"""
_NGINX = """
user root;
worker_processes 1;
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections 64; }}
http {{
  log_format bare escape=none '$http_x_line';
  access_log {log} bare;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  keepalive_requests 1000000;
  large_client_header_buffers 4 64k;
  server {{ listen 127.0.0.1:{port}; location / {{ return 204; }} }}
}}
"""


class Writer(ABC):
    """A program that writes lines to `log`. Owns its process; `sent` holds the lines, in order.

    reopen: the signal after which it opens its log anew.
    """

    program: str
    reopen: str

    def __init__(self, folder: Path) -> None:
        self.home = folder / "writer"
        self.home.mkdir()
        self.log = folder / "logs" / "app.log"
        self.log.parent.mkdir(exist_ok=True)
        self.sent: list[bytes] = []
        self.process: subprocess.Popen[bytes] | None = None

    @classmethod
    def is_missing(cls) -> bool:
        return shutil.which(cls.program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None

    @property
    def pids(self) -> list[int]:
        """The process and its children, all of which may hold the log open."""
        assert self.process is not None
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def write(self, count: int = 1, pad: int = 0) -> None:
        """Have it write so many numbered lines of many lengths; they may not have reached the file on return."""
        for _ in range(count):
            number = len(self.sent)
            line = f"{number:06d} {'ünïcode ' * (number % 5)}{'x' * (pad or number * 37 % 300)} end".encode()
            self.sent.append(line)
            self._send(line)

    def settle(self) -> None:
        """Wait until the file has all that was sent."""
        last = self.sent[-1] + b"\n"
        wait_until(lambda: self.log.exists() and self.log.read_bytes().endswith(last), what="the last line in the file")

    @contextmanager
    def busy(self) -> Iterator[None]:
        """It writes all the while: some lines before what happens within, and some after."""
        done = threading.Event()
        thread = threading.Thread(target=self._keep_writing, args=(done,), daemon=True)
        before = len(self.sent)
        thread.start()
        try:
            wait_until(lambda: len(self.sent) >= before + 20, what="20 lines")
            yield
            after = len(self.sent)
            wait_until(lambda: len(self.sent) >= after + 20, what="20 more lines")
        finally:
            done.set()
            thread.join(60)
        self.settle()

    @abstractmethod
    def start(self) -> None:
        """Have it run and its file open."""

    def _keep_writing(self, done: threading.Event) -> None:
        while not done.wait(0.0005):
            self.write()

    @abstractmethod
    def _send(self, line: bytes) -> None:
        """Have it write a line."""

    def _spawn(self, *argv: str) -> None:
        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        with (self.home / "words").open("wb") as words:
            self.process = subprocess.Popen(
                [shutil.which(self.program, path=path) or self.program, *argv],
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                cwd=self.home,
            )

    def _wait_started(self, ready: Path) -> None:
        def is_ready() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, (self.home / "words").read_text(errors="replace")
            return ready.exists() and ready.stat().st_size > 0

        wait_until(is_ready, what=f"{self.program} in service")

    def _end(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()


class Rsyslog(Writer):
    """Lines go in by TCP, which never drops one; it writes several at a time, cut where its buffer ends."""

    program = "rsyslogd"
    reopen = "HUP"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._socket = socket.socket()

    def start(self) -> None:
        config = self.home / "rsyslog.conf"
        config.write_text(_RSYSLOG.format(home=self.home, log=self.log))
        self._spawn("-n", "-iNONE", "-f", str(config))
        port = self.home / "port"
        self._wait_started(port)
        address = ("127.0.0.1", int(port.read_text()))
        # It tells the port before it listens.
        wait_until(lambda: self._socket.connect_ex(address) == 0, what="rsyslog listening")

    def _send(self, line: bytes) -> None:
        self._socket.sendall(b"<13>" + line + b"\n")

    def _end(self) -> None:
        self._socket.close()
        super()._end()


class Nginx(Writer):
    """A line is a request's header; it writes one at a time, after the answer."""

    program = "nginx"
    reopen = "USR1"
    _connection: http.client.HTTPConnection | None = None

    def start(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        config = self.home / "nginx.conf"
        config.write_text(_NGINX.format(home=self.home, log=self.log, port=port))
        self._spawn("-p", str(self.home), "-c", str(config), "-g", "daemon off;")
        self._wait_started(self.home / "pid")
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def _send(self, line: bytes) -> None:
        assert self._connection is not None
        self._connection.request("GET", "/", headers={"X-Line": line})
        self._connection.getresponse().read()

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
        super()._end()
