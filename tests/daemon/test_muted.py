"""`[[mute]]` as an operator uses it: written by what an alert says, and in force with a reload."""

from __future__ import annotations

from pathlib import Path

import pytest

from logwatchd import status_file
from tests.daemon.process import Daemon
from tests.scoring.making import FAULT

pytestmark = pytest.mark.slow
OTHER = "ERROR shop.mail the queue is over its limit"
BY_PATTERN = '[incidents]\ngroup_by = "pattern"\n'


def test_a_reload_mutes_a_kind_of_line_and_nothing_else(tmp_path: Path) -> None:
    with Daemon(tmp_path, BY_PATTERN) as daemon:
        daemon.learn()
        daemon.log.touch()
        daemon.start()
        daemon.append(FAULT)
        daemon.wait(lambda: daemon.alerted(), "the alert")
        (told,) = daemon.events("ANOMALY")
        daemon.write_config(f'{BY_PATTERN}[[mute]]\nfingerprints = ["{told["fingerprint"]}"]\nreason = "OPS-1"\n')
        assert daemon.command("reload", "--config", daemon.config).returncode == 0
        daemon.append(FAULT, FAULT, FAULT, OTHER)
        daemon.wait(lambda: len(daemon.alerted()) == 2, "the other line's alert")
        daemon.wait(lambda: daemon.events("LINES_MUTED"), "word of what is muted")
        assert daemon.alerted() == [FAULT, OTHER]
        (muted,) = daemon.events("LINES_MUTED")
        assert (muted["mute"], muted["line"]) == ("mute[1] (OPS-1)", FAULT)
        daemon.wait(lambda: "incidents open, 3 lines muted" in daemon.status(), "the count in the status")
        assert daemon.stop() == 0
        status = status_file.read(daemon.state)
        assert status is not None
        assert (status.counters["anomalies"], status.counters["anomalies_muted"]) == (5, 3)
