"""No fault is lost: the whole daemon, killed again and again, against a receiver that fails three times in ten."""

from __future__ import annotations

import collections
import itertools
import random
import signal
from pathlib import Path

import pytest

from tests.daemon.process import Daemon
from tests.fakes import Reset, Status
from tests.fakes.hook import FakeHook
from tests.fakes.server import Answer, Request
from tests.helpers import LONG, wait_until
from tests.scoring.making import NORMAL

pytestmark = pytest.mark.slow

FAULTS, LINES = 10, 6_000  # before each kill
FAULTS_DOWN, LINES_DOWN = 5, 4_000  # and behind it, while the daemon is down
BATCH = 2_000
FILES = 30
SINK = '[[sink]]\nname = "ops"\ntype = "webhook"\nurl = "{url}/hook"\nsecret = "ops_secret"\n'
INCIDENTS = '[incidents]\ngroup_by = "{group_by}"\ngroup_wait_s = 0.5\nmax_alerts_per_hour = 0\n'


def fault(number: int) -> str:
    """A text that no other number has, and a pattern, too: no letters that hexadecimal numbers have."""
    return f"CRITICAL disk of {chr(103 + number // 20) * 4}{chr(103 + number % 20) * 4} vanished"


class Receiver(FakeHook):
    """Fails three requests in ten, in every way. accepted: what it took, in order."""

    def __init__(self) -> None:
        self._chance = random.Random(11)
        self.accepted: list[Request] = []
        super().__init__("/hook")

    def well(self, request: Request) -> Answer:
        if self._chance.random() < 0.3:
            return self._chance.choice([Status(500), Status(503), Reset(), Status(429, headers={"Retry-After": "0"})])
        self.accepted.append(request)
        return super().well(request)

    def alerts(self) -> list[str]:
        """The lines of the alerts that it took."""
        return [request.body["alert"]["line"] for request in self.accepted if request.body["kind"] == "alert"]


class Writer:
    """Writes lines into thirty files, a fault here and there."""

    def __init__(self, daemon: Daemon, chance: random.Random) -> None:
        self.faults: list[str] = []
        self._daemon = daemon
        self._chance = chance
        self._files = itertools.cycle(range(FILES))

    def write(self, lines: int, faults: int) -> None:
        written = [NORMAL[place % len(NORMAL)] for place in range(lines)]
        for place in self._chance.sample(range(lines), faults):
            self.faults.append(fault(len(self.faults)))
            written[place] = self.faults[-1]
        for start in range(0, lines, BATCH):
            self._daemon.append(
                *written[start : start + BATCH], file=self._daemon.logs / f"app{next(self._files):02}.log"
            )


@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=LONG)])
@pytest.mark.parametrize("group_by", ["none", "meaning"])
def test_every_fault_is_delivered_although_the_daemon_is_killed_again_and_again(
    tmp_path: Path, group_by: str, kills: int
) -> None:
    chance = random.Random(5)
    with Receiver() as hook:
        extra = INCIDENTS.format(group_by=group_by) + SINK.format(url=hook.url)
        with Daemon(tmp_path, extra, {"OPS_SECRET": "of-the-receiver"}) as daemon:
            daemon.learn()
            for number in range(FILES):
                (daemon.logs / f"app{number:02}.log").touch()
            daemon.start()
            writer = Writer(daemon, chance)
            for _ in range(kills):
                # Anywhere from its start to when all of this is told; that it happens each time makes the number sure.
                moment = len(daemon.entries) + len(hook.requests) + chance.randrange(1, FAULTS)
                writer.write(LINES, FAULTS)
                wait_until(lambda moment=moment: len(daemon.entries) + len(hook.requests) >= moment)  # type: ignore[misc]
                daemon.stop(signal.SIGKILL)
                writer.write(LINES_DOWN, FAULTS_DOWN)
                daemon.start(ready=False)
            wanted = set(writer.faults)

            def told() -> set[str]:
                """Faults that are the line of a delivered alert, or were put to one."""
                ids = {request.body["key"] for request in list(hook.accepted)}
                joined = {entry["line"] for entry in daemon.events("INCIDENT_GREW") if entry["alert_id"] in ids}
                return (set(hook.alerts()) | joined) & wanted

            daemon.wait(lambda: told() == wanted, "every fault's delivery", timeout_s=300)
            assert daemon.stop() == 0
        repeats = [count - 1 for count in collections.Counter(hook.alerts()).values()]
        print(f"{group_by}: {len(repeats)} alerts, {sum(repeats)} repeats, {len(hook.requests)} requests")
        if group_by == "none":
            assert set(hook.alerts()) == wanted
        # A share of few faults says little: there it is only no more than one for each kill.
        assert sum(repeats) < (0.05 * len(wanted) if kills >= 20 else kills + 1)
