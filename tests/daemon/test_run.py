"""`logwatchd run` as a real process: signals, reloads, crashes, wrong configurations, and all three services."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from logwatchd.errors import Exit
from tests.daemon.process import Daemon
from tests.helpers import UNREACHABLE
from tests.scoring.making import FAULT, NORMAL, block_of, rewrite_manifest

pytestmark = pytest.mark.slow


def fault(number: int) -> str:
    """A fault that no other number has. Each goes into a file, and so a service, of its own: one service's burst is
    one incident."""
    return f"CRITICAL disk of {chr(97 + number // 26) * 4}{chr(97 + number % 26) * 4} vanished"


def fill(file: Path) -> None:
    """Write until the filesystem is full."""
    with file.open("wb", buffering=0) as out:
        try:
            while out.write(b"x" * 4096):
                pass
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def test_sources_that_the_baseline_was_not_learned_from_are_named_at_the_start_and_after_a_reload(
    daemon: Daemon,
) -> None:
    daemon.write_config(paths=[str(daemon.folder / "good.txt"), str(daemon.log)])
    daemon.start()
    daemon.wait(lambda: daemon.events("SOURCE_UNLEARNED"), "the warning")
    assert [entry["source"] for entry in daemon.events("SOURCE_UNLEARNED")] == [str(daemon.log)]
    daemon.write_config(paths=[str(daemon.folder / "good.txt"), "/nowhere/x.log"])
    daemon.send(signal.SIGHUP)
    daemon.wait(lambda: len(daemon.events("SOURCE_UNLEARNED")) == 2, "the other warning")
    assert daemon.events("SOURCE_UNLEARNED")[1]["source"] == "/nowhere/x.log"
    assert daemon.stop() == 0


def test_a_new_line_is_alerted_once_and_normal_ones_never(daemon: Daemon) -> None:
    daemon.log.write_bytes(block_of(["CRITICAL what stood there before the start is not ours"]))
    daemon.start()
    daemon.append(*NORMAL, FAULT, *NORMAL, FAULT)
    daemon.wait(lambda: daemon.alerted(), "the alert")
    assert daemon.stop() == 0
    assert daemon.alerted() == [FAULT]
    entry = daemon.events("ANOMALY")[0]
    assert entry["score"] > entry["threshold"]
    assert entry["service"] == "app"
    assert entry["nearest"]
    assert "locked" in entry["differs"]
    stopped = daemon.events("STOPPED")[0]
    assert stopped["drained"] is True
    assert stopped["lines"] == 2 * len(NORMAL) + 2
    assert [text for text in daemon.notified if text in {"READY=1", "STOPPING=1"}] == ["READY=1", "STOPPING=1"]
    assert any(text.startswith("STATUS=ready: 1 file,") for text in daemon.notified)


def test_what_was_written_while_it_was_down_is_judged_exactly_once(daemon: Daemon) -> None:
    daemon.log.touch()
    daemon.start()
    daemon.append(NORMAL[0])
    daemon.stop()
    daemon.append(FAULT, *NORMAL)
    daemon.start()
    daemon.wait(lambda: daemon.alerted(), "the alert")
    daemon.stop()
    daemon.start()
    daemon.append(fault(1))
    daemon.wait(lambda: fault(1) in daemon.alerted(), "the second alert")
    daemon.stop()
    assert daemon.alerted() == [FAULT, fault(1)]


def test_sighup_takes_a_new_baseline_and_new_sources(daemon: Daemon, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere.txt"
    daemon.log.touch()
    daemon.start()
    daemon.learn([*NORMAL * 300, FAULT])
    daemon.write_config(paths=[f"{daemon.logs}/*.log", str(other)])
    done = daemon.command("reload", "--config", daemon.config)
    assert done.returncode == 0, done.stderr
    assert "RELOADING=1" in daemon.notified
    daemon.append(FAULT)
    other.write_bytes(block_of([fault(2)]))
    daemon.wait(lambda: daemon.alerted(), "the alert from the new source")
    assert daemon.stop() == 0
    assert daemon.alerted() == [fault(2)]


@pytest.mark.parametrize(
    ("breakage", "words"),
    [
        ("config", "unknown key"),
        ("baseline", "not a baseline"),
        ("state_dir", "cannot change in a reload"),
    ],
)
def test_a_refused_reload_keeps_the_old_state_and_says_why(daemon: Daemon, breakage: str, words: str) -> None:
    daemon.log.touch()
    daemon.start()
    good = daemon.config.read_text()
    if breakage == "config":
        daemon.write_config("[slak]\nenabled = false\n")
    elif breakage == "baseline":
        daemon.baseline.write_bytes(b"rubbish")
    else:
        daemon.config.write_text(good.replace("/state", "/other-state"))
    daemon.send(signal.SIGHUP)
    daemon.wait(lambda: daemon.events("RELOAD_REFUSED"), "the refusal")
    assert words in daemon.events("RELOAD_REFUSED")[0]["reason"]
    daemon.append(FAULT)
    daemon.wait(lambda: daemon.alerted() == [FAULT], "the old state at work")
    assert daemon.stop() == 0


def test_reloads_under_load_lose_nothing_and_leak_nothing(daemon: Daemon) -> None:
    daemon.log.touch()
    daemon.start()
    assert daemon.process is not None
    handles = Path(f"/proc/{daemon.process.pid}/fd")
    before = len(list(handles.iterdir()))
    expected = []
    for turn in range(20):
        daemon.append(*NORMAL * 50, fault(turn), file=daemon.logs / f"service{turn}.log")
        expected.append(fault(turn))
        daemon.send(signal.SIGHUP)
        daemon.wait(lambda turn=turn: len(daemon.events("RELOADED")) > turn, f"reload {turn}")  # type: ignore[misc]
    daemon.wait(lambda: len(daemon.alerted()) >= len(expected), "all alerts")
    after = len(list(handles.iterdir()))
    assert daemon.stop() == 0
    assert sorted(daemon.alerted()) == sorted(expected)
    assert daemon.events("STOPPED")[0]["lines"] == 20 * (50 * len(NORMAL) + 1)
    assert after <= before + 20 + 2  # one for each file that came, and nothing for a reload


def test_kill_9_loses_nothing_and_alerts_once(daemon: Daemon) -> None:
    daemon.log.touch()
    daemon.start()
    expected = []
    for turn in range(5):
        for number in range(6):
            line = fault(turn * 6 + number)
            daemon.append(*NORMAL * 20, line, file=daemon.logs / f"{turn}-{number}.log")
            expected.append(line)
        daemon.wait(lambda turn=turn: len(daemon.alerted()) > turn * 4, "some alerts")  # type: ignore[misc]
        assert daemon.stop(signal.SIGKILL) == -signal.SIGKILL
        daemon.start()
    daemon.wait(lambda: len(daemon.stored()) >= len(expected), "all alerts in the outbox")
    assert daemon.stop() == 0
    assert sorted(daemon.stored()) == sorted(expected)


def test_a_line_over_which_telling_stumbles_ends_nothing(tmp_path: Path) -> None:
    """The fault is injected: none is known."""
    (tmp_path / "faults").mkdir()
    (tmp_path / "faults" / "sitecustomize.py").write_text(
        "from logwatchd.parsing.redaction import Redactor as R\n"
        "real = R.__call__\n"
        "R.__call__ = lambda self, text: real(self, text) if 'zorp' not in text else 1 / 0\n"
    )
    path = os.pathsep.join([str(tmp_path / "faults"), *filter(None, [os.environ.get("PYTHONPATH")])])
    with Daemon(tmp_path, env={"PYTHONPATH": path}) as daemon:
        daemon.learn()
        daemon.log.touch()
        daemon.start()
        daemon.append("ERROR zorp is a word of no language", *NORMAL)
        daemon.wait(lambda: daemon.events("LINE_UNTOLD"), "the line being named")
        daemon.append(FAULT, file=daemon.logs / "other.log")
        daemon.wait(lambda: daemon.alerted() == [FAULT], "another file's alert")
        (said,) = daemon.events("LINE_UNTOLD")
        assert (said["path"], said["offset"], said["bytes"]) == (str(daemon.log), 0, 35)
        assert said["reason"].startswith("ZeroDivisionError at sitecustomize.py:")
        daemon.wait(lambda: "1 line passed over for a fault in logwatchd" in daemon.status(), "the status")
        assert daemon.stop() == 0
        daemon.start()
        daemon.append("FATAL something else has come over us", file=daemon.logs / "other.log")
        daemon.wait(lambda: len(daemon.alerted()) == 2, "the next alert")
        assert len(daemon.events("LINE_UNTOLD")) == 1, "it was committed"
        assert daemon.events("STAGE_DIED") == []


def test_a_second_daemon_on_the_same_state_is_refused(daemon: Daemon) -> None:
    daemon.log.touch()
    daemon.start()
    second = daemon.command("run", "--config", daemon.config)
    assert second.returncode == 78
    assert "in use by another logwatchd" in second.stderr
    assert daemon.stop(signal.SIGINT) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("no baseline", "no baseline there"),
        ("no source", "source: missing"),
        ("unknown key", "did you mean 'threshold'"),
        ("no key", "OPENAI_API_KEY"),
        ("other embedder", "made with embedder 'local-1'"),
        ("state is a file", "state_dir"),
        ("baseline out of reach", "the baseline cannot be read: File name too long; mend"),
        ("model out of reach", "model.onnx cannot be read: File name too long; mend"),
    ],
)
def test_what_cannot_start_says_why_in_one_line_and_exits_78(daemon: Daemon, change: str, words: str) -> None:
    if change == "no baseline":
        daemon.baseline.unlink()
        daemon.write_config('warmup = "off"\n')
    elif change == "no source":
        daemon.config.write_text(f'state_dir = "{daemon.state}"\n')
    elif change == "unknown key":
        daemon.config.write_text(daemon.config.read_text() + "treshold = 0.3\n")
    elif change == "no key":
        daemon.write_config('[embedder]\nprovider = "openai"\n')
    elif change == "baseline out of reach":
        daemon.config.write_text(daemon.config.read_text().replace(str(daemon.baseline), f"/{UNREACHABLE}/b"))
        words = f"logwatchd: baseline.path = /{UNREACHABLE}/b: {words}"
    elif change == "model out of reach":
        daemon.write_config(f'[embedder]\nprovider = "onnx"\nfolder = "/{UNREACHABLE}"\n')
        words = f"logwatchd: embedder.folder = '/{UNREACHABLE}': {words}"
    elif change == "other embedder":
        daemon.write_config('[embedder]\nprovider = "openai"\n')
        daemon._env["OPENAI_API_KEY"] = "sk-test"
    else:
        daemon.state.write_text("")
    done = daemon.command("run", "--config", daemon.config)
    assert done.returncode == 78
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert "sk-test" not in done.stderr + done.stdout


def test_a_full_state_disk_holds_lines_back_and_loses_none(mount: Callable[[Path, str], None], daemon: Daemon) -> None:
    daemon.state.mkdir()
    mount(daemon.state, "2m")
    daemon.log.touch()
    daemon.start()
    filler = daemon.state / "filler"
    fill(filler)
    daemon.append(*NORMAL, FAULT)
    daemon.wait(lambda: daemon.events("STORING_FAILED"), "the trouble being said")
    daemon.wait(lambda: "anomalies cannot be stored, reading waits: " in daemon.status(), "the status")
    filler.unlink()
    daemon.wait(lambda: daemon.alerted() == [FAULT], "the alert after room was made")
    daemon.wait(lambda: "cannot be stored" not in daemon.status(), "the status")
    assert daemon.stop() == 0
    assert daemon.stored() == [FAULT]


def test_a_baseline_of_another_version_is_watched_by_and_told_at_the_start_and_after_a_reload(daemon: Daemon) -> None:
    rewrite_manifest(daemon.baseline, normaliser="0-old")
    daemon.log.touch()
    daemon.start()
    daemon.wait(lambda: daemon.events("BASELINE_OF_ANOTHER_VERSION"), "the warning")
    assert daemon.events("BASELINE_OF_ANOTHER_VERSION")[0]["normaliser"] == "0-old"
    daemon.append(*NORMAL, FAULT)
    daemon.wait(lambda: daemon.alerted() == [FAULT], "the alert")
    assert daemon.command("reload", "--config", daemon.config).returncode == 0
    daemon.wait(lambda: len(daemon.events("BASELINE_OF_ANOTHER_VERSION")) == 2, "the other warning")
    checked = daemon.command("check-config", "--config", daemon.config)
    assert "made by another version of logwatchd, with normaliser 0-old: " in checked.stdout + checked.stderr
    assert checked.returncode == 0
    daemon.learn()
    assert daemon.command("reload", "--config", daemon.config).returncode == 0
    assert daemon.stop() == 0
    assert len(daemon.events("BASELINE_OF_ANOTHER_VERSION")) == 2


def test_the_status_tells_of_files_that_cannot_be_read(daemon: Daemon) -> None:
    daemon.log.touch()
    loop = daemon.logs / "loop.log"
    loop.symlink_to(loop)
    daemon.start()
    daemon.wait(lambda: "; 1 file or folder cannot be read" in daemon.status(), "the status")
    loop.unlink()
    loop.touch()
    daemon.wait(lambda: "cannot be read" not in daemon.status(), "the status")
    assert daemon.stop() == 0


def test_a_disk_that_is_full_at_the_start_is_no_mistake_of_the_configuration(
    mount: Callable[[Path, str], None], daemon: Daemon
) -> None:
    """systemd would leave it off for good."""
    daemon.state.mkdir()
    mount(daemon.state, "1m")
    filler = daemon.state / "filler"
    for _ in ("nothing is there yet", "a run has left its files"):
        fill(filler)
        refused = daemon.command("run", "--config", daemon.config)
        assert refused.returncode == Exit.FAILED, refused.stderr
        assert refused.stderr.endswith("; make room on its disk, or mend that\n")
        filler.unlink()
        daemon.start()
        assert daemon.stop() == 0


def test_a_quiet_daemon_is_small(daemon: Daemon) -> None:
    """No heavy library is loaded that the configuration does not ask for: scikit-learn alone would be 75 MiB more."""
    daemon.log.touch()
    daemon.start()
    assert daemon.process is not None
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    resident_kib = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    maps = Path(f"/proc/{daemon.process.pid}/maps").read_text()
    assert "sklearn" not in maps
    assert resident_kib * 1024 < 100 * (1 << 20) or resource.getpagesize() > 4096
    assert daemon.stop() == 0


def test_the_watchdog_is_fed_while_all_goes_well(daemon: Daemon) -> None:
    daemon._env["WATCHDOG_USEC"] = "400000"
    daemon.log.touch()
    daemon.start()
    began = time.monotonic()
    daemon.wait(lambda: daemon.notified.count("WATCHDOG=1") >= 3, "three signs of life")
    assert daemon.stop() == 0
    assert time.monotonic() - began < 50


def test_a_daemon_without_threads_ends_with_one_line_and_goes_on_at_the_next_start(daemon: Daemon) -> None:
    """Python asks for stacks as big as the limit, and no address space has room for one of 128 TiB."""
    daemon.log.touch()
    daemon.start()
    assert daemon.stop() == 0
    daemon.append(FAULT)
    limit = f'ulimit -s {1 << 37}; exec "$@"'
    done = subprocess.run(
        ["sh", "-c", limit, "sh", *daemon.argv("run", "--config", daemon.config)],
        capture_output=True,
        text=True,
        env=daemon.environment(),
        timeout=60,
    )
    assert done.returncode == Exit.FAILED
    (said,) = done.stderr.splitlines()
    assert said.startswith("logwatchd: no thread for the ")
    assert "TasksMax=" in said
    daemon.start()
    daemon.wait(lambda: daemon.alerted() == [FAULT], "the alert")
    assert daemon.stop() == 0
