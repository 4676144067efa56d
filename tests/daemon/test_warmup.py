"""A daemon without a baseline: starts, learns, says so, and then watches."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.process import Daemon
from tests.scoring.making import FAULT, NORMAL

pytestmark = pytest.mark.slow
ALARM = "CRITICAL reactor two is on fire"
HOUR, SECOND = 'warmup = "1h"\n', 'warmup = "1s"\n'


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path, HOUR) as made:
        yield made


def _end(daemon: Daemon, extra: str = SECOND) -> None:
    """Let the warm-up's time be over, now that the daemon has learned what it is to learn."""
    daemon.write_config(extra)
    daemon.send(signal.SIGHUP)


def test_it_learns_tells_only_alarms_and_then_watches(daemon: Daemon) -> None:
    daemon.log.touch()
    daemon.start()
    daemon.wait(lambda: daemon.events("LEARNING"), "the word that it learns")  # it follows READY=1
    assert daemon.status().startswith("STATUS=learning: 1 file")
    daemon.append(*NORMAL * 300, FAULT, ALARM)
    daemon.wait(lambda: daemon.alerted(), "the alarm")  # the last line: all were learned
    _end(daemon)
    daemon.wait(lambda: daemon.events("LEARNED"), "the end of the warm-up")
    assert daemon.alerted() == [ALARM]
    assert daemon.baseline.is_file()
    (learned,) = daemon.events("LEARNED")
    assert learned["lines"] == len(NORMAL) * 300 + 2
    daemon.wait(lambda: daemon.status().startswith("STATUS=ready: 1 file"), "the status")
    daemon.append(FAULT, *NORMAL)
    daemon.append("ERROR the vault door is open", file=daemon.logs / "bank.log")  # of another service
    daemon.wait(lambda: len(daemon.alerted()) == 2, "the new line")
    assert daemon.alerted() == [ALARM, "ERROR the vault door is open"], "what was learned is normal"
    assert daemon.stop() == 0
    assert not (daemon.state / "warmup.json").exists()


def test_with_nothing_to_learn_from_it_goes_on_learning(daemon: Daemon) -> None:
    daemon.write_config(SECOND)
    daemon.log.touch()
    daemon.start()
    daemon.wait(lambda: "no line to learn from" in daemon.status(), "the status")
    daemon.append(*NORMAL)
    daemon.wait(lambda: daemon.events("LEARNED"), "the end of the warm-up")
    assert daemon.stop() == 0


def test_what_was_learned_before_a_stop_counts(daemon: Daemon) -> None:
    daemon.log.touch()
    daemon.start()
    daemon.append(*NORMAL * 20, ALARM)
    daemon.wait(lambda: daemon.alerted(), "the alarm")  # the last line: all were learned
    assert daemon.stop() == 0
    assert not daemon.baseline.exists()
    daemon.write_config(SECOND)
    daemon.start()
    daemon.append("INFO one line more")
    daemon.wait(lambda: daemon.events("LEARNED"), "the end of the warm-up")
    assert daemon.events("LEARNED")[0]["lines"] >= len(NORMAL) * 20
    assert daemon.stop() == 0


def test_a_reload_that_finds_a_baseline_ends_the_learning(daemon: Daemon) -> None:
    daemon.log.touch()
    daemon.start()
    daemon.send(signal.SIGHUP)
    daemon.wait(lambda: len(daemon.events("RELOADED")) == 1, "a reload while it learns")
    daemon.learn()
    daemon.send(signal.SIGHUP)
    daemon.wait(lambda: len(daemon.events("RELOADED")) == 2, "the reload")
    daemon.append(FAULT)
    daemon.wait(lambda: daemon.alerted() == [FAULT], "the new line")
    assert daemon.stop() == 0


def test_a_baseline_that_does_not_go_with_the_configuration_is_told_and_waits_for_a_reload(daemon: Daemon) -> None:
    """After a day of learning the daemon must not be gone for a target that lines without timestamps cannot give."""
    few = "alerts_per_day = 5\n"
    daemon.write_config(HOUR + few)
    daemon.log.touch()
    daemon.start()
    daemon.append(*NORMAL * 30, "INFO the night's jobs are done", ALARM)  # new, in the last part
    daemon.wait(lambda: daemon.alerted() == [ALARM], "the alarm")
    _end(daemon, SECOND + few)
    daemon.wait(lambda: daemon.events("WARMUP_FAILS"), "the refusal")
    assert "no timestamps" in daemon.events("WARMUP_FAILS")[0]["reason"]
    daemon.append(FAULT, ALARM, file=daemon.logs / "plant.log")  # of another service
    daemon.wait(lambda: daemon.alerted() == [ALARM, ALARM], "the second alarm")
    daemon.wait(lambda: "cannot be used" in daemon.status(), "the status")
    daemon.write_config(SECOND)
    assert daemon.command("reload", "--config", daemon.config).returncode == 0
    daemon.append("ERROR the vault door is open", file=daemon.logs / "bank.log")
    daemon.wait(lambda: len(daemon.alerted()) == 3, "the new line")
    assert daemon.stop() == 0


def test_a_baseline_that_could_not_be_written_is_said_at_once(daemon: Daemon) -> None:
    daemon.config.write_text(daemon.config.read_text().replace(str(daemon.baseline), "/nowhere/at/all/baseline"))
    done = daemon.command("run", "--config", daemon.config)
    assert done.returncode == 78
    assert "/nowhere/at/all/baseline: no baseline there, and none can be written there" in done.stderr
