"""The demonstration from the first request to the verdict; reads like a table of contents."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from _demo.faults import FAULTS, Fault
from _demo.logbook import LogEvent, read_events
from _demo.premises import Premises
from _demo.screen import Screen
from _demo.traffic import Traffic
from _demo.verdict import Verdict, Window, judge
from _demo.watcher import Watcher, learn

BUDGET_S = 85.0
LEARN_REQUESTS = 2_400
LEARN_PER_S = 200.0
RELOADS = 3  # of the shop's settings while it is being learned: that is normal as well
NORMAL_REQUESTS = 320
LIVE_PER_S = 40.0
FOUND_WITHIN_S = 12.0
SETTLE_S = 1.5
RECOVERY_S = 2.5
WORDS_WITHIN_S = 12.0
_POLL_S = 0.05
_JUDGE_EVERY_S = 0.5
_GAVE_UP_S = 8.0  # what is left of the budget is kept for the summary and for ending everything

_CONFIG = """\
state_dir = "{state}"

[[source]]
paths = ["{shop_log}"]
service = "shop"

[[source]]
paths = ["{access_log}"]
service = "shop-access"

[baseline]
path = "{baseline}"

[slack]
enabled = false
"""


@dataclass(frozen=True, slots=True)
class Options:
    """folder: an empty one, for everything that is written. seed: of the customers' choices and the shop's stock."""

    folder: Path
    seed: int
    claude: bool


def tell(options: Options, screen: Screen) -> bool:
    """Run the whole demonstration; whether it passed."""
    began = time.monotonic()
    screen.headline()
    with ExitStack() as stack:
        story = _Story(options, screen, stack, began + BUDGET_S)
        story.open_shop()
        story.learn_normal()
        story.watch()
        story.stay_normal()
        for number, fault in enumerate(FAULTS, 1):
            story.break_and_mend(number, fault)
        verdict = story.end()
    screen.summary(verdict, time.monotonic() - began)
    return verdict.passed


class _Story:
    """What the chapters share: the shop, its customers, logwatchd, and when each fault lasted."""

    def __init__(self, options: Options, screen: Screen, stack: ExitStack, deadline: float) -> None:
        self._options = options
        self._screen = screen
        self._stack = stack
        self._deadline = deadline
        self._windows: list[Window] = []
        self._shown: set[str] = set()
        self._worded: set[str] = set()
        self._judged = (0, 0.0)  # how many alerts there were, and when
        self._log_starts: dict[Path, int] = {}  # where the time of the faults begins

    def open_shop(self) -> None:
        with self._screen.step("opening the shop") as done:
            self._premises = self._stack.enter_context(Premises(self._options.folder / "shop", self._options.seed))
            self._traffic = self._stack.enter_context(Traffic(self._premises.port, self._options.seed))
            done(f"http://127.0.0.1:{self._premises.port}, and a shipping service behind it")
        self._screen.note(f"photos are kept on {self._premises.disk.value}")
        self._screen.note(f"its logs: {self._premises.shop_log}, {self._premises.access_log.name}")

    def learn_normal(self) -> None:
        with self._screen.progress("customers come", LEARN_REQUESTS) as advance:
            self._traffic.set_rate(LEARN_PER_S)
            reloads = 0
            while (sent := self._traffic.sent) < LEARN_REQUESTS and self._goes_on():
                if sent > LEARN_REQUESTS * (reloads + 1) // (RELOADS + 1):
                    os.kill(self._premises.shop_pid, signal.SIGHUP)
                    reloads += 1
                advance(sent, f"{sent:,} requests")
                time.sleep(_POLL_S)
            self._traffic.set_rate(0)
            advance(LEARN_REQUESTS, f"{self._traffic.sent:,} requests")
        with self._screen.step("learning what is normal") as done:
            logs = [self._premises.shop_log, self._premises.access_log]
            done(learn(self._options.folder / "baseline", self._write_config(), logs))

    def _write_config(self) -> Path:
        folder = self._options.folder
        config = folder / "logwatchd.toml"
        config.write_text(
            _CONFIG.format(
                state=folder / "state",
                shop_log=self._premises.shop_log,
                access_log=self._premises.access_log,
                baseline=folder / "baseline",
            ),
            encoding="utf-8",
        )
        return config

    def watch(self) -> None:
        with self._screen.step("starting 'logwatchd run'") as done:
            began = time.monotonic()
            self._watcher = self._stack.enter_context(Watcher(self._options.folder / "logwatchd.toml"))
            done(f"ready after {time.monotonic() - began:.1f} s")

    def stay_normal(self) -> None:
        with self._screen.progress("more customers, nothing broken", NORMAL_REQUESTS) as advance:
            before = self._traffic.sent
            self._traffic.set_rate(LIVE_PER_S)
            while (sent := self._traffic.sent - before) < NORMAL_REQUESTS and self._goes_on():
                advance(sent, f"{sent} requests")
                self._show_news()
                time.sleep(_POLL_S)
            advance(NORMAL_REQUESTS, f"{self._traffic.sent - before} requests, {self._counted_alarms()}")

    def break_and_mend(self, number: int, fault: Fault) -> None:
        """Break the shop, wait for the alert, mend it, and serve customers for a while."""
        self._close_window()
        if not self._log_starts:
            files = (self._premises.shop_log, self._premises.access_log)
            self._log_starts = {file: file.stat().st_size for file in files}
        self._screen.fault(number, len(FAULTS), fault.name, fault.what)
        # Open until the next fault begins: an alert may well come when the shop is whole again.
        self._windows.append(Window(fault.name, fault.evidence, time.time(), float("inf")))
        began = time.monotonic()
        with fault.broken(self._premises):
            if self._wait(self._is_found, FOUND_WITHIN_S):
                self._wait(lambda: False, SETTLE_S)
            else:
                self._screen.missed(fault.name, time.monotonic() - began)
        told = {one.alert.id for one in self._verdict().findings[-1].told}
        self._screen.joined([one.line for one in self._watcher.joined if one.alert_id in told])
        before = self._traffic.sent
        self._wait(lambda: False, RECOVERY_S)
        self._screen.note(f"mended; {self._traffic.sent - before} requests served since")

    def end(self) -> Verdict:
        self._traffic.set_rate(0)
        if self._options.claude:
            alerts = {told.alert.id for told in self._watcher.told}
            self._wait(lambda: self._worded >= alerts, WORDS_WITHIN_S)
        self._close_window()
        return self._verdict()

    def _close_window(self) -> None:
        if self._windows:
            last = self._windows.pop()
            self._windows.append(Window(last.fault, last.evidence, last.began, time.time()))

    def _goes_on(self) -> bool:
        """Whether there is time left. Raises ChildError when a process is gone."""
        self._premises.check()
        return time.monotonic() < self._deadline - _GAVE_UP_S

    def _wait(self, done: Callable[[], bool], at_most_s: float) -> bool:
        """Show what comes in until `done` says so, or time is up; whether it did."""
        until = time.monotonic() + at_most_s
        while not done():
            if time.monotonic() >= until or not self._goes_on():
                return False
            time.sleep(_POLL_S)
            self._watcher.check()
            self._show_news()
        self._show_news()
        return True

    def _events(self) -> list[LogEvent]:
        """What the shop wrote since the first fault."""
        found: list[LogEvent] = []
        for path, start in self._log_starts.items():
            with path.open("rb") as file:
                file.seek(start)
                found += read_events(file.read().decode("utf-8", "backslashreplace"))
        return found

    def _is_found(self) -> bool:
        """Whether the present fault is; judged anew when something was said, and at times, as the evidence grows."""
        now, said = time.monotonic(), len(self._watcher.told)
        if said == self._judged[0] and now < self._judged[1] + _JUDGE_EVERY_S:
            return False
        self._judged = (said, now)
        return self._verdict().findings[-1].found

    def _verdict(self) -> Verdict:
        return judge(self._windows, self._events(), self._traffic.failed(), self._watcher.told)

    def _show_news(self) -> None:
        """Print the alerts and analyses that have come since the last time."""
        news = [told for told in self._watcher.told if told.alert.id not in self._shown]
        if news:
            verdict = self._verdict()
            for told in news:
                self._shown.add(told.alert.id)
                finding = next((finding for finding in verdict.findings if told in finding.told), None)
                began = finding.first_bad_at if finding else None
                after_s = max(0.0, told.at - began) if began is not None else None
                self._screen.incident(told, after_s, false_alarm=told in verdict.false_alarms)
        by_id = {told.alert.id: told for told in self._watcher.told}
        for words in self._watcher.words:
            if words.alert_id in by_id and words.alert_id not in self._worded:
                self._worded.add(words.alert_id)
                self._screen.words(by_id[words.alert_id], words)

    def _counted_alarms(self) -> str:
        count = len(self._watcher.told)
        return "nothing raised" if count == 0 else f"{count} raised, all of them false"
