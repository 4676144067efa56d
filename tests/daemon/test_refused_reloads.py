"""A reload over what nobody foresaw is refused with its traceback, and the daemon goes on with what it had."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.process import Daemon
from tests.scoring.making import FAULT, NORMAL, damaged_header

pytestmark = pytest.mark.slow
# A daemon in which scoring is prepared so many times, and then nobody knows why it is not any more.
BROKEN = """
import sys
from logwatchd import daemon
real, left = daemon.scoring_of, [int(sys.argv.pop(1))]
def scoring_of(found):
    left[0] -= 1
    if left[0] < 0:
        raise ZeroDivisionError("nobody foresaw this")
    return real(found)
daemon.scoring_of = scoring_of
from logwatchd.__main__ import run
sys.exit(run())
"""


class BrokenDaemon(Daemon):
    """good: how often scoring can be prepared."""

    good = 1

    def argv(self, *args: object) -> list[str]:
        python, *rest = super().argv(*args)
        return [python, "-c", BROKEN, str(self.good), *rest[2:]] if args[0] == "run" else [python, *rest]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[BrokenDaemon]:
    with BrokenDaemon(tmp_path) as made:
        yield made


def test_a_reload_over_a_damaged_baseline_or_a_mistake_of_ours_is_refused(daemon: BrokenDaemon) -> None:
    daemon.learn()
    daemon.good = 2
    daemon.start()
    good = daemon.baseline.read_bytes()
    daemon.baseline.write_bytes(damaged_header(good))
    done = daemon.command("reload", "--config", daemon.config)
    assert done.returncode == 78
    assert f"{daemon.baseline}: not a baseline, or damaged (TokenError); build it again" in done.stderr
    daemon.baseline.write_bytes(good)
    done = daemon.command("reload", "--config", daemon.config)
    assert done.returncode == 78
    assert "ZeroDivisionError: nobody foresaw this: a mistake in logwatchd" in done.stderr
    foreseen, unforeseen = daemon.events("RELOAD_REFUSED")
    assert "traceback" not in foreseen
    assert "in scoring_of" in unforeseen["traceback"]
    daemon.append(FAULT)
    daemon.wait(lambda: daemon.alerted() == [FAULT], "the alert by the old baseline")
    assert daemon.stop() == 0


def test_a_learned_baseline_that_cannot_be_put_to_use_ends_nothing(daemon: BrokenDaemon) -> None:
    daemon.good = 0
    daemon.write_config('warmup = "1s"\n')
    daemon.start()
    daemon.append(*NORMAL * 100)
    daemon.wait(lambda: daemon.events("WARMUP_FAILS"), "the trouble being said")
    (said,) = daemon.events("WARMUP_FAILS")
    assert "in scoring_of" in said["traceback"]
    daemon.append("CRITICAL reactor two is on fire")
    daemon.wait(lambda: daemon.alerted() == ["CRITICAL reactor two is on fire"], "the alarm")
    assert daemon.stop() == 0
