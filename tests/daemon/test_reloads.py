"""A hundred reloads under load: no line is lost, no incident forgotten, and nothing leaks."""

from __future__ import annotations

import signal
import sqlite3
import threading
from pathlib import Path
from string import ascii_lowercase

import pytest

from logwatchd import status_file
from tests.daemon.process import Daemon
from tests.fakes.openai import FakeOpenAI
from tests.helpers import UNREACHABLE
from tests.scoring.making import NORMAL

pytestmark = pytest.mark.slow
RELOADS = 100
WARM = 20  # before these, caches fill and threads come up


def _handles(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _status_field(pid: int, name: str) -> int:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1])


def test_room_for_vectors_and_for_lines_changes_with_a_reload(service: FakeOpenAI, tmp_path: Path) -> None:
    """A megabyte has room for 8,192 vectors of 64 dimensions; a few lines that wait fill no megabyte."""
    openai = f'[embedder]\nprovider = "openai"\nbase_url = "{service.url}/v1"\nmax_wait_ms = 0\n'
    lines = [
        f"INFO {a * 5} {b * 5} {c * 3} ran" for a in ascii_lowercase for b in ascii_lowercase for c in "uvwxyzrstqpon"
    ]
    with Daemon(tmp_path, openai, {"OPENAI_API_KEY": "sk-test"}) as daemon:
        daemon.state.mkdir()
        daemon.learn()
        daemon.log.touch()
        daemon.start()
        daemon.write_config(openai + "cache_mb = 1\noutage_mb = 1\n")
        assert daemon.command("reload", "--config", daemon.config).returncode == 0
        daemon.append(*lines)
        daemon.wait(lambda: _counter(daemon, "lines") >= len(lines), "all lines", 120)
        assert len(service.answered) > len(lines)
        assert daemon.stop() == 0
    with sqlite3.connect(f"file:{daemon.state}/embeddings.sqlite?mode=ro", uri=True) as database:
        (size,) = database.execute("SELECT SUM(LENGTH(vector)) FROM vectors").fetchone()
    assert 800_000 < size <= 1 << 20


def test_reloads_leave_no_connections_to_services_open(service: FakeOpenAI, tmp_path: Path) -> None:
    """Each reload makes clients anew, and each client keeps its connection."""
    openai = f'[embedder]\nprovider = "openai"\nbase_url = "{service.url}/v1"\nmax_wait_ms = 0\n'
    with Daemon(tmp_path, openai, {"OPENAI_API_KEY": "sk-test"}) as daemon:
        daemon.state.mkdir()
        daemon.learn()
        daemon.log.touch()
        daemon.start()
        assert daemon.process is not None
        pid = daemon.process.pid
        handles = []
        for word in ("alder", "birch", "cedar", "elder", "hazel", "larch", "maple", "rowan"):
            before = len(service.answered)
            daemon.append(f"INFO a {word} was felled by {word}cutters")
            daemon.wait(lambda before=before: len(service.answered) > before, "the text's vector")  # type: ignore[misc]
            assert daemon.command("reload", "--config", daemon.config).returncode == 0
            handles.append(_handles(pid))
        daemon.wait(lambda: _handles(pid) <= handles[0], f"no more than {handles} at first")
        assert daemon.stop() == 0


def test_a_reload_to_what_is_out_of_reach_is_refused_with_key_value_and_mend(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon:
        daemon.learn()
        daemon.start()
        good = daemon.config.read_text()
        for text, told in (
            (good.replace(str(daemon.baseline), f"/{UNREACHABLE}"), f"baseline.path = /{UNREACHABLE}: the baseline"),
            (
                f'{good}[embedder]\nprovider = "static"\nfolder = "/{UNREACHABLE}"\n',
                f"embedder.folder = '/{UNREACHABLE}': model.safetensors",
            ),
        ):
            daemon.config.write_text(text)
            done = daemon.command("reload", "--config", daemon.config)
            assert done.returncode == 78
            assert f"\n{told} cannot be read: File name too long; mend its path" in done.stderr
        assert daemon.stop() == 0


def test_a_hundred_reloads_under_load_lose_nothing_and_leak_nothing(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon:
        daemon.learn()
        daemon.log.touch()
        second = daemon.logs / "second.log"
        second.touch()
        daemon.start()
        assert daemon.process is not None
        pid = daemon.process.pid
        stop, written = threading.Event(), [0]

        def write() -> None:
            while not stop.is_set():
                for file in (daemon.log, second):
                    daemon.append(*NORMAL * 20, file=file)
                    written[0] += len(NORMAL) * 20
                stop.wait(0.002)

        daemon.append("ERROR the incident that stays open")
        daemon.wait(lambda: daemon.alerted(), "the incident")
        both, moved = [f"{daemon.logs}/*.log"], [str(daemon.log), f"{daemon.logs}/s*.log"]
        writer = threading.Thread(target=write)
        writer.start()
        try:
            before = (0, 0, 0)
            for number in range(1, RELOADS + 1):
                # Sources change from one to the next, and now and then the file is broken.
                daemon.write_config("nonsense = 1\n" if number % 10 == 0 else "", moved if number % 2 else both)
                daemon.send(signal.SIGHUP)
                daemon.wait(lambda n=number: _reloads(daemon).count == n, f"reload {number}")  # type: ignore[misc]
                if number % 10 == 0:
                    assert _counter(daemon, "config_last_reload_successful") == 0
                if number == WARM:
                    before = (_handles(pid), _status_field(pid, "Threads"), _status_field(pid, "VmRSS"))
            assert _counter(daemon, "config_last_reload_successful") == 0
        finally:
            stop.set()
            writer.join()
        # The last reload is told before the thread that asks systemd for patience meanwhile has ended.
        daemon.wait(lambda: _status_field(pid, "Threads") <= before[1], "as many threads as before")
        after = (_handles(pid), _status_field(pid, "Threads"), _status_field(pid, "VmRSS"))
        daemon.wait(lambda: _counter(daemon, "lines") >= written[0] + 1, "the last line")
        assert daemon.stop() == 0
        (stopped,) = daemon.events("STOPPED")
        assert stopped["lines"] == written[0] + 1
        assert daemon.alerted() == ["ERROR the incident that stays open"]
        assert [entry["alert_id"] for entry in daemon.events("INCIDENT_CONTINUES")] == [
            daemon.events("ANOMALY")[0]["alert_id"]
        ]
        assert not daemon.events("LINES_LOST")
        assert after[0] <= before[0] + 2, "handles"
        assert after[1] <= before[1], "threads"
        assert after[2] < before[2] + 8 * 1024, f"memory in KiB: {before[2]} after {WARM} reloads, {after[2]} after all"


def _reloads(daemon: Daemon) -> status_file.Reloads:
    status = status_file.read(daemon.state)
    return status.reloads if status else status_file.Reloads()


def _counter(daemon: Daemon, name: str) -> float:
    status = status_file.read(daemon.state)
    return status.counters[name] if status else -1
